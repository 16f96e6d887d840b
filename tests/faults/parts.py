"""A gateway, a Redis and a way between two, as the fault tests start and hurt them. Each ends with its block."""

import asyncio
import contextlib
import re
import resource
import signal
import socket
import ssl
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from unskew import TLS

# Enough for anything that is not meant to run out of time, on a busy machine.
PATIENCE = 30.0
# What the embedded store may open of its own while it grows.
FILES = 16
# Threads for what blocks, which the runtime keeps for a while after their work.
IDLE_THREADS = 16


def wait(what: str, is_so: Callable[[], bool], limit: float = PATIENCE) -> float:
    """Waits until it is so; the seconds that this took."""
    start = time.monotonic()
    while not is_so():
        assert time.monotonic() < start + limit, f"after {limit} s it is still not so: {what}"
        time.sleep(0.02)
    return time.monotonic() - start


def free_port() -> int:
    """A port of loopback on which nothing listens at the moment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@dataclass(frozen=True)
class Rest:
    """What a gateway has open while nobody uses it."""

    descriptors: int
    """File descriptors, sockets too."""
    threads: int
    tasks: int
    """Tasks of its runtime."""


class Gateway:
    """The real gateway; it can be killed and started again at its address, on its store."""

    def __init__(
        self, binary: Path, folder: Path, store: str, settings: Mapping[str, str] | None = None, tls: TLS | None = None
    ) -> None:
        """It is not started yet."""
        self.address = f"127.0.0.1:{free_port()}"
        self.environment: dict[str, str] = {}
        # Whom clients trust, where its settings have a certificate.
        self.tls = tls
        self.trust = ssl.create_default_context(cafile=str(tls.ca)) if tls else None
        self._binary = binary
        self._folder = folder
        self._settings = {
            "APP__SERVER__ADDRESS": self.address,
            "APP__STORE__URL": store,
            "APP__TELEMETRY__LOG_FORMAT": "json",
            **(settings or {}),
        }
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Gateway":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        if error is not None:
            print(self.log()[-4000:])  # noqa: T201 (pytest shows it with the failure)

    def start(self, *, ready: bool = True) -> None:
        """Starts it, and waits until it is ready, or listens."""
        with (self._folder / "gateway.log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(self._binary), "serve"],
                env={**self._settings, **self.environment},
                cwd=self._folder,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )

        def is_up() -> bool:
            assert self.is_alive(), f"the gateway ended:\n{self.log()}"
            return self.status("/readyz" if ready else "/healthz") == 200

        wait("the gateway is up", is_up)

    @property
    def pid(self) -> int:
        """Of the process."""
        assert self._process is not None
        return self._process.pid

    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.poll() is None

    def end(self, how: signal.Signals) -> int:
        """Ends it by a signal; the exit code."""
        assert self._process is not None
        self._process.send_signal(how)
        return self._process.wait(PATIENCE)

    def log(self) -> str:
        """All that it has logged, over its starts."""
        return (self._folder / "gateway.log").read_text(encoding="utf-8")

    def logs(self, text: str, since: str = "") -> None:
        """Waits until it has logged this after what it had logged before."""
        wait(f"{text!r} is logged", lambda: text in self.log()[len(since) :])

    def status(self, path: str, body: bytes | None = None) -> int:
        """The HTTP status of a path; 0 if nobody answers."""
        return self.ask(path, body)[0]

    def ask(self, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        """The HTTP status and the body of an answer on a connection of its own; 0 if nobody answers."""
        scheme = "https" if self.trust else "http"
        url, headers = f"{scheme}://{self.address}{path}", {"content-type": "application/json"}
        request = urllib.request.Request(url, body, headers)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE, context=self.trust) as answer:  # noqa: S310
                return int(answer.status), answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()
        except OSError:
            return 0, b""

    def metric(self, name: str, **label: str) -> float:
        """The sum of a metric over its labels, or over those that have this one."""
        status, text = self.ask("/metrics")
        assert status == 200
        wanted = "".join(f'{key}="{value}".*' for key, value in label.items())
        lines = re.findall(rf"^{name}(?:{{.*{wanted}}}){'' if label else '?'} (\S+)$", text.decode(), re.MULTILINE)
        return sum(float(value) for value in lines)

    def descriptors(self) -> int:
        """File descriptors that it has open, sockets too."""
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))

    def allow_descriptors(self, count: int) -> None:
        """Lets it have no more descriptors than these."""
        _, hard = resource.prlimit(self.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(self.pid, resource.RLIMIT_NOFILE, (count, hard))

    def rest(self) -> "Rest":
        """What it has open while nobody uses it; waits until nobody does."""
        # The two calls that ask are the one request and the one connection.
        wait("no request is worked on", lambda: self.metric("unskew_requests_in_flight") <= 1)
        wait("no client is connected", lambda: self.metric("unskew_connections_open") <= 1)
        threads = len(list(Path(f"/proc/{self.pid}/task").iterdir()))
        return Rest(self.descriptors(), threads, int(self.metric("unskew_tasks")))

    def settles(self, before: "Rest", files: int = 0) -> None:
        """Waits until nobody uses it and it has no more open than before, but for so many files of its store."""
        now = self.rest()

        def is_settled() -> bool:
            nonlocal now
            now = self.rest()
            few_threads = now.threads <= before.threads + IDLE_THREADS
            return few_threads and now.descriptors <= before.descriptors + files and now.tasks <= before.tasks

        try:
            wait("it has no more open than before", is_settled)
        except AssertionError as error:
            raise AssertionError(f"{before} has become {now}") from error

    def connects(self) -> None:
        """Waits until all its connections to Redis are up."""
        up, all_of_them = "unskew_store_connections_up", "unskew_store_connections"
        wait("all connections to Redis are up", lambda: self.metric(up) == self.metric(all_of_them))


class Redis:
    """A Redis that syncs what it acknowledges, and can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        """It is not started yet."""
        self.port = free_port()
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """For `store.url`."""
        return f"redis://127.0.0.1:{self.port}"

    def __enter__(self) -> "Redis":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self.kill()

    def start(self) -> None:
        """Starts it with what it had, and waits until it answers."""
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self._folder)]
        command += ["--save", "", "--appendonly", "yes", "--appendfsync", "always"]
        with (self._folder / "redis.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        wait("Redis answers", lambda: self._answer("PING") == "+PONG")

    def kill(self) -> None:
        """Kills it at once."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """It answers nobody, and its connections stay."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def run(self, words: str, password: str = "") -> str:
        """Sends a command, which must not be refused; the first line of its answer."""
        answer = self._answer(words, password)
        assert not answer.startswith("-"), f"{words}: {answer}"
        return answer

    def _answer(self, words: str, password: str = "") -> str:
        commands = ([f"AUTH {password}"] if password else []) + [words]
        try:
            with socket.create_connection(("127.0.0.1", self.port), 5) as connection:
                lines = connection.makefile("rb")
                for command in commands:
                    # An empty word is written as "".
                    parts = [b"" if part == '""' else part.encode() for part in command.split(" ")]
                    message = b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)
                    connection.sendall(message)
                    line = lines.readline()
                    if line.startswith(b"$") and line != b"$-1\r\n":
                        line = lines.readline()
                return line.decode().strip()
        except OSError as error:
            return f"-{error}"


