"""Counting with a simulated engine, which has a tokenizer of its own, and with one that
has the small tokenizer of the tests: the real engine cannot be started for each test.
"""

import asyncio
import contextlib
import shutil
import tempfile
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from inference.encoding import load
from inference.wire import EngineAddress, Route, Task
from metering.proxy import counting, errors
from metering.proxy.counting import Counting
from metering.proxy.errors import RefusedError
from metering.proxy.prompts import ChatPrompt
from metering.proxy.transform.endpoints import ENDPOINTS
from metering.proxy.upstream import Engine
from tests.engine_contract.engines import run_simulator
from tests.metering.proxy.parsed import parsed

FOLDER = Path(__file__).parents[2] / "data" / "counting"
MODEL = "smollm2-135m-instruct"
CHAT = "/v1/chat/completions"
SALT = "salt"


class TwinEngine:
    """Answers `/tokenize` with the tokenizer in FOLDER, later if it is told to."""

    def __init__(self) -> None:
        self.counter = load(FOLDER)
        self.asked = 0
        self.goes_on = asyncio.Event()
        self.goes_on.set()
        self.answer: bytes | None = None
        self.serving: set[asyncio.Task[object] | None] = set()

    async def serve(self, reader, writer):
        self.serving.add(asyncio.current_task())
        with (
            contextlib.closing(writer),
            contextlib.suppress(asyncio.IncompleteReadError, ConnectionError),
        ):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].split()[0])
                body = msgspec.json.decode(await reader.readexactly(length))
                self.asked += 1
                await self.goes_on.wait()
                answer = self.answer or self.tokenized(body)
                writer.write(
                    b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b"
                    % (len(answer), answer)
                )

    def tokenized(self, body):
        if "prompt" in body:
            tokens = self.counter.encode_text(body["prompt"])
        else:
            prompt = msgspec.convert(body, ChatPrompt)
            tokens = self.counter.encode_chat(
                prompt.messages,
                tools=prompt.tools,
                add_generation_prompt=prompt.add_generation_prompt,
            )
        return msgspec.json.encode({"tokens": tokens, "count": len(tokens)})


class Rig:
    """One Counting before one engine that can be taken away."""

    def __init__(self, socket: Path) -> None:
        self.address = EngineAddress(engine_id=1, name="e", address=f"unix:{socket}")
        self.engine = Engine(self.address, connect_seconds=1.0)
        self.routes: list[Route] = []
        self.is_ready = True
        self.counted: Counter[str] = Counter()
        self.counting = Counting(
            routes=lambda: self.routes,
            pick_engine=self.pick,
            engine_key="engine-key",
            counted=self.counted,
        )

    def route(self, folder=None):
        return Route(
            model=MODEL,
            is_default=True,
            context_tokens=4096,
            created_at=0,
            engines=(self.address,),
            task=Task.GENERATE,
            tokenizer_folder=None if folder is None else str(folder),
        )

    def pick(self, route, *, besides):  # noqa: ARG002 - as the router's
        if not self.is_ready or self.address.engine_id in besides:
            raise RefusedError(errors.OVERLOADED, "No engine.")
        return self.engine

    def start(self, route, request, cache_salt=SALT):
        """The future of a count."""
        found = asyncio.get_running_loop().create_future()
        self.counting.count(route, request, found.set_result, cache_salt=cache_salt)
        return found

    async def count(self, route, request, cache_salt=SALT):
        return await asyncio.wait_for(self.start(route, request, cache_salt), 10)

    async def until(self, condition):
        async with asyncio.timeout(30):
            while not condition():  # noqa: ASYNC110 - what it waits for is plain state
                await asyncio.sleep(0.01)

    def model(self, folder=FOLDER):
        return self.counting._models.get(str(folder))


@pytest.fixture
async def twin():
    return TwinEngine()


@pytest.fixture
async def rig(twin, monkeypatch):
    monkeypatch.setattr(counting, "_TURN_SECONDS", 0.02)
    with tempfile.TemporaryDirectory(prefix="tf-") as name:
        server = await asyncio.start_unix_server(twin.serve, f"{name}/e.sock")
        rig = Rig(Path(name) / "e.sock")
        loading = asyncio.create_task(rig.counting.keep_loading())
        yield rig
        loading.cancel()
        rig.counting.close()
        rig.engine.close_idle()
        server.close()
        twin.goes_on.set()
        await asyncio.wait_for(asyncio.gather(*twin.serving), 10)


@pytest.fixture(scope="module")
def simulator(tmp_path_factory):
    with run_simulator(tmp_path_factory.mktemp("simulator")) as engine:
        yield engine


def chat(text="Tell me of the sea."):
    return parsed(CHAT, messages=[{"role": "user", "content": text}])


async def test_it_works(rig, twin):
    route = rig.route(FOLDER)
    rig.routes = [route]
    await rig.until(lambda: rig.model() and rig.model().agreed)
    asked = twin.asked
    assert await rig.count(route, chat()) == 22
    assert twin.asked == asked
    assert rig.counting.most_input_tokens(route, chat()) == 52


async def test_before_the_engine_agreed_the_engine_counts(rig, twin):
    twin.goes_on.clear()
    route = rig.route(FOLDER)
    rig.routes = [route]
    await rig.until(lambda: rig.model() and rig.model().counter)
    counted = rig.start(route, chat())
    await asyncio.sleep(0.05)
    assert not counted.done()
    twin.goes_on.set()
    assert await asyncio.wait_for(counted, 10) == 22


