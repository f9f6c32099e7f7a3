"""Have stored Stripe events applied once more."""

from argparse import ArgumentParser
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from billing.services.payments.apply_stripe_events import apply_stripe_events
from billing.services.payments.replay_stripe_events import replay_stripe_events


def _time(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


class Command(BaseCommand):
    help = "Apply stored Stripe events again; what they hint at is read anew."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("id", nargs="*", help="evt_…")
        parser.add_argument("--since", type=_time, help="received from then on (UTC)")

    def handle(self, *args: Any, **options: Any) -> None:
        del args
        ids, since = options["id"], options["since"]
        if bool(ids) == bool(since):
            raise CommandError("Name events, or a time with --since.")
        now = timezone.now()
        chosen = replay_stripe_events(now=now, stripe_ids=ids or None, since=since)
        applied, more = 0, True
        while more:
            more = bool(done := apply_stripe_events(now=now))
            applied += done
        self.stdout.write(f"{chosen} events chosen, {applied} applied.")
