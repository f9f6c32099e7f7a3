from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from billing.domain.price_list import rates_of
from billing.domain.price_models import MeterPricing
from billing.domain.pricing_text import parse_pricing
from billing.errors import BillingError, UnknownModelError, UnknownPriceBookError
from billing.models.price_books import LIST_NAME, PriceBook, list_name
from billing.models.prices import PriceVersion
from billing.services.prices.open_price_book import open_list
from billing.services.prices.set_price import set_price
from inference.models import ServedModel
from metering.domain.usage import Meter
from tenants.domain.currency import CURRENCIES

_METERS = {
    "new_input": Meter.NEW_INPUT_TOKENS,
    "cached_input": Meter.CACHED_INPUT_TOKENS,
    "output": Meter.OUTPUT_TOKENS,
    "image": Meter.IMAGES,
    "lease_hbm": Meter.HBM_MB_S,
    "lease_host": Meter.HOST_MB_S,
    "lease_disk": Meter.DISK_MB_S,
}
"""By option."""


class Command(BaseCommand):
    help = (
        "Set what a model costs from a time on. A PRICE is a rate per million"
        " tokens, such as 0.10, in the currency of its book; or `package 1M:2`; or"
        " `graduated 1M:2 5M:1 rest:0.5`,"
        " `volume 1M:2+10 rest:1`, where +10 is a flat amount once the step is entered."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("model", help="public name of the served model")
        parser.add_argument(
            "--book", default=LIST_NAME, help="default: the list; of euros: `list EUR`"
        )
        for meter in ("new-input", "cached-input", "output"):
            parser.add_argument(f"--{meter}", required=True, metavar="PRICE")
        parser.add_argument(
            "--image", metavar="PRICE", help="per image; default: images are not sold"
        )
        tiers = (
            ("hbm", "in the engine's memory"),
            ("host", "in host memory"),
            ("disk", "on disk"),
        )
        for tier, where in tiers:
            parser.add_argument(
                f"--lease-{tier}",
                metavar="PRICE",
                help=f"per million MB_s of KV leases {where};"
                " default: they are not sold",
            )
        parser.add_argument(
            "--effective-from",
            metavar="TIME",
            help="ISO 8601; UTC unless it says otherwise; default: now",
        )

    def handle(self, **options: Any) -> None:
        try:
            version = _set(options)
        except BillingError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"price version {version.pk} of {version.served_model.name}"
            f" applies from {version.effective_from.isoformat()}"
        )


def _set(options: dict[str, Any]) -> PriceVersion:
    now = timezone.now()
    wanted = options["effective_from"]
    pricings = _pricings(options)
    return set_price(
        served_model=_model(options["model"]),
        price_book=_book(options["book"]),
        rates=rates_of(pricings),
        pricings=pricings,
        effective_from=_time(wanted) if wanted else now,
        now=now,
    )


def _pricings(options: dict[str, Any]) -> dict[str, MeterPricing]:
    return {
        meter: parse_pricing(meter, options[option])
        for option, meter in _METERS.items()
        if options[option]
    }


def _book(name: str) -> PriceBook:
    lists = {list_name(currency): currency for currency in CURRENCIES}
    if name in lists:
        return open_list(lists[name])
    book = PriceBook.objects.filter(name=name).first()
    if book is None:
        raise UnknownPriceBookError(f"There is no price book {name!r}.")
    return book


def _model(name: str) -> ServedModel:
    model = ServedModel.objects.filter(name=name).first()
    if model is None:
        raise UnknownModelError(f"No model is served as {name!r}.")
    return model


def _time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(f"{text!r} is not an ISO 8601 time.") from None
    return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
