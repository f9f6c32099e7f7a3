"""Make the default model sellable at once."""

from datetime import datetime

from django.conf import settings

from billing.domain.rating import Rates
from billing.models.price_books import PriceBook
from billing.models.prices import PriceVersion
from billing.services.prices.set_price import set_price
from inference.models import ServedModel

DEFAULT_RATES = Rates(
    new_input_nanos_per_million=100_000_000,
    cached_input_nanos_per_million=20_000_000,
    output_nanos_per_million=400_000_000,
    hbm_mb_s_nanos_per_million=13_500_000,
    host_mb_s_nanos_per_million=200_000,
)
"""0.10, 0.02 and 0.40 per million tokens, of settings.DEFAULT_CURRENCY; leases 0.0135
per million MB_s in the engine's memory and 0.0002 in host memory."""


def set_default_price(*, now: datetime) -> PriceVersion | None:
    """The default model's latest price; from the model's creation on DEFAULT_RATES if
    it had none. None: no model is the default.
    """
    model = ServedModel.objects.filter(is_default=True).first()
    if model is None:
        return None
    book = PriceBook.objects.list_book(settings.DEFAULT_CURRENCY)
    versions = PriceVersion.objects.of_model(model).of_books([book])
    return versions.order_by("-effective_from").first() or set_price(
        served_model=model,
        rates=DEFAULT_RATES,
        effective_from=model.created_at,
        price_book=book,
        now=now,
    )
