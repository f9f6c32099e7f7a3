"""Budgets with what is likely to come of them, and the mails that they sent."""

from dataclasses import dataclass
from datetime import datetime

from billing.errors import UnpricedUsageError
from billing.models.budget_alerts import BudgetAlert
from billing.models.event_cursors import CreditAlert
from billing.services.advice.forecast_month import Forecast, forecast_month
from frontend.limits.limit_overview import Overview, SpendRow, read_overview, whose
from tenants.models import Budget, Tenant
from tenants.wire import Scope, SpendPeriod

ALERTS_SHOWN = 50


@dataclass(frozen=True, kw_only=True)
class BudgetRow:
    shown: SpendRow
    told: list[BudgetAlert]
    """In the running day or month, the lowest threshold first."""
    likely_at: datetime | None
    """When it is likely to be reached; None: not in this month, or nobody can say."""
    is_foreseen: bool
    """The forecast is of all calls of a month, and of no part of them."""

    @property
    def is_reached(self) -> bool:
        share = self.shown.share
        return share is not None and share.used >= share.amount


@dataclass(frozen=True, kw_only=True)
class Told:
    """A mail that was sent."""

    at: datetime
    budget: Budget | None
    """None: about credit."""
    whose: str
    period: str
    percent: int
    amount_nanos: int
    """Of the budget then; of credit, the threshold."""


@dataclass(frozen=True, kw_only=True)
class BudgetsPage:
    overview: Overview
    budgets: list[BudgetRow]
    forecast: Forecast | None
    told: list[Told]
    """The latest first."""


def read_budgets(tenant: Tenant, *, now: datetime) -> BudgetsPage:
    overview = read_overview(tenant, now=now)
    try:
        forecast = forecast_month(tenant, now=now)
    except UnpricedUsageError:
        forecast = None
    alerts = BudgetAlert.objects.filter(tenant=tenant)
    latest = list(
        alerts.select_related("budget__project", "budget__api_key").order_by(
            "-alerted_at", "-pk"
        )[:ALERTS_SHOWN]
    )
    return BudgetsPage(
        overview=overview,
        budgets=[_row(one, latest, forecast, now) for one in overview.budgets],
        forecast=forecast,
        told=_told(tenant, latest),
    )


def _row(
    shown: SpendRow, alerts: list[BudgetAlert], forecast: Forecast | None, now: datetime
) -> BudgetRow:
    row: Budget = shown.row
    period = SpendPeriod(row.period)
    first_day = now.date() if period is SpendPeriod.DAY else now.date().replace(day=1)
    told = [
        one
        for one in alerts
        if one.budget_id == row.pk
        and one.period_starts_on == first_day
        and one.amount_nanos == row.amount_nanos
    ]
    is_of_all = row.scope is Scope.TENANT and period is SpendPeriod.MONTH
    is_foreseen = is_of_all and forecast is not None and forecast.end is not None
    return BudgetRow(
        shown=shown,
        told=sorted(told, key=lambda one: one.threshold_percent),
        likely_at=forecast.reaches(row.amount_nanos)
        if forecast is not None and is_foreseen
        else None,
        is_foreseen=is_foreseen,
    )


def _told(tenant: Tenant, alerts: list[BudgetAlert]) -> list[Told]:
    of_budgets = [
        Told(
            at=one.alerted_at,
            budget=one.budget,
            whose=whose(one.budget),
            period=one.budget.period,
            percent=one.threshold_percent,
            amount_nanos=one.amount_nanos,
        )
        for one in alerts
    ]
    rows = CreditAlert.objects.filter(tenant=tenant).order_by("-alerted_at", "-pk")
    of_credit = [
        Told(
            at=one.alerted_at,
            budget=None,
            whose="",
            period="",
            percent=0,
            amount_nanos=one.threshold_nanos,
        )
        for one in rows[:ALERTS_SHOWN]
    ]
    found = sorted([*of_budgets, *of_credit], key=lambda one: one.at, reverse=True)
    return found[:ALERTS_SHOWN]
