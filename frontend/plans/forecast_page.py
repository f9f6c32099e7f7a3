"""The forecast of the month's invoice, as pages show it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from billing.domain.charges import Charge
from billing.domain.forecast import DAYS_MIN
from billing.errors import UnpricedUsageError
from billing.services.advice.forecast_month import Forecast, Moment, forecast_month
from billing.services.spend.read_spend import read_spend
from frontend.plans.forecast_picture import Picture, draw
from frontend.plans.plan_page import title_of
from tenants.models import Budget, SpendLimit, Tenant
from tenants.wire import SpendPeriod

_DAY_SECONDS = 86_400
_RUNWAY_DAYS_MAX = 365


@dataclass(frozen=True, kw_only=True)
class ForecastPage:
    forecast: Forecast
    picture: Picture
    budget: Budget | None
    """Of all calls, for a month."""
    budget_reached_at: datetime | None
    spend_limit: SpendLimit | None
    limit_reached_at: datetime | None
    credit_ends_at: datetime | None
    """Of a prepaid tenant; None: it is not, or it is not known, or far away."""
    lines: list[tuple[str, Charge]]
    days_min: int = DAYS_MIN

    @property
    def rows(self) -> list[tuple[Moment, bool]]:
        """Each with whether it is yet to come; the month's first instant left out."""
        past = [(one, False) for one in self.forecast.past[1:]]
        return [*past, *((one, True) for one in self.forecast.future)]


def read_forecast(tenant: Tenant, *, now: datetime) -> ForecastPage | None:
    """None: the month cannot be rated, of which the operator is told."""
    try:
        forecast = forecast_month(tenant, now=now)
    except UnpricedUsageError:
        return None
    of_all = {
        "tenant": tenant,
        "project": None,
        "api_key": None,
        "period": SpendPeriod.MONTH,
    }
    budget = Budget.objects.filter(**of_all).first()
    limit = SpendLimit.objects.filter(**of_all).first()
    return ForecastPage(
        forecast=forecast,
        picture=draw(forecast, budget_nanos=budget.amount_nanos if budget else None),
        budget=budget,
        budget_reached_at=forecast.reaches(budget.amount_nanos) if budget else None,
        spend_limit=limit,
        limit_reached_at=forecast.reaches(limit.amount_nanos) if limit else None,
        credit_ends_at=_credit_end(tenant, forecast, now),
        lines=[(title_of(charge), charge) for charge in forecast.charges],
    )


def _credit_end(tenant: Tenant, forecast: Forecast, now: datetime) -> datetime | None:
    """At the pace of the days that the forecast rests on."""
    expected = forecast.expectation
    if not (tenant.is_prepaid and expected and expected.mean_nanos):
        return None
    spend = read_spend(tenant.pk, [], now=now)
    if spend is None or spend.credit_left <= 0:
        return None
    if spend.credit_left > _RUNWAY_DAYS_MAX * expected.mean_nanos:
        return None
    seconds = spend.credit_left * _DAY_SECONDS // expected.mean_nanos
    return now + timedelta(seconds=seconds)
