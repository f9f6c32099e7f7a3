"""One question to an engine or to the control plane, awaited: what is no call."""

import asyncio

from metering.proxy.upstream import Engine, EngineConnection
from metering.proxy.usage_tap import StreamTap


async def ask(
    engine: Engine, head: bytes, body: bytes, *, fresh: bool
) -> tuple[int, bytes]:
    """(status, body) of the answer. The caller sets the time-out. `fresh`: not over an
    idle connection, which may have been closed under our hands.

    Raises OSError when there is no connection, or no answer that makes sense.
    """
    connection = await _connect(engine, fresh=fresh)
    receiver = _Receiver()
    connection.send(receiver, head, body)
    try:
        return await receiver.answer
    except asyncio.CancelledError:
        connection.abort()
        raise


class _Receiver:
    tap: StreamTap | None = None

    def __init__(self) -> None:
        self.answer: asyncio.Future[tuple[int, bytes]] = (
            asyncio.get_running_loop().create_future()
        )

    def on_stream_begun(self) -> None: ...

    def on_stream(self, ready: bytes) -> None: ...

    def on_whole_answer(self, status: int, body: bytes) -> None:
        if not self.answer.done():
            self.answer.set_result((status, body))

    def on_engine_lost(self, error: Exception) -> None:
        if not self.answer.done():
            known = isinstance(error, OSError)
            self.answer.set_exception(error if known else OSError(str(error)))


async def _connect(engine: Engine, *, fresh: bool) -> EngineConnection:
    made: asyncio.Future[EngineConnection] = asyncio.get_running_loop().create_future()

    def on_connected(connection: EngineConnection | OSError) -> None:
        if isinstance(connection, OSError):
            if not made.done():
                made.set_exception(connection)
        elif made.done():
            connection.release()
        else:
            made.set_result(connection)

    engine.connect(on_connected, fresh=fresh)
    return await made
