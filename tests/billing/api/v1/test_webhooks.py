"""Webhook endpoints by the API: added, changed, rotated, tested, replayed, removed."""

from datetime import timedelta

import pytest
from django.utils import timezone

from billing.models.webhooks import WebhookEndpoint, WebhookMessage
from billing.services.webhooks.deliver_webhooks import deliver_webhooks
from billing.services.webhooks.emit_event import emit_event
from billing.services.webhooks.webhook_secret import webhook_secret
from tests.billing.webhook_receiver import start_receiver
from tests.billing.webhooks import make_endpoint

URL = "https://example.com/hooks"


def add(caller, **changes):
    return caller.post("webhook_endpoints", {"url": URL} | changes)


@pytest.mark.parametrize("name", ["key", "owner", "colleague", "staff"])
def test_it_works(callers, name):
    caller = getattr(callers, name)
    made = add(caller, types=["invoice.issued"], description="books")
    assert made.status_code == 201
    endpoint = WebhookEndpoint.objects.get()
    assert made.json()["secret"] == webhook_secret(endpoint)
    shown = caller.get(f"webhook_endpoints/{endpoint.public_id}").json()
    assert shown["types"] == ["invoice.issued"]
    assert "secret" not in shown
    assert caller.get("webhook_endpoints").json()["data"] == [shown]


def test_a_message_is_sent_logged_and_sent_again(callers):
    with start_receiver() as receiver:
        path = f"webhook_endpoints/{add(callers.key, url=receiver.url).json()['id']}"
        emit_event(
            tenant_id=callers.tenant.pk,
            type="credit.granted",
            data={"amount_nanos": 1},
            now=timezone.now(),
        )
        assert deliver_webhooks(now=timezone.now()) == 1
        (listed,) = callers.key.get(f"{path}/messages").json()["data"]
        assert (listed["type"], listed["state"]) == ("credit.granted", "delivered")
        shown = callers.key.get(f"{path}/messages/{listed['id']}").json()
        assert shown["payload"]["data"] == {"amount_nanos": 1}
        assert [one["status"] for one in shown["tries"]] == [200]
        again = callers.key.post(f"{path}/replay", {"message_id": listed["id"]})
        assert again.json() == {"messages": 1}
        assert deliver_webhooks(now=timezone.now()) == 1
        since = (timezone.now() - timedelta(hours=1)).isoformat()
        every = callers.key.post(f"{path}/replay", {"since": since})
        assert every.json() == {"messages": 1}
        assert deliver_webhooks(now=timezone.now()) == 1
    ids = {one.headers["webhook-id"] for one in receiver.received}
    assert ids == {listed["id"]}


def test_a_test_message_is_sent_on_demand(callers):
    with start_receiver() as receiver:
        made = add(callers.key, url=receiver.url, types=["invoice.issued"]).json()
        answer = callers.key.post(f"webhook_endpoints/{made['id']}/ping")
        assert answer.status_code == 201
        assert answer.json()["type"] == "ping"
        assert deliver_webhooks(now=timezone.now()) == 1
    assert receiver.received[0].headers["webhook-id"] == answer.json()["id"]


def test_a_secret_is_rotated(callers):
    made = add(callers.key).json()
    answer = callers.key.post(f"webhook_endpoints/{made['id']}/rotate_secret")
    assert answer.status_code == 200
    assert answer.json()["secret"] not in {None, made["secret"]}


def test_what_is_left_out_of_a_change_stays(callers):
    made = add(callers.key, types=["invoice.issued"], description="books").json()
    path = f"webhook_endpoints/{made['id']}"
    off = callers.key.ask("PATCH", path, {"is_enabled": False}).json()
    assert off["types"] == ["invoice.issued"]
    assert off["disabled_reason"]
    assert callers.key.post(f"{path}/ping").status_code == 409
    every = callers.key.ask("PATCH", path, {"types": None, "is_enabled": True}).json()
    assert every["types"] is None
    assert every["description"] == "books"


def test_one_that_is_removed_is_not_there(callers):
    made = add(callers.key).json()
    path = f"webhook_endpoints/{made['id']}"
    assert callers.key.ask("DELETE", path).status_code == 204
    assert callers.key.get(path).status_code == 404
    assert callers.key.ask("DELETE", path).status_code == 404
    assert callers.key.get("webhook_endpoints").json()["data"] == []


def test_those_of_another_tenant_are_not_there(callers):
    endpoint = make_endpoint(callers.tenant)
    path = f"webhook_endpoints/{endpoint.public_id}"
    stranger = callers.stranger
    answers = [
        stranger.get(path),
        stranger.ask("PATCH", path, {"is_enabled": False}),
        stranger.ask("DELETE", path),
        stranger.get(f"{path}/messages"),
        stranger.get(f"{path}/messages/msg_1"),
        stranger.post(f"{path}/ping"),
        stranger.post(f"{path}/replay", {"since": "2026-01-01T00:00:00Z"}),
        stranger.post(f"{path}/rotate_secret"),
    ]
    assert {one.status_code for one in answers} == {404}
    endpoint.refresh_from_db()
    assert (endpoint.is_enabled, endpoint.secret_number) == (True, 1)
    assert not WebhookMessage.objects.exists()


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"url": "http://example.com"}, "url"),
        ({"url": ""}, "url"),
        ({"url": 5}, "url"),
        ({"types": []}, "types"),
        ({"types": ["invoice.eaten"]}, "types[0]"),
        ({"description": "\0"}, "description"),
    ],
)
def test_it_refuses_what_could_not_work(callers, changes, param):
    answer = add(callers.key, **changes)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param
    assert not WebhookEndpoint.objects.exists()


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"message_id": "msg_" + "0" * 32, "since": "2026-01-01T00:00:00Z"},
        {"message_id": "5"},
        {"since": "yesterday"},
    ],
)
def test_it_refuses_a_replay_of_nothing_in_particular(callers, body):
    endpoint = make_endpoint(callers.tenant)
    answer = callers.key.post(f"webhook_endpoints/{endpoint.public_id}/replay", body)
    assert answer.status_code == 400
