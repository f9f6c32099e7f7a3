"""Asking an engine about leases: the simulator, and servers that are none."""

import asyncio
import contextlib

import httpx
import pytest

from inference.services import lease_client
from inference.services.lease_client import LeaseClient
from tests.engine_contract.lease_engines import Conversation, run_tiny_simulator


async def ask(address, *, key="engine-key", sequence=0):
    client = LeaseClient(address, key=key)
    try:
        return (
            await client.events(sequence, wait_seconds=0),
            await client.leases(),
        )
    finally:
        await client.close()


async def ask_server(answer):
    """What comes of a server whose whole answer are those bytes; none: it is silent."""
    is_done = asyncio.Event()

    async def serve(reader, writer):
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            if not answer:
                await reader.read()
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
            is_done.set()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        try:
            return await ask(f"http://127.0.0.1:{port}")
        finally:
            await is_done.wait()


def answered(body, *, status="200 OK"):
    head = f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\n\r\n"
    return asyncio.run(ask_server(head.encode() + body))


def test_it_works(tmp_path):
    with run_tiny_simulator(tmp_path) as engine:
        Conversation(engine).turn()
        told, listed = asyncio.run(ask(f"unix:{engine.socket}"))

    assert [one.fact for one in told.receipts] == ["granted"]
    assert [one.lease_id for one in listed.leases] == [told.receipts[0].lease_id]
    assert told.epoch == listed.epoch


def test_it_tells_the_state_and_releases(tmp_path):
    async def look_and_release(client, lease_id):
        before = await client.status()
        released = [
            await client.release(lease_id, tenant_id=tenant_id) for tenant_id in (8, 7)
        ]
        again = await client.release(lease_id, tenant_id=7)
        return before, released, again, await client.status()

    async def act(address, lease_id):
        client = LeaseClient(address, key="engine-key")
        try:
            return await look_and_release(client, lease_id)
        finally:
            await client.close()

    with run_tiny_simulator(tmp_path) as engine:
        conversation = Conversation(engine, tenant_id="7")
        conversation.turn()
        address = f"unix:{engine.socket}"
        before, released, again, after = asyncio.run(
            act(address, conversation.lease_id)
        )

    # Another tenant's lease is none.
    assert (released, again) == ([False, True], False)
    assert (before.leases, after.leases) == (1, 0)
    assert before.held_blocks > after.held_blocks == 0


def test_it_refuses_an_engine_that_refuses_the_key(tmp_path):
    with run_tiny_simulator(tmp_path) as engine, pytest.raises(httpx.HTTPStatusError):
        asyncio.run(ask(f"unix:{engine.socket}", key="another"))


@pytest.mark.parametrize("body", [b"\x00\xff", b"[]", b'{"epoch": 1}', b""])
def test_it_refuses_what_is_no_answer(body):
    with pytest.raises(ValueError, match=r"JSON|Expected|truncated|UTF-8|valid"):
        answered(body)


def test_it_refuses_an_engine_without_leases():
    with pytest.raises(httpx.HTTPStatusError, match="404"):
        answered(b"{}", status="404 Not Found")


def test_it_refuses_an_answer_without_an_end(monkeypatch):
    monkeypatch.setattr(lease_client, "BYTES_MAX", 1000)
    with pytest.raises(ValueError, match="too long"):
        answered(b" " * 1001)


def test_it_refuses_to_wait_for_ever(monkeypatch):
    monkeypatch.setattr(lease_client, "ANSWER_SECONDS_MAX", 0.05)

    with pytest.raises((TimeoutError, httpx.TimeoutException)):
        asyncio.run(ask_server(b""))
