"""Which receipts an invoice bills, and that they are just its usage."""

from datetime import timedelta

import pytest

from billing.errors import ReceiptsDifferError
from billing.models.invoices import Invoice
from billing.models.receipts import BilledHour, BilledReceipts, ReceiptBlock
from billing.services.invoices.issue_invoice import issue_invoice
from billing.services.rating.rate_usage import rate_usage
from billing.services.receipts.read_receipts import stream_receipts
from billing.services.receipts.receipt_condition import receipt_condition
from metering.domain.merkle import merkle_root
from metering.domain.receipts import canonical, receipt_hash
from metering.models import UsageEvent, UsageRollup
from metering.receipt_models import Receipt
from metering.services.roll_up_usage import roll_up_usage
from metering.services.store_usage_events import store_usage_events
from tests.billing.usage import DECEMBER, NOON, NOVEMBER, draft_of, use
from tests.factories import make_tenant
from tests.metering.journal import HOUR_US, NOON_US, make_event

DAY = timedelta(days=1)


def receipts_of(invoice):
    spans = [one.span for one in invoice.billed_receipts.all()]
    condition, values = receipt_condition(spans)
    return list(stream_receipts(invoice.tenant_id, condition, values))


def quantities_of(invoice):
    sums: dict[str, int] = {}
    for receipt in receipts_of(invoice):
        for meter, charge in receipt.charges.items():
            sums[meter] = sums.get(meter, 0) + charge.quantity
    return sums


def issued(tenant, *, now=DECEMBER, until=None) -> Invoice:
    rate_usage(now=now)
    return issue_invoice(draft_of(tenant).pk, now=now, until=until)


def test_it_works(tenant, price):
    use(tenant, price, 15_000)
    use(tenant, price, 12_000, meter="new_input_tokens", hour_at=NOON - DAY)

    invoice = issued(tenant)

    assert (invoice.receipt_count, invoice.receipt_from, invoice.receipt_to) == (
        2,
        1,
        2,
    )
    assert quantities_of(invoice) == {
        "output_tokens": 15_000,
        "new_input_tokens": 12_000,
    }
    hashes = [receipt_hash(canonical(one)) for one in receipts_of(invoice)]
    assert merkle_root(hashes).hex() == invoice.merkle_root
    (span,) = BilledReceipts.objects.all()
    assert (span.starts_at, span.ends_at) == (NOVEMBER, DECEMBER)
    assert (span.after_sequence, span.last_sequence) == (0, 2)
    hours = BilledHour.objects.order_by("hour_at")
    assert list(hours.values_list("hour_at", "meter", "quantity", "receipt_count")) == [
        (NOON - DAY, "new_input_tokens", 12_000, 1),
        (NOON, "output_tokens", 15_000, 1),
    ]


def test_late_usage_is_on_the_next_invoice_with_its_receipts(tenant, price):
    use(tenant, price, 100)
    first = issued(tenant, now=NOON + DAY, until=NOON + DAY)
    use(tenant, price, 5)
    use(tenant, price, 7, hour_at=NOON + 2 * DAY)

    second = issued(tenant)

    assert quantities_of(first) == {"output_tokens": 100}
    assert quantities_of(second) == {"output_tokens": 12}
    assert second.receipt_count == 2
    assert {one.sequence for one in receipts_of(first)}.isdisjoint(
        one.sequence for one in receipts_of(second)
    )


def test_what_was_sealed_before_its_part_was_due_is_billed_later(tenant, price):
    use(tenant, price, 100, hour_at=NOON - DAY)
    use(tenant, price, 5, hour_at=NOON + DAY)
    first = issued(tenant, now=NOON, until=NOON)
    assert quantities_of(first) == {"output_tokens": 100}
    assert quantities_of(issued(tenant)) == {"output_tokens": 5}


def test_a_voided_invoice_gives_its_receipts_back(tenant, price):
    use(tenant, price, 100_000)
    first = issued(tenant)
    Invoice.objects.update(status="void")
    use(tenant, price, 5)

    second = issued(tenant)

    assert quantities_of(second) == {"output_tokens": 100_005}
    assert quantities_of(first) == {"output_tokens": 100_000}


def test_calls_of_every_kind_add_up(tenant, price):
    """Leased, cached, absorbed input, warming: SQL splits as the roll-up does."""
    whose = {
        "tenant_id": tenant.pk,
        "price_version_id": price.pk,
        "model": price.served_model.name,
    }
    store_usage_events(
        [
            make_event(**whose),
            make_event(**whose, leased_input_tokens=30),
            make_event(**whose, leased_input_tokens=80),
            make_event(**whose, is_warming=True),
            make_event(**whose, happened_at_us=NOON_US - 300 * HOUR_US),
        ]
    )
    roll_up_usage()

    invoice = issued(tenant)

    assert quantities_of(invoice) == {
        line.meter: line.quantity for line in invoice.lines.all()
    }
    # cached: 40 thrice as they are, 10 beyond 30 leased, 0 beyond 80
    assert quantities_of(invoice)["cached_input_tokens"] == 3 * 40 + 10
    assert quantities_of(invoice)["output_tokens"] == 4 * 7


def test_blocks_are_kept_for_proofs(tenant, price, monkeypatch):
    monkeypatch.setattr("billing.services.receipts.bill_receipts.BLOCK", 2)
    for number in range(5):
        use(tenant, price, 1, hour_at=NOON + number * timedelta(hours=1))

    invoice = issued(tenant)

    blocks = ReceiptBlock.objects.order_by("position")
    assert [block.first_sequence for block in blocks] == [1, 3, 5]
    hashes = [receipt_hash(canonical(one)) for one in receipts_of(invoice)]
    assert merkle_root(hashes).hex() == invoice.merkle_root
    assert merkle_root(bytes(block.root) for block in blocks).hex() == (
        invoice.merkle_root
    )


def test_other_tenants_receipts_are_not_billed(tenant, price):
    stranger = make_tenant()
    use(stranger, price, 9)
    use(tenant, price, 100)
    assert quantities_of(issued(tenant)) == {"output_tokens": 100}
    assert not Receipt.objects.filter(tenant_id=stranger.pk).exists()


def test_it_refuses_usage_that_no_event_shows(tenant, price):
    use(tenant, price, 100)
    UsageRollup.objects.update(quantity=101)

    with pytest.raises(ReceiptsDifferError, match="show 100 output_tokens"):
        issued(tenant)

    assert draft_of(tenant).merkle_root == ""
    assert not BilledReceipts.objects.exists()
    assert not Receipt.objects.exists()


def test_it_refuses_events_that_are_not_rolled_up(tenant, price):
    use(tenant, price, 100)
    rate_usage(now=NOON)
    UsageEvent.objects.create(
        **{
            **UsageEvent.objects.values().get(),
            "event_id": "ab" * 16,
            "output_tokens": 1,
        }
    )

    with pytest.raises(ReceiptsDifferError, match="show 101 output_tokens"):
        issue_invoice(draft_of(tenant).pk, now=DECEMBER)
