"""`manage.py rebuild_rollups`: after a repair, the rollups from the events."""

from argparse import ArgumentParser, ArgumentTypeError
from datetime import UTC, datetime

from django.core.management.base import BaseCommand

from metering.services.rebuild_rollups import rebuild_rollups


class Command(BaseCommand):
    help = "Makes the usage rollups of a span again from its usage events."

    def add_arguments(self, parser: ArgumentParser) -> None:
        for name in ("--start", "--end"):
            parser.add_argument(
                name, type=_time, required=True, help="date or ISO time, UTC; half-open"
            )
        parser.add_argument("--tenant", type=int, help="its id; all if not given")

    def handle(
        self, *, start: datetime, end: datetime, tenant: int | None, **_: object
    ) -> None:
        hours = rebuild_rollups(start=start, end=end, tenant_id=tenant)
        self.stdout.write(f"{hours} tenant-hours rolled up")


def _time(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r} is no date or ISO time") from error
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
