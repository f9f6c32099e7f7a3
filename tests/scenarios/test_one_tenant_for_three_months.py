"""October to December of one tenant, each document checked to the cent.

A trial, a plan changed in mid-month, a coupon, credit bought, leases (one kept, one
lost and credited), late usage that costs more and such that costs less, a card that is
declined, dunning up to refused calls, recovery, and a refund.
"""

import io

import pytest
from pypdf import PdfReader

from billing.domain.money import NANOS_PER_CENT
from billing.models.credit_notes import CreditNoteTarget
from billing.models.payments import Payment, PaymentMethod, Refund
from billing.services.credit.credit_of import credit_of
from billing.services.credit_notes.credit_invoice import credit_invoice
from billing.services.invoices.settle_invoice import due_cents
from billing.services.payments.collect_invoice import collect_invoice
from billing.services.payments.start_payment import start_payment
from billing.services.plans.change_plan import change_plan
from billing.services.plans.redeem_coupon import redeem_coupon
from billing.services.plans.start_subscription import start_subscription
from inference.domain.lease_receipt import Fact
from inference.domain.lease_terms import Tier
from metering.services.store_usage_events import store_usage_events
from tenants.models import Restriction
from tests.billing.invoices import make_buyer, make_seller
from tests.billing.paying import add_card
from tests.billing.plans import make_coupon, make_plan
from tests.billing.usage import balances, make_price
from tests.billing.verification import VerifiedFiles
from tests.factories import make_engine, make_served_model, make_tenant, make_user
from tests.inference.lease_books import NOW_MS, new_id, receipt, tell
from tests.metering.leases import leased_event
from tests.scenarios.quarter import Quarter, day

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("valkey"),
]

GB = 10**9
DECLINED = "pm_card_visa_chargeDeclinedInsufficientFunds"


@pytest.fixture
def quarter(stripe_sim):
    model = make_served_model()
    price = make_price(
        model,
        hbm_mb_s_nanos_per_million=13_500_000,
        host_mb_s_nanos_per_million=200_000,
    )
    tenant = make_tenant(name="Acme", owner=make_user(), now=day(10, 9))
    make_buyer(tenant, make_seller(), is_business=True)
    return Quarter(tenant, price, stripe_sim)


def october(quarter):
    """31 USD a month with 31 million output tokens; a trial of 14 days; 10 % off."""
    pro = make_plan(
        code="pro",
        name="Pro",
        price_cents=31_00,
        trial_days=14,
        allowances=[("", "output_tokens", 31_000_000)],
    )
    start_subscription(tenant_id=quarter.tenant.pk, plan=pro, now=day(10, 10))
    redeem_coupon(
        tenant_id=quarter.tenant.pk, code=make_coupon(months=3).code, now=day(10, 10)
    )
    add_card(quarter.sim, quarter.tenant, now=day(10, 11))
    quarter.use(10, at=day(10, 12))
    quarter.use(40, at=day(10, 28))
    quarter.tick(day(10, 29))
    quarter.tick(day(11, 1, 1))
    assert quarter.invoices() == []  # late usage is waited for
    quarter.tick(day(11, 2, 1))


def check_october(quarter):
    """Pro from the 24th: 8 of 31 days of 31 USD. Of 50 million tokens, 22 of 31 parts
    of 31 million are included; the other 28 million cost 11.20. 10 % off, 19 % tax.
    """
    (invoice,) = quarter.invoices()
    assert quarter.lines_of(invoice) == [
        ("plan", 8_000_000_000, 800_000_000, 7_20),
        ("output_tokens", 11_200_000_000, 1_120_000_000, 10_08),
    ]
    assert (invoice.lines_cents, invoice.tax_cents) == (17_28, 3_28)
    assert (invoice.status, invoice.total_cents) == ("paid", 20_56)
    assert Payment.objects.get().amount_cents == 20_56


