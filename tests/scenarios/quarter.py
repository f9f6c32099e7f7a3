"""A tenant of the story of three months: what happens to it, told day by day."""

from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec

from billing.documents.pdf import credit_note_pdf, invoice_pdf
from billing.models.credit_notes import CreditNote
from billing.models.invoices import Invoice
from billing.models.prices import PriceVersion
from billing.services.credit_notes.describe_credit_note import describe_credit_note
from billing.services.credit_notes.issue_due_credit_notes import issue_due_credit_notes
from billing.services.dunning.dun_invoices import dun_invoices
from billing.services.invoices.describe_invoice import describe_invoice
from billing.services.invoices.issue_due_invoices import issue_due_invoices
from billing.services.payments.apply_stripe_events import apply_stripe_events
from billing.services.payments.collect_invoice import collect_issued_invoices
from billing.services.payments.work_off_order import work_off_orders
from billing.services.rating.open_months import open_months
from billing.services.rating.rate_usage import rate_usage
from metering.services.measure_leases import measure_leases
from metering.services.roll_up_usage import roll_up_usage
from metering.services.store_usage_events import store_usage_events
from tenants.models import Tenant
from tests.billing.paying import deliver
from tests.metering.journal import make_event
from tests.stripe_sim.server import StripeSim

TOKENS_OF_A_CALL = 1_000_000


def day(month: int, number: int, hour: int = 0) -> datetime:
    return datetime(2026, month, number, hour, tzinfo=UTC)


class Quarter:
    """One tenant, one price, Stripe simulated; time passes by `tick`."""

    def __init__(self, tenant: Tenant, price: PriceVersion, sim: StripeSim) -> None:
        self.tenant = tenant
        self.price = price
        self.sim = sim

    def use(self, millions: int, *, at: datetime) -> None:
        """So many calls, each of a million output tokens and no input."""
        at_us = int(at.timestamp()) * 1_000_000
        store_usage_events(
            [
                make_event(
                    tenant_id=self.tenant.pk,
                    price_version_id=self.price.pk,
                    model=self.price.served_model.name,
                    input_tokens=0,
                    cached_input_tokens=0,
                    output_tokens=TOKENS_OF_A_CALL,
                    received_at_us=at_us - 1_000 + n,
                    happened_at_us=at_us + n,
                )
                for n in range(millions)
            ]
        )

    def tick(self, now: datetime) -> None:
        """All that the tasks of the product do, once, in no favourable order."""
        dun_invoices(now=now)
        apply_stripe_events(now=now)
        measure_leases(now=now)
        open_months(now=now)
        roll_up_usage()
        rate_usage(now=now)
        issue_due_credit_notes(now=now)
        issue_due_invoices(now=now)
        collect_issued_invoices(now=now)
        work_off_orders(now=now)
        deliver(self.sim)
        apply_stripe_events(now=now)

    def invoices(self) -> list[Invoice]:
        """The issued ones, in the order of their numbers."""
        rows = Invoice.objects.filter(tenant=self.tenant, number__isnull=False)
        return list(rows.order_by("number"))

    def notes(self) -> list[CreditNote]:
        rows = CreditNote.objects.filter(tenant=self.tenant, status="issued")
        return list(rows.order_by("number"))

    def lines_of(self, invoice: Invoice) -> list[tuple[str, int, int, int]]:
        """(kind or meter, gross, discount, cents)"""
        return [
            (
                line.meter or line.kind,
                line.gross_nanos,
                line.discount_nanos,
                line.amount_cents,
            )
            for line in invoice.lines.in_order()
        ]

    def documents(self) -> Iterator[tuple[str, bytes]]:
        """(number, PDF) of all that was issued; each is JSON too, and read back."""
        for invoice in self.invoices():
            told = describe_invoice(invoice)
            assert msgspec.json.decode(msgspec.json.encode(told), type=type(told))
            assert told.total_cents == invoice.total_cents
            yield str(invoice.number), invoice_pdf(told)
        for note in self.notes():
            told_note = describe_credit_note(note)
            assert told_note.total_cents == note.total_cents
            yield str(note.number), credit_note_pdf(told_note)
