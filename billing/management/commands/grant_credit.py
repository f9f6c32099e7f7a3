import uuid
from datetime import UTC, date, datetime, time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from billing.domain.credit import CreditKind
from billing.domain.money import exact_amount, parse_amount
from billing.errors import BillingError
from billing.services.credit.credit_of import credit_of
from billing.services.credit.grant_credit import grant_credit
from tenants.errors import TenantsError
from tenants.services.find_tenant import find_tenant


class Command(BaseCommand):
    help = "Give a tenant credit."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("tenant", help="name, slug, or #id")
        parser.add_argument(
            "amount", metavar="AMOUNT", help="such as 25.00, in the tenant's currency"
        )
        parser.add_argument("--reason", required=True)
        parser.add_argument(
            "--kind",
            choices=[kind.value for kind in CreditKind],
            default=CreditKind.PURCHASED.value,
            help="purchased: paid for (default); promotional: a gift",
        )
        parser.add_argument(
            "--priority",
            type=int,
            help="the lowest is spent first; default: 10 of gifts, 20 of others",
        )
        parser.add_argument(
            "--expires",
            type=date.fromisoformat,
            metavar="YYYY-MM-DD",
            help="last used on the day before (UTC); default: never",
        )
        parser.add_argument(
            "--idempotency-key",
            metavar="KEY",
            help="the same key again grants nothing more; default: a new one",
        )

    def handle(self, **options: Any) -> None:
        try:
            tenant = find_tenant(options["tenant"])
            grant = grant_credit(
                tenant=tenant,
                amount_nanos=parse_amount(options["amount"]),
                reason=options["reason"],
                idempotency_key=options["idempotency_key"] or uuid.uuid4().hex,
                now=timezone.now(),
                kind=CreditKind(options["kind"]),
                priority=options["priority"],
                expires_at=_midnight(options["expires"]),
            )
        except (BillingError, TenantsError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"{exact_amount(grant.amount_nanos)} {tenant.currency} granted to"
            f" {tenant.name} (key {grant.idempotency_key});"
            f" {exact_amount(credit_of(tenant))} {tenant.currency} in all"
        )


def _midnight(day: date | None) -> datetime | None:
    return None if day is None else datetime.combine(day, time(), UTC)
