from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from billing.services.api_access.issue_staff_token import issue_staff_token
from billing.services.api_access.revoke_staff_token import revoke_staff_token

_DAYS_MAX = 366


class Command(BaseCommand):
    help = "Issue a token by which a program uses the management API as staff."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="what it is for, such as bookkeeping")
        parser.add_argument("--days", type=int, default=90, help="until it expires")
        parser.add_argument(
            "--revoke", action="store_true", help="revoke all of that name instead"
        )

    def handle(self, **options: Any) -> None:
        now, name = timezone.now(), options["name"]
        if options["revoke"]:
            count = revoke_staff_token(name, now=now)
            self.stdout.write(f"{count} revoked")
            return
        if not 0 < options["days"] <= _DAYS_MAX or not 0 < len(name) <= 100:  # noqa: PLR2004  the column's width
            raise CommandError(
                f"A name of up to 100 characters, 1 to {_DAYS_MAX} days."
            )
        secret = issue_staff_token(
            name=name, now=now, expires_at=now + timedelta(days=options["days"])
        )
        self.stdout.write(secret)
