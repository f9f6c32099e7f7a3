"""Write down a plan that tenants can be put on."""

from collections.abc import Sequence
from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext

from billing.domain.month import Allowance
from billing.errors import InvalidPlanError
from billing.models.plans import Plan, PlanAllowance, PlanKind
from tenants.services.note_staff_act import note_staff_act


@transaction.atomic
def offer_plan(plan: Plan, allowances: Sequence[Allowance], *, now: datetime) -> Plan:
    """Stores a plan that was not stored before; its terms never change from then on.

    Raises InvalidPlanError, with what is wrong in words.
    """
    if plan.kind == PlanKind.FREE and allowances:
        raise InvalidPlanError(
            gettext(
                "A free plan includes credit and no amounts of tokens: only credit is"
                " known"
                " where calls are admitted."
            )
        )
    book = plan.price_book
    if book and book.currency != plan.currency:
        raise InvalidPlanError(
            gettext(
                "The plan is in %(currency)s, and the prices of its book in"
                " %(currency2)s."
            )
            % {"currency": plan.currency, "currency2": book.currency}
        )
    plan.created_at = now
    try:
        plan.full_clean()
        with transaction.atomic():
            plan.save(force_insert=True)
            for allowance in allowances:
                _include(plan, allowance)
    except ValidationError as error:
        raise InvalidPlanError(" ".join(error.messages)) from error
    except IntegrityError as error:
        raise InvalidPlanError(gettext("There is a plan of this code.")) from error
    note_staff_act("plan.offered", about=plan, words=f"{plan.code}: {plan.name}")
    return plan


def _include(plan: Plan, allowance: Allowance) -> None:
    row = PlanAllowance(
        plan=plan,
        model=allowance.model,
        meter=allowance.meter,
        quantity=allowance.quantity,
    )
    row.full_clean()
    row.save()
