import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.inference.cached_prompt_place import Place, open_place
from tests.inference.servers import Answer, serve


@pytest.fixture
def run_engine() -> Iterator[Callable[..., str]]:
    """Call it with an Answer (and a Path for a unix socket): it returns the address of
    a real server that answers so until the test ends.
    """
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    stops = []

    def run(answer: Answer, path: Path | None = None) -> str:
        started = asyncio.run_coroutine_threadsafe(serve(answer, path), loop)
        address, stop = started.result(timeout=10)
        stops.append(stop)
        return str(address)

    yield run
    for stop in stops:
        asyncio.run_coroutine_threadsafe(stop(), loop).result(timeout=10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(timeout=10)
    loop.close()


@pytest.fixture
def place(
    transactional_db: None,
    valkey: redis.Redis,
    settings: Any,
    tmp_path: Path,
) -> Iterator[Place]:
    """Without an engine at first."""
    del transactional_db, valkey
    with open_place(tmp_path, settings) as opened:
        yield opened
