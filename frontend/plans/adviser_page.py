"""What a tenant would have paid, as the adviser's page shows it."""

from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from billing.domain.advice import Option
from billing.domain.charges import Charge, ChargeKind
from billing.domain.periods import Period
from billing.domain.price_models import ExplainedStep, explain
from billing.domain.replay import Replay
from billing.models.plans import Plan
from billing.services.advice.advise_keeping import (
    KeepingAdvice,
    Suggestion,
    advise_keeping,
)
from billing.services.advice.advise_plans import PlanAdvice, advise_plans
from frontend.plans.plan_page import ShownPlan, show, title_of
from frontend.usage.ranges import find_range
from tenants.models import ApiKey, Tenant


@dataclass(frozen=True, kw_only=True)
class Line:
    """One charge, with the arithmetic that it came about by."""

    title: str
    charge: Charge
    steps: list[ExplainedStep]
    """Empty: it is no product of a quantity, or all of it is included."""


@dataclass(frozen=True, kw_only=True)
class ShownOption:
    option: Option
    plan: Plan | None
    shown: ShownPlan | None
    lines: list[Line]
    saved_nanos: int | None
    """Against what is held; below zero: it costs more. None: not comparable."""
    bar: int
    """Percent of the dearest."""

    @property
    def name(self) -> str:
        return self.option.name or _("List prices, no plan")

    @property
    def more_nanos(self) -> int:
        return -(self.saved_nanos or 0)


@dataclass(frozen=True, kw_only=True)
class ShownSuggestion:
    suggestion: Suggestion
    key_name: str


@dataclass(frozen=True, kw_only=True)
class AdviserPage:
    span: Period
    advice: PlanAdvice
    options: list[ShownOption]
    kept: KeepingAdvice
    suggestions: list[ShownSuggestion]

    @property
    def own(self) -> ShownOption:
        return next(one for one in self.options if one.option.is_held)

    @property
    def better(self) -> ShownOption | None:
        found = self.advice.better
        return next((one for one in self.options if one.option == found), None)


def read_adviser(tenant: Tenant, *, now: datetime) -> AdviserPage:
    """Of the last 30 days, today included."""
    days = find_range("30d", now=now)
    span = Period(start=days.start, end=days.end)
    advice = advise_plans(tenant, span=span, now=now)
    models = {one.model for one in advice.usages}
    kept = advise_keeping(tenant, models, span=span, now=now)
    return AdviserPage(
        span=span,
        advice=advice,
        options=_options(advice),
        kept=kept,
        suggestions=_suggestions(tenant, kept),
    )


def _options(advice: PlanAdvice) -> list[ShownOption]:
    own = advice.own.cost_nanos
    top = max((one.cost_nanos or 0 for one in advice.options), default=0)
    return [
        ShownOption(
            option=one,
            plan=advice.plans.get(one.code),
            shown=show(advice.plans[one.code]) if one.code in advice.plans else None,
            lines=_lines(one.replay) if one.replay else [],
            saved_nanos=None
            if own is None or one.cost_nanos is None
            else own - one.cost_nanos,
            bar=100 * (one.cost_nanos or 0) // top if top else 0,
        )
        for one in advice.options
    ]


def _lines(replay: Replay) -> list[Line]:
    return [
        Line(title=title_of(charge), charge=charge, steps=_steps(charge, replay))
        for charge in replay.charges
    ]


def _steps(charge: Charge, replay: Replay) -> list[ExplainedStep]:
    if charge.kind is not ChargeKind.USAGE or charge.price_version_id is None:
        return []
    priced = replay.priced[charge.price_version_id, charge.meter]
    return explain(priced.pricing, charge.quantity - charge.included_quantity)


def _suggestions(tenant: Tenant, kept: KeepingAdvice) -> list[ShownSuggestion]:
    keys = ApiKey.objects.filter(
        tenant=tenant, pk__in={one.api_key_id for one in kept.suggestions}
    )
    names = dict(keys.values_list("pk", "name"))
    return [
        ShownSuggestion(suggestion=one, key_name=names.get(one.api_key_id, ""))
        for one in kept.suggestions
    ]
