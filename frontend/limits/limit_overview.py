"""Limits, budgets and what is spent of them, as the pages show it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils.translation import gettext

from billing.domain.spend_counters import Spender
from billing.services.spend.read_spend import SpendNow, read_spend
from frontend.lazy import lazy as _
from metering.services.read_limit_use import read_limit_use
from tenants.models import ApiKey, Budget, OfSubject, RateLimit, SpendLimit, Tenant
from tenants.wire import LimitKind, Scope, SpendPeriod

KINDS = {
    LimitKind.REQUESTS_PER_MINUTE: _("Requests per minute"),
    LimitKind.TOKENS_PER_MINUTE: _("Tokens per minute"),
    LimitKind.IMAGES_PER_MINUTE: _("Images per minute"),
    LimitKind.REQUESTS_PER_DAY: _("Requests per day"),
    LimitKind.REQUESTS_PER_MONTH: _("Requests per month"),
    LimitKind.CONCURRENT_REQUESTS: _("Requests at a time"),
}
PERIODS = {SpendPeriod.DAY: _("Day"), SpendPeriod.MONTH: _("Month")}
_SINCE = {SpendPeriod.DAY: "today", SpendPeriod.MONTH: _("this month")}
RATE_ROWS_MAX = 100
"""On the page, which refreshes itself; those of many keys are on the keys' pages."""
_NEAR_PERCENT = 80
_FULL_PERCENT = 100
_ORDER = {Scope.TENANT: 0, Scope.PROJECT: 1, Scope.KEY: 2}


@dataclass(frozen=True, kw_only=True)
class Share:
    """What is used of an amount; a bar on the page."""

    used: int
    amount: int

    @property
    def percent(self) -> int:
        """Rounded down: 100 only once all of it is used."""
        return 100 * self.used // self.amount

    @property
    def bar(self) -> int:
        return min(self.percent, _FULL_PERCENT)

    @property
    def state(self) -> str:
        if self.percent >= _FULL_PERCENT:
            return "over"
        return "near" if self.percent >= _NEAR_PERCENT else "well"


@dataclass(frozen=True, kw_only=True)
class SpendRow:
    """A spend limit or a budget."""

    row: Any
    whose: str
    share: Share | None
    """None: what is spent is not known now."""
    held: int
    """Nanos: the most that calls which run now may cost beside."""

    @property
    def api_key_id(self) -> int | None:
        """Its page is linked."""
        found: int | None = self.row.api_key_id
        return found

    @property
    def period(self) -> str:
        return PERIODS[SpendPeriod(self.row.period)]

    @property
    def since(self) -> str:
        return _SINCE[SpendPeriod(self.row.period)]

    @property
    def subject(self) -> str:
        """As the forms name it."""
        return subject_name(self.row)

    @property
    def thresholds(self) -> str:
        return ", ".join(f"{percent} %" for percent in self.row.thresholds_percent)


@dataclass(frozen=True, kw_only=True)
class RateRow:
    limit: RateLimit
    whose: str
    kind: str
    share: Share | None
    """None: not known now."""
    running: bool
    """What is used is what runs now."""
    resets_at: datetime | None
    """When all of it is free again; None: bit by bit, as `resets` says."""
    resets: str


@dataclass(frozen=True, kw_only=True)
class Overview:
    """All of a tenant's limits and spend, at one time."""

    is_counted: bool
    """Something depends on the tenant's spend, so that it is summed."""
    spend: SpendNow | None
    """None: not counted, or not known now."""
    today: int
    this_month: int
    spend_limits: list[SpendRow]
    budgets: list[SpendRow]
    rate_limits: list[RateRow]
    """At most RATE_ROWS_MAX."""
    rate_limits_left_out: int
    is_use_known: bool

    @property
    def all_held(self) -> int:
        """By all running calls of the tenant; nanos."""
        held = self.spend.held if self.spend else {}
        return next((held[one] for one in held if one.scope is Scope.TENANT), 0)

    @property
    def is_spend_unknown(self) -> bool:
        return self.is_counted and self.spend is None


