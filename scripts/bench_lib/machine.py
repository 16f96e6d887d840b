"""Where and with what a benchmark ran."""

import os
import platform
import re
from datetime import UTC, datetime
from pathlib import Path

from bench_lib.options import ROOT, Options
from bench_lib.testbed import POOL, TestBed
from bench_lib.tools import output


def describe(bed: TestBed, options: Options) -> list[tuple[str, str]]:
    """What a reader needs to judge the numbers."""
    loads = " ".join(f"{load:.2f}" for load in os.getloadavg())
    facts = [
        ("date", datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")),
        ("processor", f"{_processor()}, {os.cpu_count()} cores, shared by servers and clients"),
        ("memory", f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.0f} GiB"),
        ("system", f"{_distribution()}, Linux {platform.release()}"),
        ("load average before", loads),
        ("gateway", f"{_first_line([str(bed.gateway_binary), '--version'])}, commit {_commit()}"),
        (
            "compiler",
            f"{_first_line(['rustc', '--version'])}; gateway: profile dist; baseline: cargo's release profile",
        ),
        ("Redis", _first_line(["redis-server", "--version"]).partition(" sha=")[0]),
        ("client", f"{_first_line(['h2load', '--version'])}; {_first_line([str(bed.client.binary), '--version'])}"),
        ("data", f"{len(bed.rows):,} entities of 50 random doubles, JSON of about 1.2 KB each"),
        ("connections to Redis", f"{POOL} of each server"),
    ]
    if options.rounds:
        in_flight = options.connections * options.streams
        h2 = f"{options.connections} connections of {options.streams} streams"
        facts += [
            ("rounds", f"{options.rounds} of {options.seconds:g} s a run"),
            ("requests in flight", f"{in_flight}: {h2}; HTTP/1.1 and Redis: {in_flight} connections"),
        ]
    return facts


def _processor() -> str:
    match = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return match[1] if match else platform.machine()


def _distribution() -> str:
    return platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")


def _commit() -> str:
    commit = output(["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"]).strip()
    changed = output(["git", "-C", str(ROOT), "status", "--porcelain", "--untracked-files=no"]).strip()
    return f"{commit} with changes" if changed else commit


def _first_line(command: list[str]) -> str:
    return output(command).splitlines()[0].strip()
