import asyncio
import time
from datetime import timedelta

import pytest
from django.utils import timezone

from inference.models import Engine, EngineState
from inference.services import check_engines as module
from inference.services.check_engines import check_engines
from inference.tasks import check_engines as task
from inference.wire import SNAPSHOT_KIND
from tests.factories import make_engine, make_served_model
from tests.inference.servers import Answer
from tests.parallel import in_parallel
from tests.published import is_published, published

pytestmark = pytest.mark.django_db(transaction=True)
STARTING, READY, UNREACHABLE = EngineState.values


def test_it_works(valkey, run_engine, tmp_path):
    """Over TCP and over a unix socket."""
    model = make_served_model()
    for address in (run_engine(Answer.WELL), run_engine(Answer.WELL, tmp_path / "e")):
        make_engine(served_model=model, address=address, state=STARTING)
    now = timezone.now()

    assert check_engines(now=now) == 2

    for engine in Engine.objects.all():
        assert (engine.state, engine.checked_at, engine.ready_at) == (READY, now, now)
    assert len(published(valkey, SNAPSHOT_KIND).items[0]["engines"]) == 2


@pytest.mark.parametrize("answer", list(set(Answer) - {Answer.WELL}))
def test_any_other_answer_is_none(answer, run_engine, monkeypatch):
    monkeypatch.setattr(module, "CHECK_SECONDS_MAX", 0.3)
    ready_at = timezone.now() - timedelta(minutes=1)
    engine = make_engine(address=run_engine(answer), state=READY, ready_at=ready_at)
    now = timezone.now()

    assert check_engines(now=now) == 1

    engine.refresh_from_db()
    assert engine.state == UNREACHABLE
    assert (engine.checked_at, engine.ready_at) == (now, ready_at)


def test_nobody_there_is_no_answer(tmp_path):
    model = make_served_model()
    make_engine(served_model=model, address=tmp_path / "gone.sock")
    make_engine(served_model=model, address="http://127.0.0.1:1")

    check_engines(now=timezone.now())

    assert set(Engine.objects.values_list("state", flat=True)) == {UNREACHABLE}


def test_one_that_never_answered_is_still_starting(tmp_path):
    engine = make_engine(address=tmp_path / "later.sock", state=STARTING)

    assert check_engines(now=timezone.now()) == 0

    engine.refresh_from_db()
    assert engine.state == STARTING
    assert engine.checked_at is not None


def test_one_that_comes_back_is_ready_again(run_engine):
    engine = make_engine(address=run_engine(Answer.WELL), state=UNREACHABLE)

    check_engines(now=timezone.now())

    engine.refresh_from_db()
    assert engine.state == READY


def test_nothing_is_published_while_nothing_changes(valkey, run_engine):
    make_engine(address=run_engine(Answer.WELL), state=READY)

    assert check_engines(now=timezone.now()) == 0

    assert not is_published(valkey, SNAPSHOT_KIND)


def test_hanging_engines_are_checked_side_by_side(run_engine, monkeypatch):
    """Twelve that hang cost one time-out, not twelve; the well one is not held up."""
    monkeypatch.setattr(module, "CHECK_SECONDS_MAX", 0.5)
    model = make_served_model()
    for _ in range(6):
        for answer in (Answer.HANGING, Answer.DRIPPING):
            make_engine(served_model=model, address=run_engine(answer))
    well = make_engine(served_model=model, address=run_engine(Answer.WELL))

    began = time.monotonic()
    check_engines(now=timezone.now())

    assert time.monotonic() - began < 3
    well.refresh_from_db()
    assert well.state == READY


def test_no_more_than_the_bound_run_at_once(monkeypatch, run_engine):
    monkeypatch.setattr(module, "PARALLEL_CHECKS_MAX", 2)
    monkeypatch.setattr(module, "CHECK_SECONDS_MAX", 0.2)
    model = make_served_model()
    for _ in range(6):
        make_engine(served_model=model, address=run_engine(Answer.HANGING))

    began = time.monotonic()
    check_engines(now=timezone.now())

    assert time.monotonic() - began >= 3 * 0.2


def test_an_older_check_does_not_undo_a_later_one(run_engine):
    now = timezone.now()
    engine = make_engine(
        address=run_engine(Answer.FAILING), state=READY, checked_at=now
    )

    assert check_engines(now=now - timedelta(seconds=1)) == 0

    engine.refresh_from_db()
    assert (engine.state, engine.checked_at) == (READY, now)


def test_a_check_of_an_address_left_meanwhile_says_nothing(run_engine, monkeypatch):
    """The engine moves while it is being asked."""
    engine = make_engine(address=run_engine(Answer.WELL), state=STARTING)
    ask = module._ask_all

    def move():
        Engine.objects.filter(pk=engine.pk).update(address="unix:/elsewhere")

    async def ask_and_move(addresses):
        answers = await ask(addresses)
        await asyncio.to_thread(in_parallel, move)
        return answers

    monkeypatch.setattr(module, "_ask_all", ask_and_move)

    assert check_engines(now=timezone.now()) == 0

    engine.refresh_from_db()
    assert (engine.state, engine.checked_at) == (STARTING, None)


def test_without_engines_it_does_nothing():
    assert check_engines(now=timezone.now()) == 0


def test_the_task_calls_it(run_engine):
    engine = make_engine(address=run_engine(Answer.WELL), state=STARTING)

    task()

    engine.refresh_from_db()
    assert engine.state == READY
