"""Give a plan other prices."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext

from billing.errors import InvalidPlanError
from billing.models.plan_books import PlanBookChange
from billing.models.plans import Plan
from billing.models.price_books import PriceBook
from billing.services.plans.preview_plan_book import preview_plan_book
from tenants.models import User
from tenants.services.note_staff_act import note_staff_act
from tenants.services.publish_key_policies import publish_key_policies


@transaction.atomic
def set_plan_book(
    plan_id: int, book: PriceBook | None, *, changed_by: User, now: datetime
) -> Plan:
    """The plan, priced by the book from now on, and before the list; None: by the list
    alone. What was used keeps its price; calls have the new one within a minute.

    Safe twice: the same book changes nothing. Raises InvalidPlanError for a book of one
    tenant, of another currency, or without a price of a model that the list sells.
    """
    plan = Plan.objects.select_for_update().get(pk=plan_id)
    if plan.price_book == book:
        return plan
    if book is not None:
        _check(plan, book, now)
    PlanBookChange.objects.create(
        plan=plan,
        before=plan.price_book,
        after=book,
        changed_by=changed_by,
        changed_at=now,
    )
    words = f"{plan.code}: {plan.price_book or 'the list'} -> {book or 'the list'}"
    note_staff_act("plan.book_set", about=plan, words=words)
    plan.price_book = book
    plan.save(update_fields=["price_book"])
    transaction.on_commit(publish_key_policies, robust=True)
    return plan


def _check(plan: Plan, book: PriceBook, now: datetime) -> None:
    if book.tenant_id is not None or book.is_list:
        raise InvalidPlanError(
            gettext("%(book)s is no book for plans.") % {"book": book}
        )
    if book.currency != plan.currency:
        raise InvalidPlanError(
            gettext(
                "The plan is in %(currency)s, and the prices of %(book)s in"
                " %(currency2)s."
            )
            % {"currency": plan.currency, "book": book, "currency2": book.currency}
        )
    if lacking := preview_plan_book(plan, book, now=now).lacking:
        names = ", ".join(model.name for model in lacking)
        raise InvalidPlanError(
            gettext(
                "%(book)s has no price of %(names)s, which the list sells: set it"
                " first."
            )
            % {"book": book, "names": names}
        )
