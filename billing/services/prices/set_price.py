"""Set what a model costs from a time on."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime

import msgspec
from django.db import connection, transaction

from billing.domain.price_list import check_no_arbitrage, not_standard, with_pricings
from billing.domain.price_models import MeterPricing
from billing.domain.rating import Rates
from billing.errors import PriceInThePastError, PriceOutOfOrderError
from billing.models.price_books import PriceBook
from billing.models.prices import PriceVersion
from billing.services.prices.note_price_act import note_price_act
from billing.services.prices.publish_price_vectors import publish_price_vectors
from inference.models import ServedModel
from tenants.domain.amounts import text_of_nanos

_LOCK_TIMEOUT = "10s"


@transaction.atomic
def set_price(
    *,
    served_model: ServedModel,
    rates: Rates,
    effective_from: datetime,
    now: datetime,
    price_book: PriceBook | None = None,
    pricings: Mapping[str, MeterPricing] | None = None,
) -> PriceVersion:
    """The new version, which ends the open one where it begins; published at commit.

    `price_book`: None for the list in US dollars. `pricings`: by meter, in place of its
    rate.

    Safe twice: the same price from the same time is there already. A model's first
    price in the list may begin in the past, since unpriced usage was never admitted.
    Raises PriceInThePastError, PriceOutOfOrderError, InvalidPricingError and
    ArbitrageError.
    """
    book = price_book or PriceBook.objects.list_book()
    wanted = _version(served_model, book, rates, pricings or {})
    wanted.effective_from, wanted.created_at = effective_from, now
    check_no_arbitrage(wanted.price)
    _lock(served_model)
    latest = _latest(served_model, book)
    if latest and _is_same(latest, wanted):
        return latest
    if latest or not book.is_list:
        _check_not_past(effective_from, now)
    if latest:
        _end(latest, effective_from)
    transaction.on_commit(publish_price_vectors, robust=True)
    wanted.save(force_insert=True)
    note_price_act("price.set", book=book, about=wanted, words=_words(wanted))
    return wanted


def _words(version: PriceVersion) -> str:
    """Rates are those of a million, in the book's currency."""
    rates = version.rates
    amounts = (
        ("new input", rates.new_input_nanos_per_million),
        ("cached", rates.cached_input_nanos_per_million),
        ("output", rates.output_nanos_per_million),
    )
    said = ", ".join(f"{name} {text_of_nanos(amount)}" for name, amount in amounts)
    return (
        f"{version.served_model.name} in {version.price_book}, from"
        f" {version.effective_from:%Y-%m-%d %H:%M} UTC: {said}"
    )


def _version(
    served_model: ServedModel,
    book: PriceBook,
    rates: Rates,
    pricings: Mapping[str, MeterPricing],
) -> PriceVersion:
    return PriceVersion(
        served_model=served_model,
        price_book=book,
        pricings_document=msgspec.to_builtins(not_standard(pricings)),
        **asdict(with_pricings(rates, pricings)),
    )


def _is_same(one: PriceVersion, other: PriceVersion) -> bool:
    return (one.effective_from, one.rates, one.pricings) == (
        other.effective_from,
        other.rates,
        other.pricings,
    )


def _latest(served_model: ServedModel, book: PriceBook) -> PriceVersion | None:
    versions = PriceVersion.objects.of_model(served_model).of_books([book])
    return versions.order_by("-effective_from").first()


def _lock(served_model: ServedModel) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [_LOCK_TIMEOUT])
    ServedModel.objects.select_for_update(no_key=True).get(pk=served_model.pk)


def _check_not_past(effective_from: datetime, now: datetime) -> None:
    if effective_from < now:
        raise PriceInThePastError(
            f"A price from {effective_from:%Y-%m-%d %H:%M:%S %Z} would change the past."
        )


def _end(latest: PriceVersion, effective_from: datetime) -> None:
    """Where the next one begins, unless it was given an end before that."""
    end = latest.effective_to
    if effective_from <= latest.effective_from or (end and effective_from < end):
        until = f" until {end:%Y-%m-%d %H:%M:%S %Z}" if end else ""
        raise PriceOutOfOrderError(
            f"A price is set already from {latest.effective_from:%Y-%m-%d %H:%M:%S %Z}"
            f"{until}; set one from a later time."
        )
    if end is None:
        PriceVersion.objects.filter(pk=latest.pk).update(effective_to=effective_from)
