"""What is due arrives, signed as Standard Webhooks says; what fails is tried again."""

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
import time_machine
from django.core import mail
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from billing.domain.webhook_schedule import PAUSES
from billing.models.webhooks import WebhookAttempt, WebhookEndpoint, WebhookMessage
from billing.services.webhooks import send_webhook as sending
from billing.services.webhooks.deliver_webhooks import (
    MESSAGES_AT_ONCE,
    deliver_webhooks,
)
from billing.services.webhooks.emit_event import emit_event
from billing.services.webhooks.rotate_webhook_secret import rotate_webhook_secret
from billing.services.webhooks.webhook_secret import webhook_secret
from tests.billing.webhook_receiver import start_receiver
from tests.billing.webhooks import make_endpoint
from tests.factories import make_member, make_tenant, make_user

NOW = datetime.now(UTC).replace(microsecond=0)
# The library that checks signatures asks for the time, and takes no time as argument.


@pytest.fixture
def receiver():
    with start_receiver() as receiver:
        yield receiver


@pytest.fixture
def endpoint(tenant, receiver):
    return make_endpoint(tenant, url=receiver.url)


def emit(tenant, *, number=1, now=NOW):
    emit_event(
        tenant_id=tenant.pk,
        type="invoice.issued",
        data={"number": f"TF-2026-{number:06d}"},
        now=now,
    )


def verify(received, secret):
    with time_machine.travel(NOW, tick=False):
        return Webhook(secret).verify(received.body, received.headers)


@pytest.mark.usefixtures("endpoint")
def test_it_works(tenant, receiver):
    emit(tenant)
    assert deliver_webhooks(now=NOW) == 1
    (received,) = receiver.received
    message = WebhookMessage.objects.get()
    assert received.body == message.payload
    assert received.headers["webhook-id"] == message.message_id
    assert received.headers["content-type"] == "application/json"
    assert received.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert message.delivered_at == NOW
    assert message.next_try_at is None
    attempt = WebhookAttempt.objects.get()
    assert (attempt.status, attempt.answer, attempt.message) == (200, "thanks", message)
    assert deliver_webhooks(now=NOW) == 0


def test_the_signature_is_what_the_specification_says(tenant, receiver, endpoint):
    emit(tenant)
    deliver_webhooks(now=NOW)
    (received,) = receiver.received
    assert verify(received, webhook_secret(endpoint)) == json.loads(received.body)
    other = webhook_secret(make_endpoint(tenant))
    with pytest.raises(WebhookVerificationError):
        verify(received, other)


def test_both_secrets_sign_for_a_day_after_a_rotation(tenant, receiver, endpoint):
    old = webhook_secret(endpoint)
    new = rotate_webhook_secret(endpoint, now=NOW - timedelta(hours=23))
    emit(tenant)
    deliver_webhooks(now=NOW)
    (received,) = receiver.received
    assert old != new
    assert verify(received, old) == verify(received, new)


def test_the_old_secret_signs_no_more_after_that(tenant, receiver, endpoint):
    old = webhook_secret(endpoint)
    new = rotate_webhook_secret(endpoint, now=NOW - timedelta(hours=24))
    emit(tenant)
    deliver_webhooks(now=NOW)
    (received,) = receiver.received
    assert verify(received, new)
    with pytest.raises(WebhookVerificationError):
        verify(received, old)


@pytest.mark.usefixtures("endpoint")
def test_messages_arrive_in_order(tenant, receiver):
    for number in range(1, 6):
        emit(tenant, number=number)
    assert deliver_webhooks(now=NOW) == 5
    numbers = [json.loads(one.body)["data"]["number"] for one in receiver.received]
    assert numbers == sorted(numbers)


@pytest.mark.usefixtures("endpoint")
def test_it_is_tried_again_as_the_schedule_says(tenant, receiver):
    receiver.status = 503
    emit(tenant)
    times, now = [], NOW
    while (message := WebhookMessage.objects.get()).next_try_at is not None:
        now = message.next_try_at
        assert deliver_webhooks(now=now - timedelta(seconds=1)) == 0
        deliver_webhooks(now=now)
        times.append(now)
    assert [later - sooner for sooner, later in pairwise(times)] == list(PAUSES)
    assert message.failed_at == now
    assert len({one.headers["webhook-id"] for one in receiver.received}) == 1
    statuses = WebhookAttempt.objects.values_list("status", flat=True)
    assert list(statuses) == [503] * (len(PAUSES) + 1)


