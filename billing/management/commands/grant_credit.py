import uuid
from datetime import UTC, date, datetime, time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from billing.domain.credit import CreditKind
from billing.domain.money import exact_usd, parse_amount_usd
from billing.errors import BillingError
from billing.services.credit.credit_of import credit_of
from billing.services.credit.grant_credit import grant_credit
from tenants.errors import TenantsError
from tenants.services.find_tenant import find_tenant


class Command(BaseCommand):
    help = "Give a tenant credit."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("tenant", help="name, slug, or #id")
        parser.add_argument("amount_usd", metavar="AMOUNT_USD", help="such as 25.00")
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
                amount_nanos=parse_amount_usd(options["amount_usd"]),
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
            f"{exact_usd(grant.amount_nanos)} USD granted to {tenant.name}"
            f" (key {grant.idempotency_key});"
            f" {exact_usd(credit_of(tenant))} USD in all"
        )


def _midnight(day: date | None) -> datetime | None:
    return None if day is None else datetime.combine(day, time(), UTC)
