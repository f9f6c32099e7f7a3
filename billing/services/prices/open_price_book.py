"""Begin a set of prices beside the list."""

from datetime import datetime

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.translation import gettext

from billing.domain.money import check_currency
from billing.errors import PriceBookTakenError
from billing.models.price_books import PriceBook, list_name
from billing.services.prices.note_price_act import note_price_act
from tenants.domain.currency import CURRENCIES, checked_currency
from tenants.models import Tenant
from tenants.services.publish_key_policies import publish_key_policies

_LIST_NAMES = {list_name(currency) for currency in CURRENCIES}


def open_list(currency: str) -> PriceBook:
    """The list of the currency; the data plane is told at commit whose it is."""
    book = PriceBook.objects.list_book(checked_currency(currency))
    transaction.on_commit(publish_key_policies, robust=True)
    return book


@transaction.atomic
def open_price_book(
    *,
    name: str,
    tenant: Tenant | None = None,
    currency: str | None = None,
    now: datetime,
) -> PriceBook:
    """Without prices yet. `tenant`: whose only it is; None: for whom a plan names it.
    `currency`: None for the tenant's, without one settings.DEFAULT_CURRENCY.

    Safe twice: the same book is there already. Raises PriceBookTakenError when the name
    is another book's, or the tenant has one of another name; OtherCurrencyError for a
    book in another currency than its tenant's, and UnknownCurrencyError of tenants.
    """
    if name in _LIST_NAMES:
        raise PriceBookTakenError(
            gettext("%(name)s is the name of a list.") % {"name": repr(name)}
        )
    paid_in = tenant.currency if tenant else settings.DEFAULT_CURRENCY
    wanted = checked_currency(currency or paid_in)
    if tenant:
        check_currency(wanted, paid_in=paid_in, what="A book of the tenant's own")
    try:
        with transaction.atomic():
            book, is_new = PriceBook.objects.get_or_create(
                name=name,
                tenant=tenant,
                is_list=False,
                currency=wanted,
                defaults={"created_at": now},
            )
    except IntegrityError:
        raise PriceBookTakenError(
            gettext(
                "There is a book %(name)s of somebody else, or %(tenant)s has another."
            )
            % {"name": repr(name), "tenant": tenant}
        ) from None
    if is_new:
        note_price_act("price.book_opened", book=book, about=book, words=name)
    if is_new and tenant:
        transaction.on_commit(publish_key_policies, robust=True)
    return book
