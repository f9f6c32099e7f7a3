"""Buying, extending, renewing and deleting cached prompts, on a running simulator."""

import contextlib
import json
from datetime import timedelta
from uuid import UUID

import pytest
from django.utils import timezone

from inference.cached_prompt_models import CachedPrompt
from tests.factories import (
    make_api_key,
    make_member,
    make_project,
    make_tenant,
    make_user,
)
from tests.frontend.believable import price
from tests.frontend.people import client_of
from tests.inference.cached_prompt_place import Place
from tests.inference.warm_proxy import held_by, run_warm_proxy

RULES = "Answer in one word. " * 8
"""A whole block of 32 tokens, and part of another."""


@pytest.fixture
def rates():
    """For which memory is sold."""
    return {"hbm_mb_s_nanos_per_million": 13_500_000}


@pytest.fixture
def place(transactional_db, valkey, settings, tmp_path, rates):  # noqa: ARG001  opened
    """With one engine."""
    settings.ENGINE_KEY = "engine-key"
    with contextlib.ExitStack() as stack:
        proxy, url = stack.enter_context(run_warm_proxy())
        settings.PROXY_URL = url
        place = Place(tmp_path, proxy, settings.PROXY_URL, stack)
        place.add_engine()
        price(place.model, **rates)
        yield place


@pytest.fixture
def owner(place):
    return client_of_member(place.api_key.tenant)


def client_of_member(tenant):
    user = make_user()
    make_member(tenant=tenant, user=user)
    return client_of(user)


@pytest.fixture
def form(place):
    return {
        "name": "contract-rules",
        "api_key": str(place.api_key.pk),
        "model": place.model.name,
        "instructions": RULES,
        "content_json": "",
        "ttl_seconds": "3600",
        "tier": "auto",
        "lease_class": "guaranteed",
        "engines": "1",
        "quoted": "",
    }


def quote(client, form):
    response = client.post("/prompts/new/", form)
    assert response.status_code == 200, response.context["form"].errors
    return response.context["quote"]


def buy(client, form, **changes):
    told = quote(client, form)
    bought = {**form, "quoted": told.digest, "buy": "1", **changes}
    return client.post("/prompts/new/", bought, follow=True)


def engine_of(place):
    (engine,) = place.engines.values()
    return engine


def test_it_works(place, owner, form):
    told = quote(owner, form)
    assert told.tokens > 32
    tier = told.asked_tier
    assert (tier.tier, tier.has_room) == ("hbm", True)
    assert tier.worth_nanos == told.tokens * 100
    assert tier.whole_nanos == tier.hour_nanos
    assert tier.hour_nanos == pytest.approx(tier.bytes * 3_600 * 13.5e-6, abs=14)
    assert not CachedPrompt.objects.exists()

    response = buy(owner, form)

    prompt = CachedPrompt.objects.get()
    assert response.redirect_chain == [(f"/prompts/{prompt.public_id}/", 302)]
    page = response.content.decode()
    assert "contract-rules is held" in page
    assert (prompt.status, prompt.token_count) == ("ready", told.tokens)
    assert json.loads(prompt.content)["messages"] == [
        {"role": "system", "content": RULES.strip()}
    ]
    (held,) = held_by(engine_of(place))
    assert UUID(held) == prompt.placements.get().lease_id
    (shown,) = owner.get("/prompts/").context["living"]
    assert shown.bytes == tier.bytes


@pytest.mark.parametrize("rates", [{}])
def test_what_is_not_sold_cannot_be_bought(place, owner, form):
    told = quote(owner, form)

    assert not told.is_offered
    response = owner.post("/prompts/new/", form)
    assert "it is not sold" in response.content.decode()
    assert place.proxy.orders == []


