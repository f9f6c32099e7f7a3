"""Servers that answer a health check well, badly, or never."""

import asyncio
import enum
from pathlib import Path


class Answer(enum.Enum):
    WELL = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
    FAILING = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n"
    MOVED = b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\n\r\n"
    GARBAGE = b"SSH-2.0-OpenSSH_9.9\r\n"
    NOTHING = b""
    """Closes the connection without a word."""
    HANGING = b"hang"
    """Takes the request and never answers."""
    DRIPPING = b"drip"
    """Sends a header byte each 50 ms, for ever: no single read is slow."""


async def serve(answer: Answer, path: Path | None):
    """The address and a coroutine function that stops the server."""
    tasks: set[asyncio.Task[None]] = set()

    async def handle(reader, writer):
        task = asyncio.current_task()
        assert task
        tasks.add(task)
        try:
            await reader.readuntil(b"\r\n\r\n")
            await _answer(answer, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            tasks.discard(task)
            writer.close()

    if path:
        server = await asyncio.start_unix_server(handle, path)
        address = f"unix:{path}"
    else:
        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    async def stop():
        server.close()
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    return address, stop


async def _answer(answer, writer):
    if answer is Answer.HANGING:
        await asyncio.Event().wait()
    if answer is not Answer.DRIPPING:
        writer.write(answer.value)
        return await writer.drain()
    writer.write(b"HTTP/1.1 200 OK\r\nx-drip: ")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.05)
