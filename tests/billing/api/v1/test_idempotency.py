"""Every POST carries a key: sent again it is answered as before, and done once."""

import threading
import time
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from billing.models.api_access import KeptAnswer
from billing.models.credit import CreditGrant
from billing.services.api_access.forget_answers import forget_answers
from tests.billing.api.v1.conftest import key_of

GRANT = {"amount_nanos": 5_000_000_000, "reason": "bank transfer"}


def grant(callers, body=GRANT, key="T17"):
    return callers.staff.post("credit_grants", body, idempotency_key=key)


def test_it_works(callers):
    first, second = grant(callers), grant(callers)
    assert first.status_code == second.status_code == 201
    assert first.json() == second.json()
    assert "idempotent-replayed" not in first
    assert second["idempotent-replayed"] == "true"
    assert CreditGrant.objects.count() == 1


@pytest.mark.parametrize("key", ["", "x" * 101, "\x7f"])
def test_it_refuses_a_post_without_a_key(callers, key):
    answer = callers.staff.ask("POST", "credit_grants", GRANT, idempotency_key=key)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "invalid_idempotency_key"
    assert not CreditGrant.objects.exists()


def test_it_refuses_the_key_of_another_act(callers):
    grant(callers)
    answer = grant(callers, GRANT | {"amount_nanos": 1})
    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "idempotency_key_reused"
    assert CreditGrant.objects.count() == 1


def test_what_was_refused_may_be_mended_under_the_same_key(callers):
    assert grant(callers, GRANT | {"reason": ""}).status_code == 400
    assert grant(callers).status_code == 201


def test_keys_of_two_callers_are_two(callers):
    other = key_of(callers.tenant)
    body = {"url": "https://example.com/"}
    first = callers.key.post("webhook_endpoints", body, idempotency_key="one")
    second = other.post("webhook_endpoints", body, idempotency_key="one")
    assert first.json()["id"] != second.json()["id"]


def test_a_secret_is_not_kept_and_not_shown_again(callers):
    body = {"url": "https://example.com/"}
    first = callers.key.post("webhook_endpoints", body, idempotency_key="one")
    second = callers.key.post("webhook_endpoints", body, idempotency_key="one")
    assert first.json()["secret"].startswith("whsec_")
    assert second.json() == first.json() | {"secret": None}
    assert "whsec_" not in KeptAnswer.objects.get().body


def test_a_key_is_forgotten_after_a_day(callers):
    body = {"url": "https://example.com/"}
    first = callers.key.post("webhook_endpoints", body, idempotency_key="one")
    KeptAnswer.objects.update(created_at=timezone.now() - timedelta(days=1))
    second = callers.key.post("webhook_endpoints", body, idempotency_key="one")
    assert first.json()["id"] != second.json()["id"]
    assert forget_answers(now=timezone.now()) == 0
    assert forget_answers(now=timezone.now() + timedelta(days=1)) == 1


def results_soon(results):
    """The first result; it comes in a moment, or the test fails by time."""
    for _ in range(500):
        if results:
            return results[0]
        time.sleep(0.01)
    raise TimeoutError


@pytest.mark.django_db(transaction=True)
def test_it_refuses_a_repeat_while_the_first_is_not_done(transactional_db, callers):
    """The first waits for the tenant's lock, in a thread of its own."""
    del transactional_db
    results = []

    def ask():
        results.append(grant(callers))
        connection.close()

    with connection.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute(
            "SELECT FROM tenants_tenant WHERE id = %s FOR UPDATE", [callers.tenant.pk]
        )
        threads = [threading.Thread(target=ask) for _ in range(2)]
        for thread in threads:
            thread.start()
        first_done = results_soon(results)
        assert first_done.status_code == 409
        cursor.execute("COMMIT")
    for thread in threads:
        thread.join()
    refused, granted = sorted(results, key=lambda one: -one.status_code)
    assert (refused.status_code, granted.status_code) == (409, 201)
    assert refused.json()["error"]["code"] == "request_in_progress"
    assert refused["retry-after"]
    assert CreditGrant.objects.count() == 1
