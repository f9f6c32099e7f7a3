"""`manage.py keep_money_seeded`: the process `money`."""

from django.core.management.base import BaseCommand
from django.db import connection

from billing.services.spend.seed_until_stopped import seed_until_stopped
from metering.services.wait_for_stop import hold_stop_signals, is_stopped_within


class Command(BaseCommand):
    help = "Sees that Valkey knows what every limited tenant spent, until stopped."

    def handle(self, **_: object) -> None:
        hold_stop_signals()
        # One connection is all we need, and a pool would make a stop wait for its
        # time-out while PostgreSQL is away.
        connection.settings_dict["OPTIONS"].pop("pool", None)
        try:
            seed_until_stopped(wait=is_stopped_within)
        finally:
            connection.close()
