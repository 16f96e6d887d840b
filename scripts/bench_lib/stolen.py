"""CPU time that the host of a virtual machine gave to others: whoever waits for it shows as latency."""

from pathlib import Path

# Ticks of a second are the same in all of /proc/stat: only their shares are used.
# Fields of the first line of /proc/stat: user, nice, system, idle, iowait, irq, softirq, steal.
FIELDS = 8
IDLE = 3
STEAL = 7


class Stolen:
    """Measures from when it is made."""

    def __init__(self) -> None:
        """Begin."""
        self._before = _read()

    def share(self) -> float:
        """The part of all CPU time since then that was stolen, from 0 to 1."""
        return self._part(STEAL)

    def idle(self) -> float:
        """The part that nobody used, from 0 to 1."""
        return self._part(IDLE)

    def _part(self, field: int) -> float:
        passed = [after - before for before, after in zip(self._before, _read(), strict=True)]
        return passed[field] / max(1, sum(passed))


def _read() -> list[int]:
    return [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1 : FIELDS + 1]]
