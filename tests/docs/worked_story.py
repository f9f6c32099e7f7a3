"""Stories of docs/worked-examples.md that need the books: real services, in order."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django.db.models import Sum

from billing.domain.money import amount_of_cents, exact_amount
from billing.models.credit_notes import CreditNote, CreditNoteTarget
from billing.models.invoices import Invoice
from billing.models.ledger import LedgerEntry
from billing.models.payments import Payment
from billing.models.price_books import PriceBook
from billing.models.prices import PriceVersion
from billing.models.rating import BillingPeriod
from billing.models.taxes import LegalEntity
from billing.services.credit.grant_credit import grant_credit
from billing.services.credit_notes.credit_invoice import credit_invoice
from billing.services.credit_notes.issue_credit_note import issue_credit_note
from billing.services.invoices.describe_invoice import describe_invoice
from billing.services.invoices.issue_invoice import issue_invoice
from billing.services.invoices.void_invoice import void_invoice
from billing.services.payments.record_bank_transfer import record_bank_transfer
from billing.services.payments.record_payment import record_payment
from billing.services.rating.rate_usage import rate_usage
from inference.models import ServedModel
from tenants.models import Tenant
from tests.billing.usage import make_price, use
from tests.docs.worked_blocks import Block
from tests.factories import make_served_model, make_tenant


def _cents(text: str) -> int:
    return int(Decimal(text).scaleb(2))


def _price(model: ServedModel, currency: str, rate: str) -> PriceVersion:
    micros = int(Decimal(rate).scaleb(6))
    book = PriceBook.objects.list_book(currency)
    return make_price(model, rates=(micros, micros, micros), price_book=book)


def _on(act: Block) -> datetime:
    return datetime.fromisoformat(act["on"]).replace(hour=12, tzinfo=UTC)


class Story:
    """One tenant of a seller in Germany, and output tokens at `prices` per million, by
    currency; without a price in its own, calls are charged by another.
    """

    tenant: Tenant
    price: PriceVersion

    def __init__(self, currency: str, prices: Mapping[str, str]) -> None:
        LegalEntity.objects.create(name="Seller", country="DE", vat_id="DE136695976")
        self.tenant, model = make_tenant(currency=currency), make_served_model()
        rows = {code: _price(model, code, rate) for code, rate in prices.items()}
        self.price = rows.get(currency) or next(iter(rows.values()))
        self.acts = 0

    def act(self, act: Block) -> None:
        self.acts += 1
        (name,) = (name for name in _ACTS if name in act)
        now = _on(act)
        _ACTS[name](self, act, now)
        rate_usage(now=now)

    @property
    def invoice(self) -> Invoice:
        """The latest that was issued."""
        return Invoice.objects.exclude(status="draft").latest("pk")

    def use(self, act: Block, now: datetime) -> None:
        quantity = int(act["output tokens"].replace(",", ""))
        use(self.tenant, self.price, quantity, hour_at=now)

    def issue(self, act: Block, now: datetime) -> None:
        assert act["issue"] == "what is drafted"
        for draft in Invoice.objects.filter(status="draft").order_by("pk"):
            issue_invoice(draft.pk, now=now)
        for note in CreditNote.objects.filter(status="draft").order_by("pk"):
            issue_credit_note(note.pk, now=now)

    def void(self, act: Block, now: datetime) -> None:
        void_invoice(self.invoice.pk, reason=act["void"], now=now)

    def credit(self, act: Block, now: datetime) -> None:
        credit_invoice(
            self.invoice.pk,
            reason="goodwill",
            target=CreditNoteTarget(act["to"]),
            idempotency_key=str(self.acts),
            now=now,
            cents=_cents(act["credit note"]),
        )

    def transfer(self, act: Block, now: datetime) -> None:
        record_bank_transfer(
            tenant=self.tenant,
            amount_cents=_cents(act["bank transfer"]),
            invoice=self.invoice,
            note="",
            idempotency_key=str(self.acts),
            now=now,
        )

    def card(self, act: Block, now: datetime) -> None:
        payment = Payment.objects.create(
            tenant=self.tenant,
            invoice=self.invoice,
            kind="card",
            amount_cents=_cents(act["card"]),
            idempotency_key=str(self.acts),
            created_at=now,
        )
        record_payment(payment.pk, now=now)

    def grant(self, act: Block, now: datetime) -> None:
        grant_credit(
            tenant=self.tenant,
            amount_nanos=_cents(act["buy credit"]) * 10_000_000,
            reason="top-up",
            idempotency_key=str(self.acts),
            now=now,
        )


_ACTS: dict[str, Any] = {
    "output tokens": Story.use,
    "issue": Story.issue,
    "void": Story.void,
    "credit note": Story.credit,
    "bank transfer": Story.transfer,
    "card": Story.card,
    "buy credit": Story.grant,
}


def work_story(given: Block) -> Block:
    """Takes an empty database."""
    currency = given.get("currency", "USD")
    story = Story(currency, given.get("prices", {currency: "0.40"}))
    for act in given["story"]:
        story.act(act)
    return {
        "months without a price": str(
            BillingPeriod.objects.exclude(problem="").count()
        ),
        "invoices": [_invoice(row) for row in Invoice.objects.order_by("pk")],
        "credit notes": [_note(row) for row in CreditNote.objects.order_by("pk")],
        "books": {
            kind: exact_amount(amount)
            for kind, amount in LedgerEntry.objects.values_list("account__kind")
            .annotate(total=Sum("amount_nanos"))
            .order_by("account__kind")
            if amount
        },
    }


def _invoice(row: Invoice) -> Block:
    document = describe_invoice(row)
    return {
        "number": document.number or "draft",
        "status": document.status,
        "currency": document.currency,
        "net": amount_of_cents(document.net_cents),
        "tax": amount_of_cents(document.tax_cents),
        "total": amount_of_cents(document.total_cents),
        "credit applied": amount_of_cents(document.credit_applied_cents),
        "paid": amount_of_cents(document.paid_cents),
        "due": document.due,
    }


def _note(row: CreditNote) -> Block:
    return {
        "number": row.number or "draft",
        "kind": row.kind,
        "tax": amount_of_cents(row.tax_cents),
        "total": amount_of_cents(row.total_cents),
        "less due": amount_of_cents(row.applied_cents),
        "became credit": amount_of_cents(row.credited_cents),
        "paid back": amount_of_cents(row.refunded_cents),
    }
