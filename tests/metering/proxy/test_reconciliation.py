"""Calls through a real proxy, aborted and not, counted by the engine and by us: at rest
no source may differ by a single token. Once with the simulator and once with vLLM.

Aborted requests, several samples and preemption are where engine counters and usage are
known to disagree (vllm#55634, vllm#31503, vllm#56361, LMCache#2912).
"""

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import redis
from django.utils import timezone

from metering.audit_models import (
    EngineReading,
    ReconciliationLine,
    ReconciliationStatement,
)
from metering.domain.reconciliation import Source, Status
from metering.models import UsageEvent
from metering.services.prepare_usage_partitions import prepare_usage_partitions
from metering.services.read_engines import read_engines
from metering.services.reconcile_engines import reconcile_engines
from metering.services.ship_journal import ship_journal
from tests.engine_contract.engines import EngineUnderTest
from tests.factories import make_engine, make_served_model, make_user
from tests.metering.proxy.conftest import ENGINE_KEY, MODEL, Plane, until

pytestmark = pytest.mark.django_db

FAR = 200
"""Output tokens that nobody waits for."""


@contextmanager
def simulated(plane: Plane) -> Iterator[None]:
    plane.start_engine(SIMULATOR_TOKENS_PER_SECOND="60", SIMULATOR_TTFT_MS="200")
    yield


@contextmanager
def real(plane: Plane, arguments: str = "") -> Iterator[None]:
    # Here and not above: only the cases marked `engine` need it.
    from tests.engine_contract.vllm_fixture import run_vllm  # noqa: PLC0415

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ENGINE_ARGUMENTS", arguments)
        with run_vllm() as engine:
            plane.engines[1] = engine.socket
            plane.publish_routes()
            yield


@contextmanager
def audited(folder: Path, *, is_real: bool, arguments: str = "") -> Iterator["Audit"]:
    with redis.Redis.from_url(os.environ["VALKEY_URL"], db=0) as client:
        plane = Plane(folder, client)
        try:
            with real(plane, arguments) if is_real else simulated(plane):
                plane.start_proxy(
                    ENGINE_KEY="engine-key" if is_real else ENGINE_KEY,
                    CLIENT_GONE_DRAIN_SECONDS="3",
                )
                yield Audit(plane)
        finally:
            plane.stop()


