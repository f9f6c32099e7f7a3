"""The record of one call, as its key may read it."""

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from metering.services.store_usage_events import store_usage_events
from tests.factories import make_api_key, make_project
from tests.metering.journal import make_event

pytestmark = pytest.mark.django_db


def new_id(at_us: int) -> str:
    """As the proxy makes it: a UUID of version 7."""
    bits = uuid.uuid4().int & ((1 << 74) - 1)
    return (
        f"{at_us // 1000 << 80 | 0x7 << 76 | 0b10 << 62 | bits & ((1 << 62) - 1):032x}"
    )


@pytest.fixture
def key():
    return make_api_key()


def store(api_key, **changes):
    now_us = int(timezone.now().timestamp() * 1_000_000)
    event = make_event(
        event_id=new_id(now_us - 2_000_000),
        tenant_id=api_key.tenant_id,
        project_id=api_key.project_id,
        api_key_id=api_key.pk,
        received_at_us=now_us - 2_000_000,
        sent_at_us=now_us - 1_990_000,
        first_token_at_us=now_us - 1_500_000,
        happened_at_us=now_us,
        output_tokens=11,
        cost_nanos=4_840,
        streamed=True,
        **changes,
    )
    store_usage_events([event])
    return event


def get(client, request_id, secret):
    return client.get(
        f"/v1/usage/requests/{request_id}",
        headers={"authorization": f"Bearer {secret}"},
    )


def test_it_works(client, key):
    api_key, secret = key
    event = store(api_key)
    answer = get(client, f"req_{event.event_id}", secret)
    assert answer.status_code == 200
    record = answer.json()
    assert record["id"] == f"req_{event.event_id}"
    assert record["usage"] == {
        "input_tokens": 100,
        "cached_input_tokens": 40,
        "leased_input_tokens": 0,
        "cache_write_tokens": 60,
        "output_tokens": 11,
        "reasoning_tokens": 0,
        "images": 0,
        "cost": "0.00000484",
        "currency": "USD",
    }
    assert record["timings"] == {
        "queue_ms": pytest.approx(10),
        "first_token_ms": pytest.approx(500),
        "inter_token_ms": pytest.approx(150),
        "total_ms": pytest.approx(2000),
    }
    assert record["outcome"] == "completed"
    assert record["kv_lease"] is record["cached_prompt"] is None
    assert get(client, event.event_id, secret).json() == record


def test_it_tells_of_leases(client, key):
    api_key, secret = key
    leased = {"leased_input_tokens": 32, "previous_lease_id": "b" * 32}
    last = store(api_key, **leased)
    expires_at_us = 1_795_262_415_007_000
    bought = store(
        api_key, lease_id="a" * 32, lease_expires_at_us=expires_at_us, **leased
    )

    record = get(client, f"req_{bought.event_id}", secret).json()
    assert record["usage"]["leased_input_tokens"] == 32
    assert record["kv_lease"] == {
        "id": "kvl_" + "a" * 32,
        "expires_at": "2026-11-21T12:00:15.007Z",
        "previous_id": "kvl_" + "b" * 32,
    }
    assert get(client, f"req_{last.event_id}", secret).json()["kv_lease"] == {
        "id": None,
        "expires_at": None,
        "previous_id": "kvl_" + "b" * 32,
    }


def test_it_names_the_cached_prompt_that_a_call_began_with(client, key):
    api_key, secret = key
    event = store(api_key, leased_input_tokens=64, cached_prompt_id="c" * 32)
    record = get(client, f"req_{event.event_id}", secret).json()
    assert record["cached_prompt"] == "cp_" + "c" * 32


def test_it_refuses_a_call_of_another_project(client, key):
    """Like one that is not there, even for a key of the same tenant."""
    api_key, _ = key
    event = store(api_key)
    _, neighbours = make_api_key(
        project=make_project(tenant=api_key.tenant, name="Neighbour")
    )
    _, strangers = make_api_key()
    for secret in (neighbours, strangers):
        answer = get(client, f"req_{event.event_id}", secret)
        assert answer.status_code == 404
        assert answer.json()["error"]["code"] == "usage_not_found"


@pytest.mark.parametrize("request_id", ["req_", "x", "req_" + "f" * 32, "0" * 32])
def test_it_refuses_what_is_no_request_id(client, key, request_id):
    assert get(client, request_id, key[1]).status_code == 404


def test_it_refuses_a_key_that_no_longer_works(client, key):
    api_key, secret = key
    event = store(api_key)
    for field in ("revoked_at", "expires_at"):
        type(api_key).objects.filter(pk=api_key.pk).update(
            revoked_at=None, expires_at=None
        )
        past = timezone.now() - timedelta(seconds=1)
        type(api_key).objects.filter(pk=api_key.pk).update(**{field: past})
        answer = get(client, f"req_{event.event_id}", secret)
        assert answer.status_code == 401
    assert get(client, f"req_{event.event_id}", "tf_live_wrong").status_code == 401
    assert client.get(f"/v1/usage/requests/{event.event_id}").status_code == 401
