"""Exact counts of prompts, off the event loop: by this process, else by the engine.

A model whose tokenizer lies on this machine is loaded in the background and used once
its engine, asked the same, has given the same tokens. Every other prompt the engine
counts, over the connections that calls use. Where neither can, nobody waits: the count
is None and what the prompt can have at most stands.
"""

import asyncio
import collections
import contextlib
import ctypes
import logging
from collections.abc import Callable, Container, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

import msgspec

from inference.encoding import Counter, load, vocabulary_size
from inference.errors import NotConvertibleError, NotCountableError
from inference.token_bound import TokenBound, load_bound
from inference.wire import Route
from metering.proxy import prompts
from metering.proxy.asking import ask
from metering.proxy.count_samples import sample_requests
from metering.proxy.errors import RefusedError
from metering.proxy.transform.request import ParsedRequest
from metering.proxy.upstream import HTTP_OK, Engine, request_head

_log = logging.getLogger(__name__)
VOCABULARY_TOKENS_MAX = 65_536
"""Of all models that this process counts for, at 0.25 KiB each; see decision 0015."""
KEPT_COUNTS_MAX = 4096
WAITING_MAX = 64
"""Prompts that are being counted here; above it counts are None at once."""
ASKING_MAX = 32
"""The same for prompts that engines are asked about."""
PROMPT_BYTES_MAX = 1024 * 1024
ASK_SECONDS_MAX = 2.0
_TURN_SECONDS = 1.0

Callback = Callable[[int | None], None]


class PickEngine(Protocol):
    def __call__(self, route: Route, *, besides: Container[int]) -> Engine:
        """Raises RefusedError when there is none."""


class _Model:
    """What this process knows of one folder."""

    def __init__(self) -> None:
        self.bound: TokenBound | None = None
        self.counter: Counter | None = None
        self.agreed: set[int] = set()
        """Ids of engines that counted the same."""

    @property
    def proven_counter(self) -> Counter | None:
        return self.counter if self.agreed else None


