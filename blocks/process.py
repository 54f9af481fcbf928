"""Runs a program to its end or to its deadline; nothing of its process group is left behind."""

import asyncio
import os
import signal
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from slipway.errors import BadInput
from slipway.explanations import printable

KEPT_LINES = 400
KILLED = (-signal.SIGKILL, 128 + signal.SIGKILL)
OUT_OF_MEMORY = "killed by the kernel: out of memory (or somebody sent SIGKILL)"
_LINE_BYTES = 64 * 1024

# What programs of a build may see of our environment: how to reach things, never credentials.
HARMLESS = frozenset(
    "PATH HOME LANG LANGUAGE TZ TMPDIR TERM CI VIRTUAL_ENV JAVA_HOME NODE_EXTRA_CA_CERTS "
    "SSL_CERT_FILE SSL_CERT_DIR REQUESTS_CA_BUNDLE CURL_CA_BUNDLE GIT_SSL_CAINFO "
    "HTTP_PROXY HTTPS_PROXY NO_PROXY http_proxy https_proxy no_proxy".split()
)
HARMLESS_PREFIXES = ("LC_", "PIP_", "UV_", "NPM_CONFIG_", "npm_config_")


@dataclass(frozen=True, slots=True)
class Finished:
    """How a program ended: exit code (negative for a signal), last lines, whether it was late."""

    code: int
    lines: tuple[str, ...]
    late: bool = False

    @property
    def is_out_of_memory(self) -> bool:
        """Whether it was killed as the kernel kills what asks for more memory than there is."""
        return not self.late and self.code in KILLED

    @property
    def how(self) -> str:
        """Its end in words."""
        if self.is_out_of_memory:
            return OUT_OF_MEMORY
        return f"signal {-self.code}" if self.code < 0 else f"exit code {self.code}"


def harmless(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that a program of the build may see. Pure."""
    return {
        name: value
        for name, value in environment.items()
        if name in HARMLESS or name.startswith(HARMLESS_PREFIXES)
    }


async def run(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path,
    seconds: float,
    say: Callable[[str], None] | None = None,
) -> Finished:
    """Run a program without a shell and without input; its output comes line by line to `say`.

    Raises:
        BadInput: there is no such program.
    """
    lines: deque[str] = deque(maxlen=KEPT_LINES)
    async with _pipe() as (reader, writer):
        process = await _start(argv, env, cwd, writer)
        late = False
        try:
            async with asyncio.timeout(seconds):
                await _read(reader, lines, say)
                await process.wait()
        except TimeoutError:
            late = True
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            code = await process.wait()
    return Finished(code, tuple(lines), late)


async def _start(
    argv: Sequence[str], env: Mapping[str, str], cwd: Path, output: int
) -> asyncio.subprocess.Process:
    try:
        return await asyncio.create_subprocess_exec(
            *argv,
            env=dict(env),
            cwd=cwd,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
    except (FileNotFoundError, PermissionError) as error:
        raise BadInput(
            f"program {argv[0]!a} cannot be started",
            found=type(error).__name__,
            next_step="install it, or name its path",
        ) from error
    finally:
        os.close(output)


@asynccontextmanager
async def _pipe() -> AsyncIterator[tuple[asyncio.StreamReader, int]]:
    """A pipe of our own: it is closed here even where a program that got away still holds it."""
    read_end, write_end = os.pipe()
    reader = asyncio.StreamReader(limit=_LINE_BYTES)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(read_end, "rb", buffering=0)
    )
    try:
        yield reader, write_end
    finally:
        transport.close()
        await asyncio.sleep(0)  # lets the transport close its file


async def _read(
    stream: asyncio.StreamReader, lines: deque[str], say: Callable[[str], None] | None
) -> None:
    while True:
        try:
            raw = await stream.readline()
        except ValueError:
            continue  # a line beyond the limit: its start is dropped, its end is read next
        if not raw:
            return
        line = printable(raw.decode(errors="replace").rstrip())
        lines.append(line)
        if say and line:
            say(line)
