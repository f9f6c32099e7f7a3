from datetime import UTC, date, datetime
from typing import Any

import msgspec
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from billing.domain.invoice import InvoiceStatus
from billing.errors import BillingError
from billing.models.invoices import Invoice
from billing.services.rating.close_period import close_period
from billing.services.receipts.sign_invoice import sign_invoice
from tenants.errors import TenantsError
from tenants.models import Tenant
from tenants.services.find_tenant import find_tenant


class Command(BaseCommand):
    help = (
        "Issue what a tenant used before DATE (00:00 UTC); print each invoice as one"
        " line of JSON, or the latest one if nothing is due."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--tenant", required=True, metavar="NAME")
        parser.add_argument("--until", required=True, metavar="DATE")

    def handle(self, **options: Any) -> None:
        now = timezone.now()
        try:
            tenant = find_tenant(options["tenant"])
            issued = close_period(
                tenant=tenant,
                until=_midnight(options["until"]),
                now=now,
            )
        except (BillingError, TenantsError) as error:
            raise CommandError(str(error)) from error
        for invoice in issued or [_latest(tenant)]:
            document = msgspec.json.encode(sign_invoice(invoice, now=now))
            self.stdout.write(document.decode())


def _midnight(text: str) -> datetime:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise CommandError(f"{text!r} is not a date such as 2026-12-01.") from None
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _latest(tenant: Tenant) -> Invoice:
    invoices = Invoice.objects.filter(tenant=tenant).exclude(status=InvoiceStatus.DRAFT)
    latest = invoices.order_by("-issued_at", "-id").first()
    if latest is None:
        raise CommandError(
            f"Nothing is due and no invoice was ever issued for {tenant.name}."
        )
    return latest