def november(quarter):
    """Team at 60 USD from the 15th, at least 200 USD a month; 20 USD of credit."""
    quarter.use(30, at=day(11, 5))
    larger = make_plan(
        code="team", name="Team", price_cents=60_00, minimum_cents=200_00
    )
    change_plan(tenant_id=quarter.tenant.pk, plan=larger, now=day(11, 15))
    top_up = start_payment(
        tenant=quarter.tenant,
        amount_cents=20_00,
        invoice=None,
        method=PaymentMethod.objects.get(is_default=True),
        idempotency_key="top-up-1",
        now=day(11, 20),
    )
    quarter.tick(day(11, 20))
    assert credit_of(quarter.tenant) == 20_00 * NANOS_PER_CENT
    again = start_payment(
        tenant=quarter.tenant,
        amount_cents=20_00,
        invoice=None,
        method=PaymentMethod.objects.get(is_default=True),
        idempotency_key="top-up-1",
        now=day(11, 20),
    )
    assert again == top_up
    leases(quarter)
    quarter.use(10, at=day(10, 30))  # ten million of October come late
    quarter.tick(day(11, 26))
    add_card(quarter.sim, quarter.tenant, DECLINED, now=day(11, 27))


def leases(quarter):
    """One of 2 GB that is demoted to 1 GB after 4 s and reused after 10; one that the
    engine loses: it is credited, so it costs nothing.
    """
    engine = make_engine(served_model=quarter.price.served_model)
    kept, lost = new_id(), new_id()
    calls = [
        leased_event(
            lease_id,
            engine=engine,
            seconds=60,
            tenant_id=quarter.tenant.pk,
            price_version_id=quarter.price.pk,
            input_tokens=1_050,
            cached_input_tokens=100,
            leased_input_tokens=1_000,
            output_tokens=0,
        )
        for lease_id in (kept, lost)
    ]
    whose = {"tenant_id": str(quarter.tenant.pk)}
    below = {"lease_id": kept, "tier": Tier.HOST, "bytes": GB, **whose}
    tell(
        engine,
        receipt(1, lease_id=kept, bytes=2 * GB, **whose),
        receipt(2, lease_id=lost, bytes=2 * GB, **whose),
        receipt(3, Fact.DEMOTED, at_ms=NOW_MS + 4_000, **below),
        receipt(4, Fact.LOST, at_ms=NOW_MS + 9_000, lease_id=lost, **whose),
        receipt(5, Fact.REUSED, at_ms=NOW_MS + 10_000, **below),
    )
    store_usage_events(calls)


def check_october_once_more(quarter):
    """Late: 60 million tokens, 38 of them to pay, are 15.20; less 10 % and what was
    billed, 13.68 - 10.08. Credit pays it at once.
    """
    quarter.tick(day(11, 28))
    first, late = quarter.invoices()
    assert first.status == "paid"
    assert quarter.lines_of(late) == [("output_tokens", 3_600_000_000, 0, 3_60)]
    assert (late.total_cents, late.credit_applied_cents) == (4_28, 4_28)
    assert late.status == "paid"
    assert credit_of(quarter.tenant) == 15_72 * NANOS_PER_CENT


def december(quarter):
    """November's invoice cannot be charged, and nobody sees to it."""
    quarter.tick(day(12, 2, 1))


def check_november(quarter):
    """14 of 30 days of 31 USD, 16 of 30 of 60 USD. Pro's part of 31 million tokens is
    14,466,666, so 15,533,334 at 0.40. 16 of 30 parts of 200 USD at least: 106.67, of
    which 52.68 are reached.
    """
    invoice = quarter.invoices()[2]
    assert quarter.lines_of(invoice) == [
        ("plan", 14_466_666_667, 1_446_666_667, 13_02),
        ("plan", 32_000_000_000, 3_200_000_000, 28_80),
        ("new_input_tokens", 10_000, 1_000, 0),
        ("output_tokens", 6_213_333_600, 621_333_360, 5_59),
        ("hbm_mb_s", 108_000, 10_800, 0),
        ("host_mb_s", 1_200, 120, 0),
        ("minimum", 53_986_547_200, 0, 53_99),
    ]
    assert (invoice.lines_cents, invoice.tax_cents) == (101_40, 19_27)
    assert (invoice.total_cents, invoice.credit_applied_cents) == (120_67, 15_72)
    assert (invoice.status, due_cents(invoice)) == ("issued", 104_95)
    assert credit_of(quarter.tenant) == 0


