"""`/api/v1/prices`: what each model costs, from when; set and ended by staff."""

from datetime import datetime
from typing import Annotated

import msgspec
from django.conf import settings
from django.db.models import QuerySet
from django.http import Http404
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api.v1.document import documented
from billing.api.v1.pages import Page, PageQuery, newest_first
from billing.api.v1.price_books import find_book
from billing.api.v1.refusals import RefusedError
from billing.api.v1.texts import Currency, FilledText, Text, Time
from billing.api.v1.view import ApiView, repeatable
from billing.domain.price_list import rates_of
from billing.domain.price_models import (
    RATE_NANOS_PER_MILLION_MAX,
    MeterPricing,
    standard,
)
from billing.domain.rating import METER_NAMES
from billing.errors import UnknownModelError
from billing.models.price_books import PriceBook
from billing.models.prices import PriceVersion
from billing.services.prices.end_price import end_price
from billing.services.prices.price_of import books_of, prices_of
from billing.services.prices.set_price import set_price
from inference.models import ServedModel
from tenants.domain.currency import checked_currency

_Rate = Annotated[int, msgspec.Meta(ge=0, le=RATE_NANOS_PER_MILLION_MAX)]


class PriceDocument(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    """Of the price version, as usage events and line items name it."""
    price_book: str
    """`list`, or another set of prices that goes before it."""
    currency: str
    model: str
    effective_from: datetime
    effective_to: datetime | None
    """The first instant at which it no longer applies; null: open."""
    rates_nanos_per_million: dict[str, int]
    """Nanos (10^-9) per million units of each meter; what is left out is not sold."""
    pricings: dict[str, MeterPricing]
    """How the meters are priced that are not paid by their rate alone."""


class PriceQuery(PageQuery, kw_only=True, forbid_unknown_fields=True):
    model: Text | None = None
    price_book: Text | None = None
    all: bool = False


class PriceBody(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Each meter is in one of the two; what is in neither is not sold."""

    model: FilledText
    price_book: FilledText | None = None
    """Its name. Null: the list."""
    currency: Currency | None = None
    """Of the list that is meant, where no book is named. Null: the default."""
    effective_from: Time | None = None
    """Null: now."""
    rates_nanos_per_million: dict[str, _Rate] = {}
    """By meter: `new_input_tokens`, `cached_input_tokens` and `output_tokens` always,
    if they have no pricing; also `images`, `hbm_mb_s`, `host_mb_s`, `disk_mb_s`."""
    pricings: dict[str, MeterPricing] = {}
    """By meter: in packages or by steps, in place of a rate."""


class PriceEndBody(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    effective_to: Time | None = None
    """Null: now."""


class Prices(ApiView):
    @documented(
        name="list_prices",
        summary="List the prices that the tenant pays now; `all`: whatever its price"
        " books say, formerly and later; `price_book`: whatever this one says, of which"
        " staff may name any",
        tag="prices",
        query=PriceQuery,
        answer=Page[PriceDocument],
    )
    def get(self, request: Request) -> Response:
        del request
        query = self.read_query(PriceQuery)
        rows = _asked_for(self, query).select_related("served_model", "price_book")
        if query.model is not None:
            rows = rows.filter(served_model__name=query.model)
        return Response(newest_first(rows, query, _describe))

    @documented(
        name="set_price",
        summary="Set what a model costs from a time on (staff)",
        tag="prices",
        body=PriceBody,
        answer=PriceDocument,
        status=201,
    )
    @repeatable
    def post(self, request: Request) -> Response:
        del request
        self.refuse_unless_superuser()
        body, now = self.read_body(PriceBody), timezone.now()
        pricings = _pricings(body)
        version = set_price(
            served_model=_find_model(body.model),
            price_book=_book(body),
            rates=rates_of(pricings),
            pricings=pricings,
            effective_from=body.effective_from or now,
            now=now,
        )
        return Response(_describe(version), status=201)


class PriceEnd(ApiView):
    @documented(
        name="end_price",
        summary="Let a price of a book beside the list end, so that the list's holds"
        " (staff)",
        tag="prices",
        body=PriceEndBody,
        answer=PriceDocument,
    )
    @repeatable
    def post(self, request: Request, price_version_id: int) -> Response:
        del request
        self.refuse_unless_superuser()
        body, now = self.read_body(PriceEndBody), timezone.now()
        rows = PriceVersion.objects.select_related("served_model", "price_book")
        version = rows.filter(pk=price_version_id).first()
        if version is None:
            raise Http404
        wanted = body.effective_to or now
        return Response(_describe(end_price(version, effective_to=wanted, now=now)))


def _asked_for(view: ApiView, query: PriceQuery) -> QuerySet[PriceVersion]:
    """A book that the tenant does not pay by is as one that is not there. Raises
    RefusedError.
    """
    rows, now = PriceVersion.objects.all(), timezone.now()
    if query.price_book is not None and view.caller.is_staff:
        return rows.filter(price_book__name=query.price_book)
    if query.price_book is not None or query.all:
        rows = rows.of_books(books_of(view.tenant.pk, now))
        name = query.price_book
        return rows if name is None else rows.filter(price_book__name=name)
    paid = prices_of(view.tenant.pk, at=now).values()
    return rows.filter(pk__in=[one.pk for one in paid])


def _pricings(body: PriceBody) -> dict[str, MeterPricing]:
    """Raises RefusedError."""
    rates = body.rates_nanos_per_million
    if twice := sorted(set(rates) & set(body.pricings)):
        raise RefusedError(
            f"{twice[0]} has a rate and a pricing. Give one of them.",
            code="invalid_value",
            param=f"pricings.{twice[0]}",
        )
    return {meter: standard(rate) for meter, rate in rates.items()} | body.pricings


def _book(body: PriceBody) -> PriceBook:
    """Raises UnknownPriceBookError and UnknownCurrencyError."""
    if body.price_book is not None:
        return find_book(body.price_book)
    wanted = body.currency or settings.DEFAULT_CURRENCY
    return PriceBook.objects.list_book(checked_currency(wanted))


def _find_model(name: str) -> ServedModel:
    if model := ServedModel.objects.filter(name=name).first():
        return model
    raise UnknownModelError(f"There is no model {name!r}.")


def _describe(version: PriceVersion) -> PriceDocument:
    rates = {meter: version.rates.of_meter(meter) for meter in METER_NAMES}
    return PriceDocument(
        id=version.pk,
        price_book=version.price_book.name,
        currency=version.price_book.currency,
        model=version.served_model.name,
        effective_from=version.effective_from,
        effective_to=version.effective_to,
        rates_nanos_per_million={
            meter: rate for meter, rate in rates.items() if rate is not None
        },
        pricings=version.pricings,
    )
