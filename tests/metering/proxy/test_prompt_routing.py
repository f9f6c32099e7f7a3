"""With several engines, calls go to one that holds what they begin with."""

import concurrent.futures

import pytest

from tests.metering.proxy.conftest import Plane, until
from tests.metering.proxy.talk import Talk, leases_on
from tests.metering.proxy.warming import MESSAGES, Prompt


@pytest.fixture
def plane(bare_plane: Plane):
    for number in (1, 2, 3):
        bare_plane.start_engine(number)
    bare_plane.start_proxy()
    bare_plane.begin_test()
    return bare_plane


@pytest.fixture
def prompt(plane):
    """Warm on engine 2 alone."""
    prompt = Prompt(plane)
    until(lambda: prompt.post(prompt.order(engine_id=2, ttl_ms=1)).is_success)
    prompt.warm(engine_id=2)
    prompt.publish_and_wait()
    return prompt


def engines_of(plane, count):
    return [event.engine_id for event in plane.events()[-count:]]


def test_it_works(plane, prompt):
    for says in ("One", "Two", "Three"):
        leased = prompt.call(says).json()["cached_prompt"]
        assert leased["absorbed_tokens"] < 32
    whole = [*MESSAGES, {"role": "user", "content": "Four"}]
    plane.chat(prompt.secret, messages=whole)
    assert engines_of(plane, 4) == [2] * 4


def test_of_several_that_hold_it_the_less_busy_is_taken(plane, prompt):
    prompt.warm(engine_id=3)
    prompt.name = "on two"
    prompt.publish_and_wait()
    for number in (2, 3):
        plane.order_fault("slow:200", number=number)
    with concurrent.futures.ThreadPoolExecutor(2) as several:
        answers = list(several.map(lambda _: prompt.call(), range(2)))
    assert all(answer.is_success for answer in answers)
    assert {*engines_of(plane, 2)} == {2, 3}


def test_what_waits_too_long_goes_elsewhere_at_our_cost(plane, prompt):
    """The holder's calls take seconds, and its prompt a moment to compute."""
    plane.order_fault("slow:200", times=60, number=2)
    with concurrent.futures.ThreadPoolExecutor(16) as several:
        for _ in range(2):
            answers = list(several.map(lambda _: prompt.call(), range(16)))
    assert all(answer.is_success for answer in answers)
    events = plane.events()[-32:]
    assert {event.engine_id for event in events} > {2}
    assert {event.leased_input_tokens for event in events} == {prompt.token_count}


def leased_talk(plane):
    talk = Talk(plane)
    talk.turn("What is the time?")
    return talk if talk.lease else None


def test_a_leased_turn_that_moves_lets_go_of_what_it_left(plane):
    # The proxy sells no lease in its first moments with an engine.
    talk = until(lambda: leased_talk(plane))
    left = plane.events()[-1].engine_id
    lease_id = str(talk.lease).removeprefix("kvl_")
    assert lease_id in leases_on(plane, left)
    plane.order_fault("status:503", times=1, number=left)
    previous = talk.turn("And now?")["kv_lease"]["previous"]
    (event,) = plane.events()[-1:]
    assert event.engine_id != left
    assert event.leased_input_tokens == previous["leased_tokens"] > 0
    until(lambda: lease_id not in leases_on(plane, left))


def test_a_turn_is_prepared_with_the_engine_that_it_goes_to(plane, prompt):
    """It is the first one of its process, which has to get to know the engine: that
    one, and not the first of the route.
    """
    plane.processes[-1].terminate()
    plane.processes[-1].wait(timeout=10)
    plane.start_proxy()
    until(plane.is_ready)
    answer = prompt.call(kv_retention={"timeout": "60s", "on_full": "fail"})
    assert answer.json()["kv_lease"]["status"] == "granted"
    assert engines_of(plane, 1) == [2]
