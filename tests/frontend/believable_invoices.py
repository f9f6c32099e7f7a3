"""Issued invoices and credit notes for pages."""

from datetime import datetime, timedelta

from billing.models.credit_notes import CreditNote, CreditNoteKind
from billing.models.invoices import Invoice
from billing.models.prices import PriceVersion
from billing.models.rating import BillingPeriod
from billing.models.taxes import LegalEntity, TaxProfile
from billing.services.invoices.issue_invoice import issue_invoice
from billing.services.rating.rate_period import rate_period
from billing.services.taxes.set_billing_details import (
    BillingDetails,
    set_billing_details,
)
from tenants.models import Tenant
from tests.billing.usage import use

MONTH = timedelta(days=31)


def make_seller() -> LegalEntity:
    entity, _ = LegalEntity.objects.update_or_create(
        number_prefix="TF",
        defaults={
            "name": "Tokenfab Example GmbH",
            "address": "Hauptstraße 1",
            "postcode": "10115",
            "city": "Berlin",
            "country": "DE",
            "vat_id": "DE136695976",
            "email": "billing@seller.example",
            "iban": "DE89370400440532013000",
            "bic": "COBADEFFXXX",
        },
    )
    return entity


def make_buyer(tenant: Tenant) -> TaxProfile:
    return set_billing_details(
        tenant,
        BillingDetails(
            name="Acme SARL",
            address="1 rue de la Paix",
            postcode="69001",
            city="Lyon",
            country="FR",
            is_business=False,
            vat_id="",
            email="",
            reference="PO 7",
        ),
    )


def make_issued(
    tenant: Tenant, version: PriceVersion, now: datetime, *, months_ago: int = 1
) -> Invoice:
    """Of a month that is over: 10 USD of output tokens, and 20 % French VAT."""
    make_seller()
    make_buyer(tenant)
    at = now.replace(day=1, hour=12, minute=0, second=0, microsecond=0)
    for _ in range(months_ago):
        at = (at - timedelta(days=1)).replace(day=1)
    use(tenant, version, 25_000_000, hour_at=at)
    starts_at = at.replace(hour=0)
    period = BillingPeriod.objects.get(tenant=tenant, starts_at=starts_at)
    rate_period(period.pk, now=now)
    draft = Invoice.objects.get(tenant=tenant, period_start=starts_at, status="draft")
    return issue_invoice(draft.pk, now=now)


def make_credit_note(
    tenant: Tenant, version: PriceVersion, now: datetime
) -> CreditNote:
    """Of 2 USD and the tax on it, for goodwill."""
    invoice = make_issued(tenant, version, now)
    note = CreditNote.objects.create(
        tenant=tenant,
        invoice=invoice,
        kind=CreditNoteKind.GOODWILL,
        reason="Sorry for the wait",
        refreshed_at=now,
    )
    note.lines.create(
        tenant=tenant,
        line=invoice.lines.filter(meter="output_tokens").latest("quantity"),
        quantity=5_000_000,
        amount_nanos=2_000_000_000,
        amount_cents=200,
    )
    note.lines_cents, note.tax_cents, note.total_cents = 200, 40, 240
    note.total_nanos, note.applied_cents = 2_000_000_000, 240
    note.status, note.issued_at, note.number = "issued", now, f"TF-CN-{note.pk:06}"
    note.save()
    return note