class Counting:
    def __init__(
        self,
        *,
        routes: Callable[[], Iterable[Route]],
        pick_engine: PickEngine,
        engine_key: str,
        counted: collections.Counter[str],
    ) -> None:
        """`counted` learns how many prompts were counted, and where."""
        self._counted = counted
        self._routes = routes
        self._pick_engine = pick_engine
        self._engine_key = engine_key
        self._models: dict[str, _Model] = {}
        self._kept: collections.OrderedDict[bytes, int] = collections.OrderedDict()
        self._waiting: dict[bytes, list[Callback]] = {}
        self._asking: set[asyncio.Task[None]] = set()
        # One thread: several would only take the processor from the event loop.
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="counting")

    def most_input_tokens(self, route: Route, request: ParsedRequest) -> int:
        """At once, from bytes; never less than the engine will count."""
        model = self._models.get(route.tokenizer_folder or "")
        return prompts.most_tokens(
            request,
            None if model is None else model.bound,
            context_tokens=route.context_tokens,
        )

    def count(
        self,
        route: Route,
        request: ParsedRequest,
        callback: Callback,
        *,
        cache_salt: str,
    ) -> None:
        """Calls back once, with None where nobody could count in time; at once for a
        prompt that was counted lately.
        """
        if request.prompt_bytes > PROMPT_BYTES_MAX:
            self._counted["nowhere"] += 1
            callback(None)
            return
        key = prompts.digest(request, model=route.model, cache_salt=cache_salt)
        if (kept := self._kept.get(key)) is not None:
            self._kept.move_to_end(key)
            self._counted["memory"] += 1
            callback(kept)
        elif key in self._waiting:
            self._waiting[key].append(callback)
        elif len(self._waiting) >= WAITING_MAX:
            self._counted["nowhere"] += 1
            callback(None)
        else:
            self._waiting[key] = [callback]
            model = self._models.get(route.tokenizer_folder or "")
            counter = None if model is None else model.proven_counter
            if counter is None:
                self._ask(key, route, request)
            else:
                self._count_here(counter, key, route, request)

    def _count_here(
        self, counter: Counter, key: bytes, route: Route, request: ParsedRequest
    ) -> None:
        loop = asyncio.get_running_loop()

        def done(future: Future[int]) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(on_counted, future)

        def on_counted(future: Future[int]) -> None:
            if future.cancelled():
                self._answer(key, None, where="nowhere")
            elif future.exception() is None:
                self._answer(key, future.result(), where="proxy")
            else:
                if not isinstance(future.exception(), NotCountableError):
                    _log.error("counting failed", exc_info=future.exception())
                self._ask(key, route, request)

        future = self._worker.submit(_count, counter, request)
        future.add_done_callback(done)

    def _ask(self, key: bytes, route: Route, request: ParsedRequest) -> None:
        if len(self._asking) >= ASKING_MAX:
            self._answer(key, None, where="nowhere")
            return
        task = asyncio.create_task(self._ask_engine(key, route, request))
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    async def _ask_engine(
        self, key: bytes, route: Route, request: ParsedRequest
    ) -> None:
        counted = None
        try:
            questions = prompts.questions(request, model=route.model)
            engine = self._pick_engine(route, besides=())
            async with asyncio.timeout(ASK_SECONDS_MAX):
                counts = [await self._ask_one(engine, one) for one in questions]
            counted = prompts.sum_of_counts(request, counts)
        except (NotCountableError, RefusedError, OSError, TimeoutError) as error:
            _log.debug("an engine of %s did not count: %r", route.model, error)
        finally:
            where = "engine" if counted is not None else "nowhere"
            self._answer(key, counted, where=where)

    async def _ask_one(self, engine: Engine, question: prompts.Question) -> int:
        answer = await self._post(engine, question)
        count = answer.get(question.answer_member)
        if not isinstance(count, int):
            raise NotCountableError("The engine's answer has no count.")
        return count

    async def _post(self, engine: Engine, question: prompts.Question) -> dict[str, Any]:
        """Raises NotCountableError and OSError."""
        engine.calls += 1
        try:
            try:
                status, body = await self._exchange(engine, question, fresh=False)
            except OSError:  # an idle connection may have been closed under our hands
                status, body = await self._exchange(engine, question, fresh=True)
        finally:
            engine.calls -= 1
        if status != HTTP_OK:
            raise NotCountableError(f"The engine answered {status}.")
        try:
            return msgspec.json.decode(body, type=dict[str, Any])
        except msgspec.MsgspecError as error:
            raise NotCountableError(str(error)) from None

    async def _exchange(
        self, engine: Engine, question: prompts.Question, *, fresh: bool
    ) -> tuple[int, bytes]:
        head = request_head(
            question.path,
            engine_key=self._engine_key,
            request_id="counting",
            body_bytes=len(question.body),
        )
        return await ask(engine, head, question.body, fresh=fresh)

    def _answer(self, key: bytes, counted: int | None, *, where: str) -> None:
        self._counted[where] += 1
        if counted is not None:
            self._kept[key] = counted
            if len(self._kept) > KEPT_COUNTS_MAX:
                self._kept.popitem(last=False)
        for callback in self._waiting.pop(key, ()):
            callback(counted)

    async def keep_loading(self) -> None:
        """Runs for ever: loads the models of new routes, drops those of old ones, and
        asks engines whether they count the same.
        """
        while True:
            routes = [route for route in self._routes() if route.tokenizer_folder]
            folders = {route.tokenizer_folder or "" for route in routes}
            for folder in self._models.keys() - folders:
                del self._models[folder]
            for folder in folders - self._models.keys():
                # The first start of an installation makes its model meanwhile.
                if (Path(folder) / "tokenizer.json").exists():
                    await self._load(folder)
            for route in routes:
                await self._prove(route)
            await asyncio.sleep(_TURN_SECONDS)

    async def _load(self, folder: str) -> None:
        loaded = sum(
            model.counter.vocabulary_size
            for model in self._models.values()
            if model.counter is not None
        )
        self._models[folder] = model = _Model()
        loop = asyncio.get_running_loop()
        room = VOCABULARY_TOKENS_MAX - loaded
        try:
            model.bound = await loop.run_in_executor(
                self._worker, load_bound, Path(folder)
            )
            model.counter = await loop.run_in_executor(
                self._worker, _load_counter, Path(folder), room
            )
        except NotConvertibleError as error:
            _log.info("prompts of %s are counted by its engine: %s", folder, error)
        else:
            _log.info("prompts of %s are counted here", folder)

    async def _prove(self, route: Route) -> None:
        """The engine has the last word: another tokenizer than its own is not used."""
        model = self._models.get(route.tokenizer_folder or "")
        ids = {engine.engine_id for engine in route.engines}
        if model is None or model.counter is None or ids <= model.agreed:
            return
        try:
            engine = self._pick_engine(route, besides=model.agreed)
            async with asyncio.timeout(ASK_SECONDS_MAX):
                is_same = await self._agree(route, model.counter, engine)
        except (NotCountableError, RefusedError, OSError, TimeoutError) as error:
            _log.debug("no engine of %s could be asked: %r", route.model, error)
            return  # the next turn asks again
        if is_same:
            model.agreed.add(engine.address.engine_id)
        else:
            model.counter = model.bound = None
            _log.error(
                "the engine %s does not count like %s; it is asked from now on",
                engine.address.name,
                route.tokenizer_folder,
            )

    async def _agree(self, route: Route, counter: Counter, engine: Engine) -> bool:
        loop = asyncio.get_running_loop()
        for request in sample_requests(counter):
            prompt = prompts.read_prompt(request)
            try:
                ours = await loop.run_in_executor(
                    self._worker, prompts.encode, counter, prompt
                )
            except NotCountableError:  # say, the template knows no system message
                continue
            (question,) = prompts.questions(request, model=route.model)
            answer = await self._post(engine, question)
            if answer.get("tokens") != ours:
                return False
        return True

    def close(self) -> None:
        self._worker.shutdown(wait=False, cancel_futures=True)


def _count(counter: Counter, request: ParsedRequest) -> int:
    return prompts.count(counter, prompts.read_prompt(request))


def _load_counter(folder: Path, room: int) -> Counter:
    """Raises NotConvertibleError."""
    size = vocabulary_size(folder)
    if size is not None and size > room:
        raise NotConvertibleError(f"A vocabulary of {size:,} tokens takes too much.")
    counter = load(folder)
    _return_memory()
    if counter.vocabulary_size > room:
        raise NotConvertibleError("The vocabulary takes too much memory.")
    return counter


def _return_memory() -> None:
    """What reading the file took, some 5 MiB of 50,000 tokens, glibc would keep."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)