def test_more_engines_and_time_cost_as_much_more(owner, form):
    one = quote(owner, form).asked_tier
    form |= {"engines": "3", "ttl_seconds": "86400"}
    three = quote(owner, form).asked_tier

    assert three.bytes == 3 * one.bytes
    assert three.hour_nanos == 3 * one.hour_nanos
    assert three.whole_nanos == 24 * three.hour_nanos
    assert three.calls_to_pay == -(-3 * one.hour_nanos // one.worth_nanos)


def test_nothing_is_bought_that_was_not_priced(owner, form, place):
    other = {"instructions": RULES + "And no more."}
    response = buy(owner, form, **other)

    assert response.context["quote"].tokens > quote(owner, form).tokens
    assert not CachedPrompt.objects.exists()
    assert place.proxy.orders == []


def test_messages_and_tools_may_be_given_as_json(owner, form):
    content = {
        "messages": [{"role": "system", "content": RULES}],
        "tools": [{"type": "function", "function": {"name": "look_up"}}],
    }
    form |= {"instructions": "", "content_json": json.dumps(content)}

    buy(owner, form)

    assert json.loads(CachedPrompt.objects.get().content) == content


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": "no spaces here"}, "name"),
        ({"instructions": ""}, "instructions"),
        ({"content_json": '{"messages": []}'}, "instructions"),
        ({"instructions": "", "content_json": "{"}, "content_json"),
        ({"instructions": "", "content_json": '{"messages": []}'}, "content_json"),
        ({"instructions": "", "content_json": '{"messages": [{}]}'}, "content_json"),
        ({"instructions": "Hi"}, "instructions"),
        ({"instructions": "Answer in one word. " * 100}, "instructions"),
        ({"engines": "9"}, "engines"),
        ({"engines": "2"}, "engines"),
        ({"ttl_seconds": "5"}, "ttl_seconds"),
        ({"api_key": "0"}, "api_key"),
    ],
)
def test_it_refuses_beside_the_field(owner, form, changes, field):
    response = owner.post("/prompts/new/", form | changes)
    if response.status_code == 200:
        told = response.context["quote"].digest
        bought = {**form, **changes, "quoted": told, "buy": "1"}
        response = owner.post("/prompts/new/", bought)

    assert response.status_code == 422
    assert response.context["form"].errors[field]
    assert not CachedPrompt.objects.exists()


def test_it_refuses_a_name_that_is_taken(owner, form):
    buy(owner, form)
    form["instructions"] = RULES + "And no more."

    response = buy(owner, form)

    assert response.status_code == 422
    assert "is taken" in response.content.decode()


def test_it_tells_what_the_proxy_refused(place, owner, form):
    told = {"message": "Your credit is spent.", "code": "insufficient_credit"}
    place.proxy.refusal = (402, told)

    response = buy(owner, form)

    assert response.status_code == 422
    assert "Your credit is spent." in response.content.decode()
    assert not CachedPrompt.objects.exists()


def test_it_says_so_when_no_engine_answers(place, owner, form):
    (engine,) = place.model.engines.all()
    place.stop(engine)

    response = owner.post("/prompts/new/", form)

    assert response.status_code == 422
    assert "answers right now" in response.content.decode()


def test_without_a_key_it_asks_for_one(place, owner):
    place.api_key.revoked_at = timezone.now()
    place.api_key.save()

    assert "It takes an API key" in owner.get("/prompts/new/").content.decode()


def test_it_can_be_kept_longer_and_renew_itself(owner, form):
    buy(owner, form)
    prompt = CachedPrompt.objects.get()
    path = f"/prompts/{prompt.public_id}/"
    choices = dict(
        owner.get(f"{path}extend/").context["form"].fields["ttl_seconds"].choices
    )
    assert list(choices) == [3_600, 21_600, 86_400, 604_800, 2_592_000]
    assert choices[86_400].startswith("1 day from now: at most $0.")

    owner.post(f"{path}extend/", {"ttl_seconds": "86400"})
    owner.post(f"{path}renew/", {"auto_renew": "on"})

    prompt.refresh_from_db()
    left = prompt.expires_at - timezone.now()
    assert timedelta(hours=23, minutes=59) < left <= timedelta(days=1)
    assert prompt.auto_renew
    owner.post(f"{path}renew/", {"auto_renew": "off"})
    prompt.refresh_from_db()
    assert not prompt.auto_renew


def test_it_is_deleted_by_its_name(place, owner, form):
    buy(owner, form)
    prompt = CachedPrompt.objects.get()
    path = f"/prompts/{prompt.public_id}/delete/"

    wrong = owner.post(path, {"name": "contract"})
    assert wrong.status_code == 422
    assert held_by(engine_of(place)) != []

    response = owner.post(path, {"name": "contract-rules"}, follow=True)

    assert "contract-rules is deleted" in response.content.decode()
    prompt.refresh_from_db()
    assert prompt.status == "deleted"
    assert held_by(engine_of(place)) == []


@pytest.mark.parametrize(
    ("act", "fields"),
    [
        ("extend", {"ttl_seconds": "86400"}),
        ("renew", {"auto_renew": "on"}),
        ("delete", {"name": "contract-rules"}),
    ],
)
def test_it_refuses_a_stranger(place, owner, form, act, fields):
    buy(owner, form)
    before = CachedPrompt.objects.get()
    stranger = make_user()
    make_member(tenant=make_tenant(), user=stranger)

    response = client_of(stranger).post(f"/prompts/{before.public_id}/{act}/", fields)

    assert response.status_code == 404
    after = CachedPrompt.objects.get()
    assert (after.status, after.auto_renew) == (before.status, before.auto_renew)
    assert after.expires_at == before.expires_at
    assert held_by(engine_of(place)) != []


def test_it_refuses_another_tenants_key(form):
    other = make_tenant()
    make_api_key(project=make_project(tenant=other))

    response = client_of_member(other).post("/prompts/new/", form)

    assert response.status_code == 422
    assert response.context["form"].errors["api_key"]