class Way:
    """A TCP proxy to a port, which can hold every answer back, or fall silent."""

    def __init__(self, port: int) -> None:
        """It listens once the block is entered."""
        self.delay = 0.0
        # Connections of now.
        self.open = 0
        self._joined_ever = 0
        self._silenced = 0
        self._to = port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.port = 0
        self._server: asyncio.Server | None = None

    def __enter__(self) -> "Way":
        self._thread.start()
        starting = asyncio.start_server(self._joined, "127.0.0.1", 0)
        self._server = asyncio.run_coroutine_threadsafe(starting, self._loop).result(PATIENCE)
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(PATIENCE)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def silence(self) -> None:
        """Connections of now stay open, and pass nothing any more; those to come are well."""
        self._silenced = self._joined_ever

    async def _stop(self) -> None:
        assert self._server is not None
        self._server.close()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _joined(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        try:
            server, to_server = await asyncio.open_connection("127.0.0.1", self._to)
        except OSError:
            to_client.close()
            return
        self._joined_ever += 1
        self.open += 1
        number = self._joined_ever
        ways = [self._pass(number, client, to_server, slow=False), self._pass(number, server, to_client, slow=True)]
        try:
            # asyncio would log the end of the block as an error.
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.gather(*ways)
        finally:
            self.open -= 1
            to_client.close()
            to_server.close()

    async def _pass(
        self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, slow: bool
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(1 << 16):
                if number <= self._silenced:
                    continue
                if slow and self.delay:
                    await asyncio.sleep(self.delay)
                writer.write(data)
                await writer.drain()
        writer.close()
