from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from billing.domain.money import exact_amount
from billing.services.plans.make_default_plan import make_default_plan
from billing.services.prices.set_default_price import set_default_price


class Command(BaseCommand):
    help = (
        "Give the default model a price, if it has none; and have a plan by which"
        " tenants pay as they go."
    )

    def handle(self, **_options: Any) -> None:
        now = timezone.now()
        make_default_plan(now=now)
        version = set_default_price(now=now)
        if version is None:
            raise CommandError("No model is the default; register one first.")
        self.stdout.write(
            f"{version.served_model.name}: {version.price_book.currency} per million"
            " tokens:"
            f" {exact_amount(version.new_input_nanos_per_million)} new input,"
            f" {exact_amount(version.cached_input_nanos_per_million)} cached input,"
            f" {exact_amount(version.output_nanos_per_million)} output"
        )
