"""Prepaid credit: booked once, and known to the data plane."""

import json
from typing import Any

import pytest
from django.db import DatabaseError

from billing.domain.credit import CreditKind
from billing.domain.spend_counters import money_key
from billing.errors import (
    IdempotencyKeyReusedError,
    InvalidAmountError,
    InvalidCreditError,
)
from billing.models.credit import CreditGrant
from billing.models.ledger import LedgerTransaction
from billing.models.webhooks import WebhookMessage
from billing.services.credit.credit_of import credit_of, credits_of
from billing.services.credit.grant_credit import grant_credit
from tests.billing.usage import DECEMBER, NOON, balances
from tests.billing.webhooks import make_endpoint
from tests.factories import make_tenant
from tests.parallel import in_parallel


def grant(tenant, **changes):
    arguments: dict[str, Any] = {
        "amount_nanos": 25_000_000_000,
        "reason": "bank transfer",
        "idempotency_key": "transfer-17",
        "now": NOON,
    }
    return grant_credit(tenant=tenant, **arguments | changes)


def test_it_works(tenant, valkey, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        made = grant(tenant)

    assert (made.amount_nanos, made.reason) == (25_000_000_000, "bank transfer")
    assert balances(tenant) == {"funds": 25_000_000_000, "credit": -25_000_000_000}
    assert credit_of(tenant) == 25_000_000_000
    assert valkey.hgetall(money_key(tenant.pk)) == {b"credit": b"25000000000"}


def test_grants_add_up_and_are_the_tenants_own(tenant):
    other = make_tenant(name="Other")
    grant(tenant)
    grant(tenant, idempotency_key="transfer-18", amount_nanos=5)
    grant(other, amount_nanos=7)

    assert credits_of([tenant.pk, other.pk]) == {tenant.pk: 25_000_000_005, other.pk: 7}
    assert credit_of(make_tenant(name="Third")) == 0


def test_the_same_key_grants_once(tenant):
    """lago#5870, lago#3703, lago#5947: duplicate top-ups."""
    assert grant(tenant) == grant(tenant)

    assert credit_of(tenant) == 25_000_000_000
    assert LedgerTransaction.objects.count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("valkey")
def test_the_same_key_at_the_same_time_grants_once():
    """lago#5870: the webhook and its retry run side by side."""
    tenant = make_tenant()

    grants = in_parallel(*[lambda: grant(tenant)] * 8)

    assert len({made.pk for made in grants}) == 1
    assert credit_of(tenant) == 25_000_000_000


@pytest.mark.django_db(transaction=True)
def test_without_valkey_the_credit_is_booked_all_the_same(settings, caplog):
    """lago#5947: one of the two succeeds, and what is left follows."""
    settings.VALKEY_URL = "redis://127.0.0.1:1"
    tenant = make_tenant()

    grant(tenant)

    assert credit_of(tenant) == 25_000_000_000
    assert "Error calling" in caplog.text


def test_the_tenants_systems_are_told_once(tenant):
    make_endpoint(tenant)
    made = grant(tenant, expires_at=DECEMBER)
    grant(tenant, expires_at=DECEMBER)

    message = json.loads(WebhookMessage.objects.get().payload)
    assert message["type"] == "credit.granted"
    assert message["data"] == {
        "credit_grant_id": made.pk,
        "kind": "purchased",
        "amount_nanos": 25_000_000_000,
        "expires_at": "2026-12-01T00:00:00Z",
    }


def test_a_gift_is_no_money(tenant):
    made = grant(tenant, kind=CreditKind.PROMOTIONAL, expires_at=DECEMBER)

    assert (made.priority, made.expires_at) == (10, DECEMBER)
    assert balances(tenant) == {
        "promotions": 25_000_000_000,
        "credit": -25_000_000_000,
    }


def test_a_repeat_after_its_end_is_no_error(tenant):
    first = grant(tenant, expires_at=DECEMBER)

    assert grant(tenant, expires_at=DECEMBER, now=DECEMBER) == first


@pytest.mark.parametrize(
    "changes",
    [
        {"amount_nanos": 1},
        {"reason": "gift"},
        {"kind": CreditKind.PROMOTIONAL, "priority": 20},
        {"priority": 3},
        {"expires_at": DECEMBER},
    ],
)
def test_it_refuses_a_key_that_names_another_grant(tenant, changes):
    grant(tenant)

    with pytest.raises(IdempotencyKeyReusedError):
        grant(tenant, **changes)

    assert credit_of(tenant) == 25_000_000_000


@pytest.mark.parametrize(
    "changes",
    [
        {"amount_nanos": 0},
        {"amount_nanos": -5},
        {"amount_nanos": 2**53},
        {"reason": ""},
        {"reason": "x" * 201},
        {"idempotency_key": ""},
        {"idempotency_key": "x" * 71},
    ],
)
def test_it_refuses(tenant, changes):
    with pytest.raises(InvalidAmountError):
        grant(tenant, **changes)

    assert not CreditGrant.objects.exists()


@pytest.mark.parametrize(
    "changes", [{"priority": -1}, {"priority": 101}, {"expires_at": NOON}]
)
def test_it_refuses_what_is_no_grant(tenant, changes):
    with pytest.raises(InvalidCreditError):
        grant(tenant, **changes)

    assert not CreditGrant.objects.exists()


def test_a_grant_is_never_changed(tenant):
    made = grant(tenant)

    with pytest.raises(DatabaseError, match="append-only"):
        CreditGrant.objects.filter(pk=made.pk).update(reason="other")