@pytest.mark.django_db(transaction=True)
def test_the_last_failure_disables_the_endpoint_and_tells_the_owners(receiver):
    tenant = make_tenant(owner=make_user(email="owner@example.com"))
    make_member(tenant=tenant, user=make_user(email="colleague@example.com"))
    make_endpoint(tenant, url=receiver.url)
    receiver.status = 500
    emit(tenant)
    WebhookMessage.objects.update(attempts=len(PAUSES))
    deliver_webhooks(now=NOW)
    endpoint = WebhookEndpoint.objects.get()
    assert not endpoint.is_enabled
    assert "three days" in endpoint.disabled_reason
    (sent,) = mail.outbox
    assert sent.to == ["owner@example.com"]
    assert receiver.url in sent.body


def test_an_endpoint_that_works_again_survives_an_old_failure(
    tenant, receiver, endpoint
):
    receiver.status = 500
    emit(tenant, now=NOW - timedelta(days=4))
    WebhookMessage.objects.update(attempts=len(PAUSES), next_try_at=NOW)
    WebhookEndpoint.objects.update(succeeded_at=NOW - timedelta(hours=1))
    deliver_webhooks(now=NOW)
    endpoint.refresh_from_db()
    assert endpoint.is_enabled
    assert WebhookMessage.objects.get().failed_at == NOW


def test_410_disables_at_once(tenant, receiver, endpoint):
    receiver.status = 410
    emit(tenant)
    deliver_webhooks(now=NOW)
    endpoint.refresh_from_db()
    assert not endpoint.is_enabled
    emit(tenant)
    assert WebhookMessage.objects.count() == 1


@pytest.mark.usefixtures("endpoint")
def test_others_wait_while_one_fails(tenant, receiver):
    """One request tells that the receiver is down, not a hundred."""
    receiver.status = 500
    for number in range(3):
        emit(tenant, number=number)
    deliver_webhooks(now=NOW)
    assert len(receiver.received) == 1
    assert deliver_webhooks(now=NOW + timedelta(seconds=4)) == 0
    receiver.status = 200
    assert deliver_webhooks(now=NOW + timedelta(seconds=5)) == 3


@pytest.mark.usefixtures("endpoint")
def test_a_round_is_bounded(tenant, receiver):
    for number in range(MESSAGES_AT_ONCE + 1):
        emit(tenant, number=number)
    assert deliver_webhooks(now=NOW) == MESSAGES_AT_ONCE
    assert deliver_webhooks(now=NOW) == 1
    assert len(receiver.received) == MESSAGES_AT_ONCE + 1


def test_no_redirect_is_followed(tenant, receiver, endpoint):
    with start_receiver() as other:
        receiver.status, receiver.location = 302, other.url
        emit(tenant)
        assert deliver_webhooks(now=NOW) == 0
        assert other.received == []
    assert WebhookAttempt.objects.get().status == 302
    assert endpoint.messages.get().attempts == 1


@pytest.mark.usefixtures("endpoint")
def test_only_the_beginning_of_an_answer_is_kept(tenant, receiver):
    receiver.answer = b"\0x" * 1_000_000
    emit(tenant)
    assert deliver_webhooks(now=NOW) == 1
    answer = WebhookAttempt.objects.get().answer
    assert set(answer) == {"x"}
    assert len(answer) == sending.ANSWER_CHARACTERS_MAX


@pytest.mark.usefixtures("endpoint")
def test_a_receiver_that_says_nothing_costs_a_bounded_time(
    tenant, receiver, monkeypatch
):
    monkeypatch.setattr(sending, "SECONDS_MAX", 0.2)
    receiver.may_answer.clear()
    emit(tenant)
    assert deliver_webhooks(now=NOW) == 0
    attempt = WebhookAttempt.objects.get()
    assert attempt.status is None
    assert "No answer" in attempt.answer


def test_a_receiver_that_is_not_there_is_tried_again(tenant, receiver):
    make_endpoint(tenant, url=receiver.url.replace(str(receiver.port), "1"))
    emit(tenant)
    assert deliver_webhooks(now=NOW) == 0
    message = WebhookMessage.objects.get()
    assert message.next_try_at == NOW + PAUSES[0]
    assert WebhookAttempt.objects.get().answer.startswith("ConnectError")


@pytest.mark.usefixtures("endpoint")
def test_it_refuses_this_machine_where_the_portal_is_public(tenant, receiver, settings):
    settings.IS_LOCAL = False
    emit(tenant)
    assert deliver_webhooks(now=NOW) == 0
    assert receiver.received == []
    assert "not a public address" in WebhookAttempt.objects.get().answer


def test_a_slow_endpoint_is_not_asked_by_two_at_once(tenant, receiver, endpoint):
    """The claim of the first is seen by the second: nothing is due for it."""
    emit(tenant)
    WebhookEndpoint.objects.update(rests_until=NOW + timedelta(seconds=30))
    assert deliver_webhooks(now=NOW) == 0
    assert receiver.received == []
    # The first died: its claim ends by itself.
    assert deliver_webhooks(now=NOW + timedelta(seconds=30)) == 1
    assert endpoint.messages.get().delivered_at is not None
