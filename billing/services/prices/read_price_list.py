"""A tenant's prices now, and how they will change."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, Subquery

from billing.models.plans import Subscription
from billing.models.price_books import PriceBook
from billing.models.prices import PriceVersion
from inference.models import ServedModel
from tenants.models import Tenant


@dataclass(frozen=True, kw_only=True)
class PriceChange:
    at: datetime
    version: PriceVersion | None
    """None: the tenant cannot buy it from then on."""


@dataclass(frozen=True, kw_only=True)
class ModelPrices:
    served_model: ServedModel
    version: PriceVersion | None
    """In force; None: not sold yet."""
    changes: tuple[PriceChange, ...]
    """What is set already, in order."""


def read_price_list(tenant_id: int, *, now: datetime) -> list[ModelPrices]:
    """By name of the model; of those that are, or will be, sold to the tenant. Three
    queries.
    """
    plans = _subscriptions(tenant_id, now)
    books = PriceBook.objects.filter(
        Q(tenant_id=tenant_id) | Q(is_list=True),
        currency=Subquery(Tenant.objects.filter(pk=tenant_id).values("currency")),
    )
    order = _Order(books, plans)
    versions = PriceVersion.objects.filter(
        Q(effective_to__isnull=True) | Q(effective_to__gt=now),
        price_book__in=order.book_ids,
    ).select_related("served_model", "price_book")
    of_models: dict[ServedModel, list[PriceVersion]] = {}
    for version in versions.order_by("served_model__name", "effective_from"):
        of_models.setdefault(version.served_model, []).append(version)
    return [_prices(model, some, order, now) for model, some in of_models.items()]


def _subscriptions(tenant_id: int, now: datetime) -> list[Subscription]:
    """Held now or later, with plans that name a book."""
    rows = Subscription.objects.filter(
        Q(ends_at__isnull=True) | Q(ends_at__gt=now),
        tenant_id=tenant_id,
        plan__price_book__tenant__isnull=True,
        plan__price_book__is_list=False,
    )
    return list(rows.select_related("plan"))


class _Order:
    """In which books a price is looked for, at any time from now on."""

    def __init__(
        self, books: Iterable[PriceBook], plans: Iterable[Subscription]
    ) -> None:
        in_order = sorted(books, key=lambda book: book.is_list)
        self._own = [book.pk for book in in_order if not book.is_list]
        self._list = [book.pk for book in in_order if book.is_list]
        self._plans = list(plans)

    @property
    def book_ids(self) -> set[int]:
        of_plans = {one.plan.price_book_id for one in self._plans}
        return {*self._own, *self._list, *(pk for pk in of_plans if pk)}

    @property
    def instants(self) -> set[datetime]:
        """When it changes."""
        times = {time for one in self._plans for time in (one.starts_at, one.ends_at)}
        return {time for time in times if time}

    def at(self, at: datetime) -> list[int]:
        of_plans = [
            one.plan.price_book_id
            for one in self._plans
            if one.starts_at <= at and (one.ends_at is None or at < one.ends_at)
        ]
        return [*self._own, *(pk for pk in of_plans if pk), *self._list]


def _prices(
    model: ServedModel, versions: list[PriceVersion], order: _Order, now: datetime
) -> ModelPrices:
    ends = {one.effective_to for one in versions if one.effective_to}
    instants = order.instants | ends | {one.effective_from for one in versions}
    last = first = _in_force(versions, order, now)
    changes = []
    for at in sorted(one for one in instants if one > now):
        version = _in_force(versions, order, at)
        if version != last:
            changes.append(PriceChange(at=at, version=version))
            last = version
    return ModelPrices(served_model=model, version=first, changes=tuple(changes))


def _in_force(
    versions: list[PriceVersion], order: _Order, at: datetime
) -> PriceVersion | None:
    held = {
        one.price_book_id: one
        for one in versions
        if one.effective_from <= at
        and (one.effective_to is None or at < one.effective_to)
    }
    found = (held[book] for book in order.at(at) if book in held)
    return next(found, None)
