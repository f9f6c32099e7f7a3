"""Let a price of a book end, so that the next book's holds again."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext

from billing.errors import PriceInThePastError, PriceOutOfOrderError
from billing.models.prices import PriceVersion
from billing.services.prices.note_price_act import note_price_act
from billing.services.prices.publish_price_vectors import publish_price_vectors


@transaction.atomic
def end_price(
    version: PriceVersion, *, effective_to: datetime, now: datetime
) -> PriceVersion:
    """The version with its end; published at commit. The list's end by a successor
    alone: there is nothing behind it, and the model would be refused.

    Safe twice. Raises PriceInThePastError and PriceOutOfOrderError.
    """
    if effective_to < now:
        raise PriceInThePastError(
            gettext("A price that ended in the past would change it.")
        )
    open_rows = PriceVersion.objects.filter(
        pk=version.pk,
        price_book__is_list=False,
        effective_to__isnull=True,
        effective_from__lt=effective_to,
    )
    is_ended = open_rows.update(effective_to=effective_to)
    version.refresh_from_db()
    if version.effective_to != effective_to:
        raise PriceOutOfOrderError(
            gettext(
                "Only the last price of a book beside the list is given an end, once,"
                " and"
                " later than it begins."
            )
        )
    if is_ended:
        book, model = version.price_book, version.served_model
        words = f"{model.name} in {book}, at {effective_to:%Y-%m-%d %H:%M} UTC"
        note_price_act("price.ended", book=book, about=version, words=words)
        transaction.on_commit(publish_price_vectors, robust=True)
    return version
