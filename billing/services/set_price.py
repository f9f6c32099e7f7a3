"""Set what a model costs from a time on."""

from dataclasses import asdict
from datetime import datetime

from django.db import connection, transaction

from billing.domain.rating import Rates
from billing.errors import PriceInThePastError, PriceOutOfOrderError
from billing.models.prices import PriceVersion
from billing.services.publish_price_vectors import publish_price_vectors
from inference.models import ServedModel

_LOCK_TIMEOUT = "10s"


@transaction.atomic
def set_price(
    *, served_model: ServedModel, rates: Rates, effective_from: datetime, now: datetime
) -> PriceVersion:
    """The new version, which ends the open one where it begins; published at commit.

    Safe twice: the same price from the same time is there already. A model's first
    price may begin in the past, since unpriced usage was never admitted. Raises
    PriceInThePastError and PriceOutOfOrderError.
    """
    _lock(served_model)
    latest = (
        PriceVersion.objects.of_model(served_model).order_by("-effective_from").first()
    )
    if latest and (latest.effective_from, latest.rates) == (effective_from, rates):
        return latest
    if latest:
        _check_order(latest, effective_from, now)
        PriceVersion.objects.filter(pk=latest.pk).update(effective_to=effective_from)
    transaction.on_commit(publish_price_vectors, robust=True)
    return PriceVersion.objects.create(
        served_model=served_model,
        effective_from=effective_from,
        created_at=now,
        **asdict(rates),
    )


def _lock(served_model: ServedModel) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [_LOCK_TIMEOUT])
    ServedModel.objects.select_for_update(no_key=True).get(pk=served_model.pk)


def _check_order(latest: PriceVersion, effective_from: datetime, now: datetime) -> None:
    if effective_from < now:
        raise PriceInThePastError(
            f"A price from {effective_from:%Y-%m-%d %H:%M:%S %Z} would change the past."
        )
    if effective_from <= latest.effective_from:
        raise PriceOutOfOrderError(
            "A price is set already from"
            f" {latest.effective_from:%Y-%m-%d %H:%M:%S %Z}; set one from a later time."
        )