def check_dunning(quarter, mailoutbox):
    """Four more tries of the card; then a level each week from the due day on."""
    tenant, invoice = quarter.tenant, quarter.invoices()[2]
    for number in (3, 5, 7, 9):
        quarter.tick(day(12, number, 2))
    failed = Payment.objects.filter(invoice=invoice, status="failed")
    assert failed.count() == 5
    levels = {
        16: Restriction.WARNED,
        23: Restriction.NO_NEW_KEYS,
        30: Restriction.NO_CALLS,
    }
    for number, level in levels.items():
        quarter.tick(day(12, number, 2))
        tenant.refresh_from_db()
        assert tenant.restriction == level
    subjects = [mail.subject for mail in mailoutbox]
    assert subjects.count(f"Invoice {invoice.number} is overdue") == 3


def recover(quarter):
    """A card that works is added, and charged for what is due."""
    invoice = quarter.invoices()[2]
    add_card(quarter.sim, quarter.tenant, now=day(12, 30, 12))
    collect_invoice(invoice.pk, now=day(12, 30, 12), attempt="by hand")
    quarter.tick(day(12, 30, 13))
    invoice.refresh_from_db()
    quarter.tenant.refresh_from_db()
    assert (invoice.status, due_cents(invoice)) == ("paid", 0)
    assert quarter.tenant.restriction == Restriction.NONE


def refund(quarter):
    """5 USD of October, and the tax on them, go back to the card."""
    first = quarter.invoices()[0]
    note = credit_invoice(
        first.pk,
        reason="The model was slow.",
        target=CreditNoteTarget.PAYMENT,
        idempotency_key="slow-october",
        now=day(12, 30, 14),
        cents=5_00,
    )
    quarter.tick(day(12, 30, 15))
    assert (note.lines_cents, note.tax_cents) == (5_00, 95)
    assert (note.refunded_cents, note.credited_cents) == (5_95, 0)
    (refunded,) = Refund.objects.all()
    assert (refunded.amount_cents, refunded.status) == (5_95, "succeeded")


def late_and_less(quarter):
    """20 million tokens of November come late: 8 USD less 10 % are owed, and 8 USD less
    lacked to the minimum. The one is an invoice, the other a credit note, whose value
    is credit and pays for the invoice and a part of December's.
    """
    quarter.use(20, at=day(11, 20))
    quarter.tick(day(12, 31))
    quarter.tick(day(1, 2, 1).replace(year=2027))
    _, adjustment = quarter.notes()
    assert (adjustment.kind, adjustment.lines_cents) == ("adjustment", 8_00)
    assert (adjustment.tax_cents, adjustment.credited_cents) == (1_52, 9_52)
    late, last = quarter.invoices()[3:]
    assert quarter.lines_of(late) == [("output_tokens", 7_200_000_000, 0, 7_20)]
    assert (late.total_cents, late.credit_applied_cents) == (8_57, 8_57)
    # 60 USD less 10 %, and 140 that lack to 200.
    assert (last.lines_cents, last.total_cents) == (194_00, 230_86)
    assert (last.credit_applied_cents, last.status) == (95, "paid")


def check_documents(quarter, folder):
    for invoice in quarter.invoices():
        assert VerifiedFiles(folder, invoice).check() == 0
    documents = dict(quarter.documents())
    numbers = [f"TF-2026-{n:06d}" for n in (1, 2, 3)]
    assert list(documents) == [
        *numbers,
        *("TF-2027-000001", "TF-2027-000002"),
        *("TF-CN-2026-000001", "TF-CN-2027-000001"),
    ]
    for number, pdf in documents.items():
        reader = PdfReader(io.BytesIO(pdf))
        text = "".join(page.extract_text() for page in reader.pages)
        assert number in text
        assert "factur-x.xml" in reader.attachments
    books = balances(quarter.tenant)
    assert books["receivable"] == 0
    # January has begun, and comes to 200 USD at least.
    assert books["unbilled"] == 200 * 100 * NANOS_PER_CENT
    assert books.get("credit", 0) == 0
    assert sum(books.values()) == 0


def test_it_works(quarter, mailoutbox, tmp_path):
    october(quarter)
    check_october(quarter)
    november(quarter)
    check_october_once_more(quarter)
    december(quarter)
    check_november(quarter)
    check_dunning(quarter, mailoutbox)
    recover(quarter)
    refund(quarter)
    late_and_less(quarter)
    check_documents(quarter, tmp_path)
