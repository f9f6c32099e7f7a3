"""`manage.py ship_journal`: the shipper process."""

from argparse import ArgumentParser
from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.utils import timezone

from metering.services.prepare_usage_partitions import prepare_usage_partitions
from metering.services.ship_journal import ship_journal
from metering.services.ship_until_stopped import ship_until_stopped
from metering.services.wait_for_stop import hold_stop_signals, is_stopped_within


class Command(BaseCommand):
    help = "Copies usage events from the proxies' journals to PostgreSQL until stopped."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--once", action="store_true", help="ship what is there, then exit"
        )

    def handle(self, *, once: bool, **_: object) -> None:
        root = Path(settings.JOURNAL_FOLDER)
        try:
            self._ship_once(root) if once else self._ship_on(root)
        finally:
            connection.close()

    def _ship_once(self, root: Path) -> None:
        prepare_usage_partitions(timezone.now())
        shipment = ship_journal(root)
        self.stdout.write(f"{shipment.events} usage events shipped")
        if shipment.blocked:
            raise CommandError(
                "; ".join(
                    f"{segment}: {why}" for segment, why in shipment.blocked.items()
                )
            )

    def _ship_on(self, root: Path) -> None:
        hold_stop_signals()
        # One connection is all we need, and a pool would make a stop wait for its
        # time-out while PostgreSQL is away.
        connection.settings_dict["OPTIONS"].pop("pool", None)
        ship_until_stopped(root, wait=is_stopped_within)