async def test_a_tokenizer_that_counts_otherwise_is_not_used(rig, twin, caplog):
    twin.answer = b'{"tokens": [1, 2], "count": 2}'
    route = rig.route(FOLDER)
    rig.routes = [route]
    await rig.until(lambda: "does not count like" in caplog.text)
    assert await rig.count(route, chat()) == 2
    assert rig.counting.most_input_tokens(route, chat()) == 4096


async def test_equal_prompts_are_counted_once(rig, twin):
    route = rig.route()
    twin.goes_on.clear()
    waiting = [rig.start(route, chat()) for _ in range(5)]
    twin.goes_on.set()
    assert await asyncio.gather(*waiting) == [22] * 5
    assert await rig.count(route, chat()) == 22
    assert twin.asked == 1
    assert await rig.count(route, chat(), cache_salt="another tenant") == 22
    assert twin.asked == 2


async def test_only_so_many_counts_are_kept(rig, twin, monkeypatch):
    monkeypatch.setattr(counting, "KEPT_COUNTS_MAX", 2)
    for text in ("a", "b", "a", "c", "a", "b"):
        await rig.count(rig.route(), chat(text))
    assert twin.asked == 4


async def test_nobody_waits_for_a_full_queue(rig, twin, monkeypatch):
    monkeypatch.setattr(counting, "ASKING_MAX", 2)
    twin.goes_on.clear()
    waiting = [rig.start(rig.route(), chat(str(number))) for number in range(3)]
    assert await asyncio.wait_for(waiting[2], 10) is None
    twin.goes_on.set()
    assert None not in await asyncio.gather(*waiting[:2])
    monkeypatch.setattr(counting, "WAITING_MAX", 0)
    assert await rig.count(rig.route(), chat("more")) is None


async def test_a_slow_engine_is_not_waited_for(rig, twin, monkeypatch):
    monkeypatch.setattr(counting, "ASK_SECONDS_MAX", 0.05)
    twin.goes_on.clear()
    assert await rig.count(rig.route(), chat()) is None
    assert rig.engine.calls == 0
    twin.goes_on.set()
    monkeypatch.setattr(counting, "ASK_SECONDS_MAX", 10)
    assert await rig.count(rig.route(), chat()) == 22


@pytest.mark.parametrize("answer", [b"{}", b"[]", b"no JSON", b'{"count": "x"}'])
async def test_an_answer_without_a_count_is_none(rig, twin, answer):
    twin.answer = answer
    assert await rig.count(rig.route(), chat()) is None


async def test_without_an_engine_the_count_is_none(rig):
    rig.is_ready = False
    assert await rig.count(rig.route(), chat()) is None


async def test_a_prompt_that_is_too_long_is_none(rig, twin):
    assert await rig.count(rig.route(), chat("x" * 1024 * 1024)) is None
    assert twin.asked == 0


async def test_what_is_not_countable_here_is_asked(rig, twin):
    route = rig.route(FOLDER)
    rig.routes = [route]
    await rig.until(lambda: rig.model() and rig.model().agreed)
    twin.answer = b'{"count": 99}'
    developer = parsed(CHAT, messages=[{"role": "developer", "content": "x"}])
    assert await rig.count(route, developer) == 99


async def test_a_large_vocabulary_is_left_to_the_engine(rig, tmp_path, monkeypatch):
    monkeypatch.setattr(counting, "VOCABULARY_TOKENS_MAX", 1500)
    other = tmp_path / "other"
    shutil.copytree(FOLDER, other)
    rig.routes = [rig.route(FOLDER), rig.route(other)]
    both = (FOLDER, other)
    await rig.until(lambda: all(rig.model(one) for one in both))
    await rig.until(lambda: all(rig.model(one).bound for one in both))
    await rig.until(lambda: any(rig.model(one).agreed for one in both))
    loaded = [rig.model(one).counter is not None for one in both]
    assert sorted(loaded) == [False, True]
    assert rig.counting.most_input_tokens(rig.route(other), chat()) == 52


async def test_a_model_of_no_route_is_forgotten(rig):
    rig.routes = [rig.route(FOLDER)]
    await rig.until(lambda: rig.model() and rig.model().agreed)
    rig.routes = []
    await rig.until(lambda: rig.model() is None)


async def test_the_simulator_counts_what_it_will_bill(simulator):
    other = Rig(simulator.socket)
    text = "Tell me of the sea, 12 times. Ünïcode!"
    for path, body in (
        (CHAT, {"messages": [{"role": "user", "content": text}]}),
        ("/v1/completions", {"prompt": text}),
        ("/v1/completions", {"prompt": [text, "b"]}),
        ("/v1/messages", {"messages": [{"role": "user", "content": text}]}),
    ):
        call = {"max_tokens": 1, **body}
        usage = simulator.post(path, call).json()["usage"]
        used = usage.get("prompt_tokens") or sum(
            usage.get(name) or 0
            for name in (
                "input_tokens",
                "cache_read_input_tokens",
                "cache_creation_input_tokens",
            )
        )
        assert await other.count(other.route(), parsed(path, **body)) == used
    other.engine.close_idle()
    other.counting.close()


def test_tenants_cannot_reach_the_engines_own_path():
    assert b"/tokenize" not in ENDPOINTS
