"""Which prices a tenant pays: those of its own book, of its plan's, then of the list,
model by model.

The proxies are told by the key policies, which are renewed every minute: when a tenant
comes to another book at some time, up to a minute of its calls may still be charged by
the one before, which favours nobody in particular. What is paid is what the usage event
names, so the bill and what the limits were charged follow the same price.
"""

from collections.abc import Collection
from datetime import datetime

from django.db.models import OuterRef, Q, Subquery

from billing.models.plans import Subscription
from billing.models.price_books import PriceBook
from billing.models.prices import PriceVersion
from metering.wire import LIST_CURRENCY
from tenants.models import Tenant


def books_of(tenant_id: int, at: datetime) -> list[PriceBook]:
    """In the order of search: its own, its plan's, the list of its currency."""
    held = Subscription.objects.filter(tenant_id=tenant_id).held_at(at)
    books = PriceBook.objects.filter(
        Q(tenant_id=tenant_id)
        | Q(tenant__isnull=True, plans__in=held.values("plan_id"))
        | Q(is_list=True),
        currency=Subquery(Tenant.objects.filter(pk=tenant_id).values("currency")),
    )
    return sorted(books.distinct(), key=lambda book: (book.is_list, not book.tenant_id))


def price_books_of_tenants(at: datetime) -> dict[int, tuple[int, ...]]:
    """Ids by tenant, in the order of search and without the list of LIST_CURRENCY; of
    the tenants that have any.
    """
    own = PriceBook.objects.filter(tenant_id__isnull=False)
    of_plans = Subscription.objects.held_at(at).filter(
        plan__price_book__tenant__isnull=True,
        plan__price_book__is_list=False,
    )
    lists = PriceBook.objects.filter(is_list=True, currency=OuterRef("currency"))
    of_lists = Tenant.objects.exclude(currency=LIST_CURRENCY).annotate(
        list_id=Subquery(lists.values("pk"))
    )
    found: dict[int, tuple[int, ...]] = {}
    for rows in (
        own.values_list("tenant_id", "pk"),
        of_plans.values_list("tenant_id", "plan__price_book_id"),
        of_lists.filter(list_id__isnull=False).values_list("pk", "list_id"),
    ):
        for tenant_id, book_id in rows:
            found[tenant_id] = (*found.get(tenant_id, ()), book_id)
    return found


def prices_of(
    tenant_id: int,
    *,
    at: datetime,
    served_model_ids: Collection[int] | None = None,
) -> dict[int, PriceVersion]:
    """In force for the tenant, by served model; None: of all models. A model without a
    price is left out, since it cannot be called.
    """
    books = books_of(tenant_id, at)
    order = {book.pk: index for index, book in enumerate(books)}
    rows = PriceVersion.objects.of_books(books).in_effect_at(at)
    if served_model_ids is not None:
        rows = rows.filter(served_model_id__in=served_model_ids)
    found = sorted(
        rows.select_related("served_model", "price_book"),
        key=lambda row: order[row.price_book_id],
        reverse=True,
    )
    return {row.served_model_id: row for row in found}
