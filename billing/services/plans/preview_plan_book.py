"""Whose prices change, from what to what, if a plan had another price book."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from billing.models.plans import Plan
from billing.models.price_books import PriceBook
from billing.models.prices import PriceVersion
from inference.models import ServedModel


@dataclass(frozen=True, kw_only=True)
class PriceOfModel:
    served_model: ServedModel
    before: PriceVersion | None
    """In force now for who is on the plan; None: not sold to them."""
    after: PriceVersion | None


@dataclass(frozen=True, kw_only=True)
class PlanBookPreview:
    changes: tuple[PriceOfModel, ...]
    """By name; of the models whose price would be another."""
    lacking: tuple[ServedModel, ...]
    """Sold by the list, and without a price in the book: it is not finished."""


def preview_plan_book(
    plan: Plan, book: PriceBook | None, *, now: datetime
) -> PlanBookPreview:
    """`book` None: the list alone. One query. Who has prices of its own keeps these."""
    rows = PriceVersion.objects.in_effect_at(now).filter(
        Q(price_book_id=plan.price_book_id)
        | Q(price_book=book)
        | Q(price_book__is_list=True, price_book__currency=plan.currency)
    )
    prices: dict[ServedModel, dict[int, PriceVersion]] = defaultdict(dict)
    for row in rows.select_related("served_model", "price_book").order_by(
        "served_model__name"
    ):
        place = _LIST if row.price_book.is_list else row.price_book_id
        prices[row.served_model][place] = row
    after_id = _LIST if book is None else book.pk
    found = [
        PriceOfModel(
            served_model=model,
            before=of.get(plan.price_book_id or _LIST) or of.get(_LIST),
            after=of.get(after_id) or of.get(_LIST),
        )
        for model, of in prices.items()
    ]
    return PlanBookPreview(
        changes=tuple(one for one in found if one.before != one.after),
        lacking=tuple(
            model for model, of in prices.items() if _LIST in of and after_id not in of
        ),
    )


_LIST = 0
"""Instead of the id of a book."""
