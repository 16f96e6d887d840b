"""A gateway, a Redis and a slow way between them, as the fault tests start and hurt them. Each ends with its block."""

import asyncio
import contextlib
import re
import resource
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType

# Enough for anything that is not meant to run out of time, on a busy machine.
PATIENCE = 30.0


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


class Gateway:
    """The real gateway; it can be killed and started again at its address, on its store."""

    def __init__(self, binary: Path, folder: Path, store: str, settings: Mapping[str, str] | None = None) -> None:
        """It is not started yet."""
        self.address = f"127.0.0.1:{free_port()}"
        self.environment: dict[str, str] = {}
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

    def status(self, path: str, body: bytes | None = None) -> int:
        """The HTTP status of a path; 0 if nobody answers."""
        return self.ask(path, body)[0]

    def ask(self, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        """The HTTP status and the body of an answer on a connection of its own; 0 if nobody answers."""
        request = urllib.request.Request(f"http://{self.address}{path}", body, {"content-type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310
                return int(answer.status), answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()
        except OSError:
            return 0, b""

    def metric(self, name: str) -> float:
        """The sum of a metric over its labels."""
        status, text = self.ask("/metrics")
        assert status == 200
        lines = re.findall(rf"^{name}(?:{{.*}})? (\S+)$", text.decode(), re.MULTILINE)
        return sum(float(value) for value in lines)

    def descriptors(self) -> int:
        """File descriptors that it has open, sockets too."""
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))

    def threads(self) -> int:
        """Threads that it has."""
        return len(list(Path(f"/proc/{self.pid}/task").iterdir()))

    def allow_descriptors(self, count: int) -> None:
        """Lets it have no more descriptors than these."""
        _, hard = resource.prlimit(self.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(self.pid, resource.RLIMIT_NOFILE, (count, hard))

    def connects(self) -> None:
        """Waits until all its connections to Redis are up."""
        up, all_of_them = "unskew_store_connections_up", "unskew_store_connections"
        wait("all connections to Redis are up", lambda: self.metric(up) == self.metric(all_of_them))

    def settles(self, descriptors: int) -> None:
        """Waits until it works on nothing, nobody is connected but this one, and no more descriptors are open."""
        # The two calls that ask are the one request and the one connection.
        wait("no request is worked on", lambda: self.metric("unskew_requests_in_flight") <= 1)
        wait("no client is connected", lambda: self.metric("unskew_connections_open") <= 1)
        wait(f"at most {descriptors} descriptors are open", lambda: self.descriptors() <= descriptors)


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


class SlowWay:
    """A TCP proxy to a port, which can hold every answer back."""

    def __init__(self, port: int) -> None:
        """It listens once the block is entered."""
        self.delay = 0.0
        self._to = port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.port = 0
        self._server: asyncio.Server | None = None

    def __enter__(self) -> "SlowWay":
        self._thread.start()
        starting = asyncio.start_server(self._connected, "127.0.0.1", 0)
        self._server = asyncio.run_coroutine_threadsafe(starting, self._loop).result(PATIENCE)
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(PATIENCE)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _stop(self) -> None:
        assert self._server is not None
        self._server.close()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _connected(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        try:
            server, to_server = await asyncio.open_connection("127.0.0.1", self._to)
        except OSError:
            to_client.close()
            return
        ways = [self._pass(client, to_server, slow=False), self._pass(server, to_client, slow=True)]
        try:
            # asyncio would log the end of the block as an error.
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.gather(*ways)
        finally:
            to_client.close()
            to_server.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, slow: bool) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(1 << 16):
                if slow and self.delay:
                    await asyncio.sleep(self.delay)
                writer.write(data)
                await writer.drain()
        writer.close()
