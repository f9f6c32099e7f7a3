from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from billing.domain.money import parse_image_rate_usd, parse_rate_usd
from billing.domain.rating import Rates
from billing.errors import BillingError, UnknownModelError
from billing.models.prices import PriceVersion
from billing.services.set_price import set_price
from inference.models import ServedModel


class Command(BaseCommand):
    help = "Set what a model costs, in USD per million tokens, from a time on."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("model", help="public name of the served model")
        for meter in ("new-input", "cached-input", "output"):
            parser.add_argument(f"--{meter}", required=True, metavar="USD")
        parser.add_argument(
            "--image", metavar="USD", help="per image; default: images are not sold"
        )
        tiers = (
            ("hbm", "in the engine's memory"),
            ("host", "in host memory"),
            ("disk", "on disk"),
        )
        for tier, where in tiers:
            parser.add_argument(
                f"--lease-{tier}",
                metavar="USD",
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
    return set_price(
        served_model=_model(options["model"]),
        rates=Rates(
            new_input_nano_usd_per_million=parse_rate_usd(options["new_input"]),
            cached_input_nano_usd_per_million=parse_rate_usd(options["cached_input"]),
            output_nano_usd_per_million=parse_rate_usd(options["output"]),
            image_nano_usd_per_million=(
                parse_image_rate_usd(options["image"]) if options["image"] else None
            ),
            hbm_mb_s_nano_usd_per_million=_optional_rate(options["lease_hbm"]),
            host_mb_s_nano_usd_per_million=_optional_rate(options["lease_host"]),
            disk_mb_s_nano_usd_per_million=_optional_rate(options["lease_disk"]),
        ),
        effective_from=_time(wanted) if wanted else now,
        now=now,
    )


def _optional_rate(text: str | None) -> int | None:
    return parse_rate_usd(text) if text else None


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
