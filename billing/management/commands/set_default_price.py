from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from billing.domain.money import exact_usd
from billing.services.set_default_price import set_default_price


class Command(BaseCommand):
    help = "Give the default model a price, if it has none."

    def handle(self, **_options: Any) -> None:
        version = set_default_price(now=timezone.now())
        if version is None:
            raise CommandError("No model is the default; register one first.")
        self.stdout.write(
            f"{version.served_model.name}: USD per million tokens:"
            f" {exact_usd(version.new_input_nano_usd_per_million)} new input,"
            f" {exact_usd(version.cached_input_nano_usd_per_million)} cached input,"
            f" {exact_usd(version.output_nano_usd_per_million)} output"
        )
