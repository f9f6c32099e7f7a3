"""Tell who pays for a tenant by mail when so much of a budget is spent."""

import logging
from collections import defaultdict
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction

from billing.domain.budget_mail import budget_mail, passed
from billing.domain.event_types import EventType
from billing.domain.spend_counters import Spender, first_day_of
from billing.models.budget_alerts import BudgetAlert
from billing.services.spend.read_spend import SpendNow, read_spend
from billing.services.webhooks.emit_event import emit_event
from tenants.domain.letters import Letter, gettext_noop
from tenants.domain.mail_kinds import MailKind
from tenants.models import Budget
from tenants.services.find_payer_addresses import find_payer_addresses
from tenants.services.send_letter import send_letter
from tenants.wire import SpendPeriod

_logger = logging.getLogger(__name__)
_PERIODS = {
    SpendPeriod.DAY: gettext_noop("this day"),
    SpendPeriod.MONTH: gettext_noop("this month"),
}


def alert_budgets(*, now: datetime) -> int:
    """How many mails were sent: one for each budget that passed a threshold which it
    had not passed in this period before, naming the highest.

    A tenant whose counters are not known now is left for the next time. A mail that
    cannot be sent is logged and tried again: the row that says it was is not kept.
    """
    budgets: dict[int, list[Budget]] = defaultdict(list)
    rows = Budget.objects.select_related("tenant", "project", "api_key")
    for budget in rows.order_by("tenant_id", "pk"):
        budgets[budget.tenant_id].append(budget)
    return sum(_alert(mine, now) for mine in budgets.values())


def _alert(budgets: list[Budget], now: datetime) -> int:
    spenders = {spender_of(budget) for budget in budgets}
    spend = read_spend(budgets[0].tenant_id, spenders, now=now)
    if spend is None:
        return 0
    return sum(_is_told(budget, spend, now) for budget in budgets)


def spender_of(budget: Budget) -> Spender:
    return Spender(budget.scope, budget.scope_id)


def _is_told(budget: Budget, spend: SpendNow, now: datetime) -> bool:
    spent = spend.spent[spender_of(budget), SpendPeriod(budget.period)]
    reached = passed(
        spent_nanos=spent,
        amount_nanos=budget.amount_nanos,
        thresholds_percent=budget.thresholds_percent,
    )
    if not reached:
        return False
    try:
        return _tell_once(budget, reached, spent, now)
    except OSError:
        _logger.exception(
            "no mail about budget %s of tenant %s", budget.pk, budget.tenant
        )
        return False


@transaction.atomic
def _tell_once(budget: Budget, reached: list[int], spent: int, now: datetime) -> bool:
    """The rows go in first: whoever else is here waits for them, and then finds them.
    They are kept once the mail is on its way.
    """
    new = [percent for percent in reached if _is_new(budget, percent, now)]
    if not new:
        return False
    emit_event(
        tenant_id=budget.tenant_id,
        type=EventType.BUDGET_THRESHOLD_REACHED,
        data=_describe(budget, new[-1], spent),
        now=now,
    )
    addresses = find_payer_addresses(budget.tenant)
    if addresses:
        mail = _mail(budget, new[-1], spent)
        send_letter(
            kind=MailKind.BUDGET,
            to=addresses,
            letter=mail,
            tenant_id=budget.tenant_id,
        )
    return bool(addresses)


def _is_new(budget: Budget, percent: int, now: datetime) -> bool:
    _, is_new = BudgetAlert.objects.get_or_create(
        tenant_id=budget.tenant_id,
        budget=budget,
        period_starts_on=first_day_of(SpendPeriod(budget.period), now),
        threshold_percent=percent,
        amount_nanos=budget.amount_nanos,
        defaults={"alerted_at": now},
    )
    return is_new


def _describe(budget: Budget, percent: int, spent: int) -> dict[str, Any]:
    return {
        "budget_id": budget.pk,
        "scope": budget.scope.value,
        "project_id": budget.project_id,
        "api_key_id": budget.api_key_id,
        "period": budget.period,
        "threshold_percent": percent,
        "amount_nanos": budget.amount_nanos,
        "spent_nanos": spent,
        "currency": budget.tenant.currency,
    }


def _mail(budget: Budget, percent: int, spent: int) -> Letter:
    whose = gettext_noop("all calls")
    if budget.api_key:
        whose = gettext_noop("key %(name)s", name=budget.api_key.name)
    elif budget.project:
        whose = gettext_noop("project %(name)s", name=budget.project.name)
    return budget_mail(
        tenant_name=budget.tenant.name,
        whose=whose,
        period=_PERIODS[SpendPeriod(budget.period)],
        currency=budget.tenant.currency,
        percent=percent,
        spent_nanos=spent,
        amount_nanos=budget.amount_nanos,
        url=f"{settings.PORTAL_URL}/budgets/",
    )
