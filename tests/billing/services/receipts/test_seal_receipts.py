"""Usage events get their receipts, chained and signed."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.db import connection

from billing.errors import ReceiptChangedError
from billing.services.receipts.read_receipts import stream_receipts
from billing.services.receipts.seal_receipts import seal_receipts
from metering.domain.receipts import Chain, canonical, receipt_hash
from metering.domain.signed_texts import seal_text
from metering.receipt_models import Receipt, ReceiptKey, ReceiptSeal, UnsealedHour
from metering.services.roll_up_usage import roll_up_usage
from metering.services.store_usage_events import store_usage_events
from metering.wire import Outcome
from tests.factories import make_tenant
from tests.metering.journal import HOUR_US, NOON_US, make_event

NOW = datetime(2026, 11, 21, 15, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def events(tenant, price):
    """Three calls in two hours, one of them not billed."""
    whose = {"tenant_id": tenant.pk, "price_version_id": price.pk}
    made = [
        make_event(**whose),
        make_event(**whose, happened_at_us=NOON_US - HOUR_US, outcome=Outcome.UNBILLED),
        make_event(**whose, happened_at_us=NOON_US + 1, leased_input_tokens=60),
    ]
    store_usage_events(made)
    roll_up_usage()
    return made


def receipts_of(tenant):
    return list(stream_receipts(tenant.pk, "true", {}))


def test_it_works(tenant, price, events):
    assert seal_receipts(tenant.pk, now=NOW) == 3

    unbilled, first, leased = receipts_of(tenant)
    assert [one.sequence for one in (unbilled, first, leased)] == [1, 2, 3]
    assert [one.event_id for one in (unbilled, first, leased)] == [
        events[1].event_id,
        events[0].event_id,
        events[2].event_id,
    ]
    assert first.happened_at == "2026-11-21T12:00:00.000000Z"
    assert first.charges["new_input_tokens"].amount == "0.000006"
    assert {name: charge.quantity for name, charge in first.charges.items()} == {
        "new_input_tokens": 60,
        "cached_input_tokens": 40,
        "output_tokens": 7,
    }
    assert {name: charge.quantity for name, charge in leased.charges.items()} == {
        "new_input_tokens": 40,
        "output_tokens": 7,
    }
    assert leased.absorbed_input_tokens == 20
    assert (unbilled.charges, unbilled.outcome) == ({}, "unbilled")
    assert {first.price_version_id, leased.price_version_id} == {price.pk}
    assert first.cache_salt_id != "00" * 8
    assert first.cache_salt_id not in tenant.cache_salt
    chain = Chain()
    assert [chain.objection(one) for one in receipts_of(tenant)] == [None] * 3
    assert not UnsealedHour.objects.exists()


@pytest.mark.usefixtures("events")
def test_the_seal_is_signed_by_the_public_key(tenant):
    seal_receipts(tenant.pk, now=NOW)

    seal = ReceiptSeal.objects.get(tenant_id=tenant.pk)
    key = ReceiptKey.objects.get(key_id=seal.key_id)
    last = receipts_of(tenant)[-1]
    assert bytes(seal.head) == receipt_hash(canonical(last))
    text = seal_text(tenant_id=tenant.pk, last_sequence=3, head=bytes(seal.head))
    public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(key.public_key))
    public.verify(bytes(seal.signature), text)


def test_a_second_call_seals_nothing(tenant, events):
    seal_receipts(tenant.pk, now=NOW)
    store_usage_events(events)
    roll_up_usage()

    assert seal_receipts(tenant.pk, now=NOW) == 0
    assert ReceiptSeal.objects.count() == 1


@pytest.mark.usefixtures("events")
def test_late_events_get_later_places(tenant, price):
    seal_receipts(tenant.pk, now=NOW)
    late = make_event(
        tenant_id=tenant.pk,
        price_version_id=price.pk,
        happened_at_us=NOON_US - HOUR_US + 7,
    )
    store_usage_events([late])
    roll_up_usage()

    assert seal_receipts(tenant.pk, now=NOW) == 1
    assert receipts_of(tenant)[-1].event_id == late.event_id
    assert receipts_of(tenant)[-1].sequence == 4
    assert ReceiptSeal.objects.count() == 2


@pytest.mark.usefixtures("events")
def test_hours_that_still_run_may_wait(tenant):
    noon = NOW.replace(hour=12)
    assert seal_receipts(tenant.pk, now=NOW, until=noon) == 1
    assert UnsealedHour.objects.get().hour_at == noon
    assert seal_receipts(tenant.pk, now=NOW, until=noon + HOUR) == 2


@pytest.mark.usefixtures("events")
def test_tenants_have_chains_of_their_own(tenant, price):
    another = make_tenant()
    store_usage_events([make_event(tenant_id=another.pk, price_version_id=price.pk)])
    roll_up_usage()

    seal_receipts(tenant.pk, now=NOW)
    seal_receipts(another.pk, now=NOW)

    assert [one.sequence for one in receipts_of(another)] == [1]
    assert len(receipts_of(tenant)) == 3
    (theirs,) = receipts_of(another)
    assert theirs.cache_salt_id != receipts_of(tenant)[0].cache_salt_id


@pytest.mark.usefixtures("events")
def test_a_lost_key_may_be_replaced(tenant, price, settings):
    seal_receipts(tenant.pk, now=NOW)
    settings.RECEIPT_KEY = "another"
    store_usage_events([make_event(tenant_id=tenant.pk, price_version_id=price.pk)])
    roll_up_usage()
    seal_receipts(tenant.pk, now=NOW + HOUR)

    assert ReceiptKey.objects.count() == 2
    assert ReceiptSeal.objects.values("key_id").distinct().count() == 2


@pytest.mark.django_db
def test_usage_of_nobody_we_know_has_receipts_too():
    store_usage_events([make_event(tenant_id=987654321, price_version_id=1)])
    roll_up_usage()

    assert seal_receipts(987654321, now=NOW) == 1
    (receipt,) = stream_receipts(987654321, "true", {})
    assert receipt.cache_salt_id == ""
    assert receipt.charges["output_tokens"].rate_nanos_per_million is None


@pytest.mark.usefixtures("events")
def test_it_refuses_to_show_another_event_than_was_sealed(tenant):
    seal_receipts(tenant.pk, now=NOW)
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("UPDATE usage_event SET output_tokens = 8")
        cursor.execute("SET session_replication_role = DEFAULT")

    with pytest.raises(ReceiptChangedError):
        receipts_of(tenant)


@pytest.mark.usefixtures("events")
def test_receipts_are_kept(tenant):
    seal_receipts(tenant.pk, now=NOW)
    with pytest.raises(Exception, match="receipts are kept: DELETE refused"):
        Receipt.objects.all().delete()
