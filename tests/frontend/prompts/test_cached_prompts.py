"""Cached prompts on their pages: what they hold, cost and went through."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from frontend.tables import ROWS
from inference.cached_prompt_models import CachedPromptEvent
from inference.domain.lease_receipt import Fact
from inference.domain.lease_terms import Tier
from tests.factories import make_engine, make_served_model
from tests.frontend.believable import call, record
from tests.frontend.believable_leases import bill_leases, leased_call, told
from tests.frontend.believable_prompts import (
    make_placement,
    make_prompt,
    prompts_in_every_state,
)
from tests.inference.lease_books import tell

BYTES = 62 * 16 * 46_080
"""Of the whole blocks of 1,000 tokens."""


@pytest.fixture
def engine(version):
    return make_engine(served_model=version.served_model, name="first")


@pytest.fixture
def prompt(people, version, engine, now):
    prompt = make_prompt(people.api_key, version.served_model, now)
    make_placement(prompt, engine, now)
    return prompt


def shown(people, prompt):
    response = people.client("owner").get(f"/prompts/{prompt.public_id}/")
    return response.context["shown"]


def test_it_works(people, prompt):
    response = people.client("owner").get("/prompts/")

    (found,) = response.context["living"]
    assert found.prompt == prompt
    assert (found.bytes, len(found.held)) == (BYTES, 1)
    # 45.7 MB for 3,600 seconds is 164,560 MB_s, at 13.5 nanos each.
    assert found.hour_nanos == (164_560 * 135 + 5) // 10
    assert response.context["sums"].hour_nanos == found.hour_nanos
    # A call saves 1,000 tokens at 100 nanos: 22.2 of them pay for the hour.
    assert found.worth_nanos == 100_000
    assert found.calls_to_pay == 23
    page = response.content.decode()
    assert "contract-rules" in page
    assert "23 calls" in page


@pytest.mark.usefixtures("prompt")
def test_the_sums_are_of_all_pages(people, version, now):
    for number in range(ROWS):
        make_prompt(people.api_key, version.served_model, now, name=f"p{number}")

    for query in ("", "?q=contract-rules", "?sort=name"):
        context = people.client("owner").get(f"/prompts/{query}").context
        sums = context["sums"]
        assert (sums.count, sums.tokens) == (ROWS + 1, (ROWS + 1) * 1_000)
        assert sums.bytes == BYTES
    assert len(context["living"]) == ROWS


def test_its_page_tells_where_it_lies_and_how_to_use_it(people, prompt):
    response = people.client("colleague").get(f"/prompts/{prompt.public_id}/")

    page = response.content.decode()
    assert prompt.shown_id in page
    assert '"cached_prompt": "contract-rules"' in page
    assert "first" in page
    part = people.client("colleague").get(
        f"/prompts/{prompt.public_id}/", headers={"hx-request": "true"}
    )
    assert "data-server-ms" in part.content.decode()
    assert "<html" not in part.content.decode()


def test_where_it_lies_is_what_the_engine_told_last(people, version, engine, now):
    """It was taken down to host memory, where an hour costs less."""
    event = leased_call(people.api_key, version, engine, now)
    prompt = make_prompt(people.api_key, version.served_model, now)
    make_placement(prompt, engine, now, lease_id=event.lease_id)
    tell(engine, told(1, event, now), told(2, event, now, Fact.DEMOTED, tier=Tier.HOST))

    (place,) = shown(people, prompt).placements

    assert (place.tier, place.is_held) == ("host", True)
    assert place.hour_nanos == (164_560 * 2 + 5) // 10


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"is_lost": True}, "lost"),
        ({"lease_expires_at": timezone.now() - timedelta(seconds=1)}, "ended"),
        ({"state": "held", "lease_id": None, "lease_expires_at": None}, "warming"),
    ],
)
def test_what_is_not_held_costs_nothing(people, engine, now, changes, state):
    model = engine.served_model
    prompt = make_prompt(people.api_key, model, now, status="degraded")
    make_placement(prompt, engine, now, **changes)

    found = shown(people, prompt)

    assert [one.state for one in found.placements] == [state]
    assert (found.bytes, found.hour_nanos) == (0, 0)


def test_a_lease_that_ended_is_not_held(people, version, engine, now):
    event = leased_call(people.api_key, version, engine, now)
    prompt = make_prompt(people.api_key, version.served_model, now)
    make_placement(prompt, engine, now, lease_id=event.lease_id)
    tell(engine, told(1, event, now), told(2, event, now, Fact.LOST))

    assert shown(people, prompt).held == []


def test_storage_is_that_of_all_its_leases(people, version, engine, now):
    """One that ended after ten seconds, and one that is held since five."""
    prompt = make_prompt(people.api_key, version.served_model, now)
    ended = warming(people, version, engine, now - timedelta(seconds=15))
    running = warming(people, version, engine, now - timedelta(seconds=5))
    end = now - timedelta(seconds=5)
    tell(
        engine,
        told(1, ended, now - timedelta(seconds=15), bytes=BYTES),
        told(2, ended, end, Fact.REUSED, bytes=BYTES),
        told(3, running, end, bytes=BYTES),
    )
    bill_leases(now)
    make_placement(prompt, engine, now, lease_id=running.lease_id)
    for event in (ended, running):
        note(prompt, engine, event, now)

    response = people.client("owner").get(f"/prompts/{prompt.public_id}/")

    storage = response.context["storage"]
    seconds = 15 + (timezone.now() - now).total_seconds()
    assert storage.mb_s == pytest.approx(BYTES * seconds / 1e6, rel=0.05)
    assert storage.amount_nanos == pytest.approx(storage.mb_s * 13.5, abs=2)
    assert [one.kind for one in response.context["events"]] == ["renewed", "renewed"]


def warming(people, version, engine, at):
    event = leased_call(
        people.api_key, version, engine, at, leased_input_tokens=0, is_warming=True
    )
    record([event], at)
    return event


def note(prompt, engine, event, at):
    CachedPromptEvent.objects.create(
        cached_prompt=prompt,
        tenant=prompt.tenant,
        kind="renewed",
        engine=engine,
        lease_id=event.lease_id,
        tokens=992,
        happened_at=at,
    )


def test_calls_that_used_it_save_what_its_tokens_would_have_cost(
    people, version, prompt, now
):
    used = {"cached_prompt_id": prompt.public_id.hex, "leased_input_tokens": 1_000}
    yesterday = now - timedelta(days=1, seconds=1)
    key = people.api_key
    record(
        [
            call(key, version, now, **used),
            # Of this one a conversation's lease covered more than the prompt.
            call(key, version, now, **used | {"leased_input_tokens": 1_200}),
            call(key, version, now, **used | {"leased_input_tokens": 0}),
            call(key, version, now, leased_input_tokens=1_000),
            call(key, version, now, **used, is_warming=True),
            call(key, version, yesterday, **used),
        ],
        now,
    )

    response = people.client("owner").get(f"/prompts/{prompt.public_id}/")

    use = response.context["use"]
    assert (use.hits, use.tokens, use.worth_nanos) == (2, 2_000, 200_000)
    assert response.context["saved_nanos"] == 200_000


def test_the_leases_of_cached_prompts_are_not_among_those_of_conversations(
    people, version, engine, now
):
    event = warming(people, version, engine, now)

    assert people.client("owner").get("/leases/").context["leases"] == []
    path = f"/leases/{event.lease_id}/release/"
    assert people.client("owner").get(path).status_code == 404


def test_a_model_without_a_price_shows_none(people, engine, prompt, version):
    other = make_served_model(name="unpriced", is_default=False)
    prompt.served_model = other
    prompt.save()

    assert shown(people, prompt).hour_nanos is None
    assert "contract-rules" in people.client("owner").get("/prompts/").content.decode()
    assert engine.served_model_id == version.served_model_id


def test_ended_ones_are_set_apart(people, version, now):
    make_prompt(
        people.api_key, version.served_model, now, status="deleted", ended_at=now
    )

    response = people.client("owner").get("/prompts/")

    assert response.context["living"] == []
    assert len(response.context["ended"]) == 1
    assert "No cached prompt<" in response.content.decode()


def test_a_stranger_sees_none(people, prompt):
    response = people.client("stranger").get("/prompts/")

    assert response.context["living"] == []
    assert "No cached prompt yet" in response.content.decode()
    assert (
        people.client("stranger").get(f"/prompts/{prompt.public_id}/").status_code
        == 404
    )


def test_one_that_is_not_there(people):
    assert people.client("owner").get(f"/prompts/{uuid4()}/").status_code == 404


def test_every_state_has_its_page(people, version, engine, now):
    prompts = prompts_in_every_state(people.api_key, version.served_model, engine, now)

    for prompt in prompts:
        for act in ("", "extend/", "delete/"):
            path = f"/prompts/{prompt.public_id}/{act}"
            assert people.client("owner").get(path).status_code == 200
