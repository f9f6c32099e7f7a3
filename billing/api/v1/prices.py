"""`/api/v1/prices`: what each model costs, from when."""

from datetime import datetime

import msgspec
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api.v1.document import documented
from billing.api.v1.pages import Page, PageQuery, newest_first
from billing.api.v1.texts import Text
from billing.api.v1.view import ApiView
from billing.domain.price_models import MeterPricing
from billing.domain.rating import METER_NAMES
from billing.models.prices import PriceVersion
from billing.services.prices.price_of import books_of, prices_of


class PriceDocument(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    """Of the price version, as usage events and line items name it."""
    price_book: str
    """`list`, or another set of prices that goes before it."""
    model: str
    effective_from: datetime
    effective_to: datetime | None
    """The first instant at which it no longer applies; null: open."""
    rates_nanos_per_million: dict[str, int]
    """Nanos (10^-9 USD) per million units of each meter; what is left out is not
    sold."""
    pricings: dict[str, MeterPricing]
    """How the meters are priced that are not paid by their rate alone."""


class PriceQuery(PageQuery, kw_only=True, forbid_unknown_fields=True):
    model: Text | None = None
    all: bool = False


class Prices(ApiView):
    @documented(
        name="list_prices",
        summary="List the prices that the tenant pays now; `all`: whatever its price"
        " books say, formerly and later",
        tag="prices",
        query=PriceQuery,
        answer=Page[PriceDocument],
    )
    def get(self, request: Request) -> Response:
        del request
        query, now = self.read_query(PriceQuery), timezone.now()
        rows = PriceVersion.objects.select_related("served_model", "price_book")
        if query.all:
            rows = rows.of_books(books_of(self.tenant.pk, now))
        else:
            paid = prices_of(self.tenant.pk, at=now).values()
            rows = rows.filter(pk__in=[one.pk for one in paid])
        if query.model is not None:
            rows = rows.filter(served_model__name=query.model)
        return Response(newest_first(rows, query, _describe))


def _describe(version: PriceVersion) -> PriceDocument:
    rates = {meter: version.rates.of_meter(meter) for meter in METER_NAMES}
    return PriceDocument(
        id=version.pk,
        price_book=version.price_book.name,
        model=version.served_model.name,
        effective_from=version.effective_from,
        effective_to=version.effective_to,
        rates_nanos_per_million={
            meter: rate for meter, rate in rates.items() if rate is not None
        },
        pricings=version.pricings,
    )
