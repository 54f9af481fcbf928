"""Hands connections from a cluster's link on to a port of this machine's loopback.

    python forward.py ADDRESS PORT     listens on ADDRESS:PORT, connects to 127.0.0.1:PORT

So a node can pull from a registry that listens on loopback alone.
"""

import asyncio
import contextlib
import sys


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Everything that comes, then the end of it."""
    with contextlib.suppress(OSError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
        writer.write_eof()


async def relay(port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One connection, until both sides have said all."""
    try:
        there, back = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(pump(reader, back), pump(there, writer))
        back.close()
    except OSError:
        pass  # nobody listens there: the caller sees the connection end
    finally:
        writer.close()


async def forward(address: str, port: int) -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await relay(port, reader, writer)

    server = await asyncio.start_server(handle, address, port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(forward(sys.argv[1], int(sys.argv[2])))