def subject_name(row: OfSubject) -> str:
    """`tenant`, `project:7` or `key:42`."""
    if row.scope is Scope.TENANT:
        return "tenant"
    return f"{row.scope}:{row.scope_id}"


def whose(row: OfSubject) -> str:
    if row.api_key:
        return gettext("Key %(name)s") % {"name": row.api_key.name}
    return (
        gettext("Project %(name)s") % {"name": row.project.name}
        if row.project
        else gettext("All calls")
    )


def read_overview(tenant: Tenant, *, now: datetime) -> Overview:
    spend_limits = _rows(SpendLimit, tenant)
    budgets = _rows(Budget, tenant)
    rate_limits = _rows(RateLimit, tenant)
    is_counted = tenant.is_prepaid or bool(spend_limits or budgets)
    all_calls = Spender(Scope.TENANT, tenant.pk)
    spenders = {all_calls} | {_spender(row) for row in (*spend_limits, *budgets)}
    spend = read_spend(tenant.pk, spenders, now=now) if is_counted else None
    shown = rate_limits[:RATE_ROWS_MAX]
    use = read_limit_use(shown, now=now)
    spent = spend.spent if spend else {}
    return Overview(
        is_counted=is_counted,
        spend=spend,
        today=spent.get((all_calls, SpendPeriod.DAY), 0),
        this_month=spent.get((all_calls, SpendPeriod.MONTH), 0),
        spend_limits=[_spend_row(row, spend) for row in spend_limits],
        budgets=[_spend_row(row, spend) for row in budgets],
        rate_limits=[_rate_row(row, use or {}, now) for row in shown],
        rate_limits_left_out=len(rate_limits) - len(shown),
        is_use_known=use is not None,
    )


def rate_limits_of(api_key: ApiKey) -> list[RateLimit]:
    """The key's own, and those of its project and its tenant; they hold together."""
    found = _rows(RateLimit, api_key.tenant)
    subjects = {
        (Scope.KEY, api_key.pk),
        (Scope.PROJECT, api_key.project_id),
        (Scope.TENANT, api_key.tenant_id),
    }
    return [row for row in found if (row.scope, row.scope_id) in subjects]


def _rows(model: Any, tenant: Tenant) -> list[Any]:
    """Those of keys that no longer work are left out."""
    found = model.objects.filter(tenant=tenant, api_key__revoked_at=None)
    rows = found.select_related("project", "api_key").order_by("pk")
    return sorted(rows, key=lambda row: (_ORDER[row.scope], whose(row)))


def _spender(row: OfSubject) -> Spender:
    return Spender(row.scope, row.scope_id)


def _spend_row(row: Any, spend: SpendNow | None) -> SpendRow:
    share, held = None, 0
    if spend:
        held = spend.held[_spender(row)]
        used = spend.spent[_spender(row), SpendPeriod(row.period)]
        share = Share(used=used, amount=row.amount_nanos)
    return SpendRow(row=row, whose=whose(row), share=share, held=held)


def _rate_row(limit: RateLimit, use: dict[int, int], now: datetime) -> RateRow:
    used, kind = use.get(limit.pk), LimitKind(limit.kind)
    return RateRow(
        limit=limit,
        whose=whose(limit),
        kind=KINDS[kind],
        share=None if used is None else Share(used=used, amount=limit.amount),
        running=kind == LimitKind.CONCURRENT_REQUESTS,
        resets_at=_resets_at(kind, now),
        resets=gettext("when calls end")
        if kind == LimitKind.CONCURRENT_REQUESTS
        else gettext("a minute after each call"),
    )


def _resets_at(kind: LimitKind, now: datetime) -> datetime | None:
    """The next UTC midnight or month."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if kind == LimitKind.REQUESTS_PER_DAY:
        return midnight + timedelta(days=1)
    if kind == LimitKind.REQUESTS_PER_MONTH:
        return (midnight.replace(day=1) + timedelta(days=32)).replace(day=1)
    return None
