"""Begin a set of prices beside the list."""

from datetime import datetime

from django.db import IntegrityError, transaction

from billing.errors import PriceBookTakenError
from billing.models.price_books import PriceBook
from tenants.models import Tenant
from tenants.services.publish_key_policies import publish_key_policies


def open_price_book(
    *, name: str, tenant: Tenant | None = None, now: datetime
) -> PriceBook:
    """Without prices yet. `tenant`: whose only it is; None: for whom a plan names it.

    Safe twice: the same book is there already. Raises PriceBookTakenError when the name
    is another book's, or the tenant has one of another name.
    """
    try:
        with transaction.atomic():
            book, is_new = PriceBook.objects.get_or_create(
                name=name, tenant=tenant, is_list=False, defaults={"created_at": now}
            )
    except IntegrityError:
        raise PriceBookTakenError(
            f"There is a book {name!r} of somebody else, or {tenant} has another."
        ) from None
    if is_new and tenant:
        transaction.on_commit(publish_key_policies, robust=True)
    return book