@pytest.fixture(
    scope="module",
    params=["simulator", pytest.param("vllm", marks=pytest.mark.engine)],
)
def lasting_audit(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator["Audit"]:
    folder = tmp_path_factory.mktemp("plane")
    with audited(folder, is_real=request.param == "vllm") as audit:
        yield audit


@pytest.fixture
def audit(lasting_audit: "Audit", settings: Any, valkey: redis.Redis) -> "Audit":
    """Each test judges all calls since the engine's start, its own included."""
    del valkey  # emptied before and after
    lasting_audit.begin_test(settings)
    return lasting_audit


class Audit:
    """A plane whose engine is read and whose journal is shipped, as in production."""

    def __init__(self, plane: Plane) -> None:
        self.plane = plane
        self.secret = ""

    def begin_test(self, settings: Any) -> None:
        settings.JOURNAL_FOLDER = self.plane.home / "journal"
        prepare_usage_partitions(timezone.now())
        model = make_served_model(name=MODEL, context_tokens=4096)
        make_engine(id=1, served_model=model, address=self.plane.engines[1])
        self.plane.policies.clear()
        self.plane.publish_routes()
        self.plane.publish_prices()
        self.secret = self.plane.add_key()
        until(lambda: self.chat("Hello").status_code == 200, seconds=60)

    def chat(self, content: str, **fields: Any) -> httpx.Response:
        with httpx.Client(base_url=self.plane.url, timeout=120) as client:
            return self.plane.chat(self.secret, content, client, **fields)

    def complete(self, prompt: list[str], **fields: Any) -> httpx.Response:
        body = {"model": "default", "prompt": prompt, "max_tokens": 5, **fields}
        headers = {"authorization": f"Bearer {self.secret}"}
        with httpx.Client(base_url=self.plane.url, timeout=120) as client:
            return client.post("/v1/completions", json=body, headers=headers)

    def leave_stream(self, content: str, *, after_events: int, **fields: Any) -> None:
        """Closes the connection once so many events have come."""
        body = {
            "model": "default",
            "messages": [{"role": "user", "content": content}],
            "max_tokens": FAR,
            "ignore_eos": True,
            "stream": True,
            **fields,
        }
        headers = {"authorization": f"Bearer {self.secret}"}
        url = f"{self.plane.url}/v1/chat/completions"
        with (
            httpx.Client(timeout=120) as client,
            client.stream("POST", url, json=body, headers=headers) as answer,
        ):
            lines = filter(None, answer.iter_lines())
            assert all(next(lines) for _ in range(after_events))

    def leave_waiting(self, content: str, *, seconds: float, **fields: Any) -> None:
        fields = {"max_tokens": FAR, "ignore_eos": True, **fields}
        with (
            httpx.Client(base_url=self.plane.url, timeout=seconds) as client,
            pytest.raises(httpx.ReadTimeout),
        ):
            self.plane.chat(self.secret, content, client, **fields)

    def statement(self) -> ReconciliationStatement:
        """Once the engine is at rest and all that was begun is in it."""
        until(
            lambda: self.plane.metric("tokenfab_proxy_calls_in_flight") == 0, seconds=60
        )
        found: ReconciliationStatement = until(self._judged, seconds=60)
        return found

    def _judged(self) -> ReconciliationStatement | None:
        read_engines()
        ship_journal(self.plane.home / "journal")
        now = timezone.now()
        statements = reconcile_engines(now.date(), now=now, settling=timedelta())
        for statement in statements:
            if statement.closing and not statement.events_left:
                return statement
        time.sleep(0.2)  # between two readings, as beat does
        return None


def new_prompt(words: int = 80) -> str:
    return f"{uuid4().hex} " + "tell me of the sea " * (words // 5)


def lines_of(statement: ReconciliationStatement) -> dict[str, ReconciliationLine]:
    return {line.source: line for line in statement.lines.filter(is_exact=True)}


def said(line: ReconciliationLine) -> int:
    return line.billed + line.client_gone + line.unbilled + line.estimated


def assert_nothing_differs(statement: ReconciliationStatement) -> None:
    lines = lines_of(statement)
    told = {s: (line.engine, said(line), line.difference) for s, line in lines.items()}
    print(statement.status, statement.events, told)  # noqa: T201  shown if it fails
    assert set(lines) == set(Source)
    assert all(line.difference == 0 for line in lines.values()), told
    # Calls left in the prefill are estimates: vLLM counts nothing of them.
    if not UsageEvent.objects.filter(usage_source="estimate").exists():
        for source in (Source.INPUT, Source.OUTPUT):
            assert lines[source].engine == said(lines[source]), told
    assert statement.status != Status.DRIFTED
    assert not statement.unprovable_events


def test_it_works(audit: Audit) -> None:
    """A prefix hit is billed as cached, by the engine's own count: elsewhere the cached
    tokens of vLLM were always 0 (litellm#22986).
    """
    prompt = new_prompt()
    for fields in ({}, {"stream": True}, {"stream": True}):
        assert audit.chat(prompt, **fields).status_code == 200

    statement = audit.statement()
    assert_nothing_differs(statement)
    lines = lines_of(statement)
    assert lines[Source.CACHED_INPUT].billed > 0
    assert lines[Source.CACHED_INPUT].engine > 0
    assert lines[Source.NEW_INPUT].engine > 0
    # Later, another reading may close the day so far.
    now = statement.shipped_up_to
    assert statement in reconcile_engines(now.date(), now=now, settling=timedelta())


def test_several_samples_count_the_prompt_once_each(audit: Audit) -> None:
    prompt = new_prompt()
    assert audit.chat(prompt, n=4, ignore_eos=True).status_code == 200
    assert audit.chat(prompt, n=4, stream=True).status_code == 200

    statement = audit.statement()
    assert_nothing_differs(statement)
    assert UsageEvent.objects.filter(samples=4).count() >= 2


def test_several_prompts_in_one_call(audit: Audit) -> None:
    prompts = [new_prompt(), new_prompt(40), new_prompt(60)]
    for fields in ({}, {"stream": True}, {"n": 2}):
        answer = audit.complete(prompts, **fields)
        assert answer.status_code == 200, answer.text

    assert_nothing_differs(audit.statement())


def test_streams_left_in_the_middle(audit: Audit) -> None:
    for after_events in (1, 2, 5, 12):
        audit.leave_stream(new_prompt(), after_events=after_events)
    audit.leave_stream(new_prompt(), after_events=6, n=2, max_tokens=16)

    statement = audit.statement()
    assert_nothing_differs(statement)
    assert UsageEvent.objects.filter(outcome="client_gone").count() >= 5


def test_calls_left_in_the_prefill(audit: Audit) -> None:
    audit.leave_waiting(new_prompt(3000), seconds=0.15, stream=True)
    audit.leave_waiting(new_prompt(3000), seconds=0.15, max_tokens=8)

    assert_nothing_differs(audit.statement())


def test_parallel_load(audit: Audit) -> None:
    prompt = new_prompt(40)

    def call(number: int) -> None:
        if number % 4 == 3:
            audit.leave_stream(prompt, after_events=3 + number)
        else:
            fields = {"stream": number % 2 == 0, "max_tokens": 4 + number}
            assert audit.chat(prompt, **fields).status_code == 200

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(call, range(24)))

    assert_nothing_differs(audit.statement())


def test_a_reading_amid_load_lies_within_its_bounds(audit: Audit) -> None:
    with ThreadPoolExecutor(4) as pool:
        calls = [
            pool.submit(audit.chat, new_prompt(), max_tokens=80, ignore_eos=True)
            for _ in range(4)
        ]
        reading = until(busy_reading, seconds=60)
        assert all(call.result().status_code == 200 for call in calls)

    def judged() -> ReconciliationStatement | None:
        ship_journal(audit.plane.home / "journal")
        now = timezone.now()
        statements = reconcile_engines(now.date(), now=now, settling=timedelta())
        return next((s for s in statements if s.last == reading), None)

    statement = until(judged, seconds=30)
    lines = list(statement.lines.filter(is_exact=False))
    assert len(lines) == len(Source)
    assert all(line.difference == 0 for line in lines)
    assert any(line.least < line.engine <= line.most for line in lines)


def busy_reading() -> EngineReading | None:
    """The latest, once the engine was at work in it and had made something."""
    read_engines()
    latest = EngineReading.objects.order_by("asked_at").last()
    return latest if latest and latest.running_requests else None


@pytest.mark.engine
def test_preempted_calls(tmp_path: Path, settings: Any, valkey: redis.Redis) -> None:
    """The pool holds one long answer only: the others are put off and computed again,
    which counts neither prompt nor output twice.
    """
    del valkey
    arguments = "--num-gpu-blocks-override 160"
    with audited(tmp_path, is_real=True, arguments=arguments) as audit:
        audit.begin_test(settings)
        with ThreadPoolExecutor(6) as pool:
            calls = [
                pool.submit(
                    audit.chat, new_prompt(700), max_tokens=150, ignore_eos=True
                )
                for _ in range(6)
            ]
            assert {call.result().status_code for call in calls} == {200}
        assert audit.plane.counters()["vllm:num_preemptions_total"] > 0
        assert_nothing_differs(audit.statement())


def test_a_call_past_the_proxy_is_a_difference(
    tmp_path: Path,
    settings: Any,
    mailoutbox: list[Any],
    django_capture_on_commit_callbacks: Any,
) -> None:
    make_user(is_staff=True, email="op@example.com")
    with audited(tmp_path, is_real=False) as audit:
        audit.begin_test(settings)
        engine = EngineUnderTest(
            socket=audit.plane.engines[1], key=ENGINE_KEY, model=MODEL
        )
        usage = engine.chat(new_prompt(), max_tokens=5, ignore_eos=True)["usage"]
        with django_capture_on_commit_callbacks(execute=True):
            statement = audit.statement()

    lines = lines_of(statement)
    assert statement.status == Status.DRIFTED
    assert lines[Source.INPUT].difference == usage["prompt_tokens"]
    assert lines[Source.OUTPUT].difference == 5
    assert [mail.to for mail in mailoutbox] == [["op@example.com"]]
    assert "output +5 tokens" in mailoutbox[0].body
