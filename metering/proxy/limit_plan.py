"""What the limits of one key mean for calls of one model, worked out once."""

from datetime import UTC, datetime, timedelta

import msgspec

from metering.domain import limit_keys
from metering.domain.limits import KINDS, UNLIMITED, Bounds, Triple
from metering.domain.months import month_after, month_of
from metering.proxy.limit_scripts import HOLD, SETTLE
from tenants.wire import KeyPolicy, LimitKind, RateLimit, Scope, SpendLimit, SpendPeriod

_WINDOW_KINDS = (
    LimitKind.REQUESTS_PER_MINUTE,
    LimitKind.TOKENS_PER_MINUTE,
    LimitKind.IMAGES_PER_MINUTE,
)
_DAY_KEEP_SECONDS, _MONTH_KEEP_SECONDS = 3 * 86400, 40 * 86400
_NO_LIMIT = 1 << 62


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """What a call may use. `most_…` is claimed as far as there is room, `least_…` must
    fit.
    """

    model: str
    """Public name."""
    least_tokens: int
    most_tokens: int
    images: int = 0
    least_cost_nanos: int = 0
    most_cost_nanos: int = 0


class Plan:
    """The limits of a key that apply to a model, and their counters' names.

    Where a counter's name has a date in it, the plan is of one UTC day.
    """

    __slots__ = (
        "_keeps", "_processes", "_settle_prefix", "bounds", "call_prefix",
        "counts_spend", "counts_tokens", "day", "ends_at_ms", "images_max", "limits",
        "model", "month", "month_ends_at_ms", "needs_hold", "needs_place",
        "needs_renewal", "needs_settle", "policy", "smallest", "tokens_max",
        "uses_money",
    )  # fmt: skip

    def __init__(
        self, policy: KeyPolicy, model: str, *, now: datetime, processes: int
    ) -> None:
        self.policy, self.model = policy, model
        self._processes = processes
        self.day, self.month = limit_keys.day_of(now), limit_keys.month_of(now)
        applying = [one for one in policy.rate_limits if one.model in {None, model}]
        midnight = datetime(now.year, now.month, now.day, tzinfo=UTC)
        self.ends_at_ms = _ms(midnight + timedelta(days=1))
        self.month_ends_at_ms = _ms(month_after(month_of(now)))
        windows = self._windows(applying)
        months = self._counters(applying, LimitKind.REQUESTS_PER_MONTH)
        days = self._counters(applying, LimitKind.REQUESTS_PER_DAY)
        running = [
            (limit_keys.running_key(self._key(one)), one)
            for one in applying
            if one.kind is LimitKind.CONCURRENT_REQUESTS
        ]
        # Months first: of two that are used up the longer is told.
        counters = months + days
        self.limits: list[RateLimit | SpendLimit | None] = [
            *(limit for _, triple in windows for limit in triple),
            *(limit for _, limit in (*counters, *running)),
            *policy.spend_limits,
            None,  # the credit
        ]
        """Numbered from 1 by the script."""
        self.bounds = Bounds(
            [(name, _amounts(triple)) for name, triple in windows],
            [(name, limit.amount) for name, limit in counters],
            [(name, limit.amount) for name, limit in running],
        )
        self.smallest = {kind: _smallest(applying, kind) for kind in LimitKind}
        self.tokens_max = self._most(LimitKind.TOKENS_PER_MINUTE)
        self.images_max = self._most(LimitKind.IMAGES_PER_MINUTE)
        self.counts_tokens = self.tokens_max < _NO_LIMIT
        self.uses_money = policy.is_prepaid or bool(policy.spend_limits)
        self.counts_spend = policy.counts_spend or self.uses_money
        self.needs_hold = bool(applying) or self.uses_money
        self.needs_place = bool(running)
        self.needs_renewal = self.uses_money or self.needs_place
        self.needs_settle = bool(applying)
        self._keeps = [_MONTH_KEEP_SECONDS] * len(months)
        self._keeps += [_DAY_KEEP_SECONDS] * len(days)
        self.call_prefix = self._call_prefix()
        self._settle_prefix = b""

    def _most(self, kind: LimitKind) -> int:
        limit = self.smallest[kind]
        return _NO_LIMIT if limit is None else limit.amount

    def _call_prefix(self) -> bytes:
        windows, counters, running = self.bounds
        amounts = [
            *(amount for _, triple in windows for amount in triple),
            *(amount for _, amount in (*counters, *running)),
        ]
        sizes = len(windows), len(counters), len(running)
        fixed = (*sizes, self._processes, amounts, self._keeps, self._money())
        return HOLD.prefix([*self._names(), *self._spent_names()], fixed)

    @property
    def settle_prefix(self) -> bytes:
        """Packed when first needed: calls of a slice settle without it."""
        if not self._settle_prefix:
            windows, counters, _ = self.bounds
            fixed = len(windows), len(counters), self._keeps
            self._settle_prefix = SETTLE.prefix(self._names(), fixed)
        return self._settle_prefix

    def _names(self) -> list[str]:
        windows, counters, running = self.bounds
        return [name for name, _ in (*windows, *counters, *running)]

    @property
    def may_slice(self) -> bool:
        """Money is decided call by call."""
        return self.needs_hold and not self.uses_money

    def limit(self, number: int) -> RateLimit | SpendLimit | None:
        """By the script's number; None: the credit."""
        return self.limits[number - 1]

    def is_of_rate(self, number: int) -> bool:
        """Of a window or a counter, by the script's number."""
        windows, counters, _ = self.bounds
        return number <= KINDS * len(windows) + len(counters)

    def ends_in_ms(self, limit: RateLimit, now_ms: int) -> int:
        """Until the day or month of a counter is over."""
        if limit.kind is LimitKind.REQUESTS_PER_MONTH:
            return self.month_ends_at_ms - now_ms
        return self.ends_at_ms - now_ms

    def _key(self, limit: RateLimit) -> str:
        scope_id = scope_id_of(self.policy, limit.scope)
        return limit_keys.limit_key(
            self.policy.tenant_id, limit.scope, scope_id, limit.model
        )

    def _windows(
        self, applying: list[RateLimit]
    ) -> list[tuple[str, list[RateLimit | None]]]:
        found: dict[str, list[RateLimit | None]] = {}
        for limit in applying:
            if limit.kind in _WINDOW_KINDS:
                name = limit_keys.minute_key(self._key(limit))
                triple = found.setdefault(name, [None, None, None])
                triple[_WINDOW_KINDS.index(limit.kind)] = limit
        return list(found.items())

    def _counters(
        self, applying: list[RateLimit], kind: LimitKind
    ) -> list[tuple[str, RateLimit]]:
        is_day = kind is LimitKind.REQUESTS_PER_DAY
        return [
            (
                limit_keys.requests_day_key(self._key(one), self.day)
                if is_day
                else limit_keys.requests_month_key(self._key(one), self.month),
                one,
            )
            for one in applying
            if one.kind is kind
        ]

    def _money(self) -> object:
        policy = self.policy
        if not self.uses_money:
            return 0
        return (
            int(policy.is_prepaid),
            str(policy.tenant_id),
            str(policy.project_id),
            str(policy.api_key_id),
            self.day,
            self.month,
            [one.amount_nanos for one in policy.spend_limits],
            [_held_field(policy, one.scope) for one in policy.spend_limits],
        )

    def _spent_names(self) -> list[str]:
        policy = self.policy
        return [
            limit_keys.spent_key(
                policy.tenant_id,
                one.scope,
                scope_id_of(policy, one.scope),
                f"day:{self.day}"
                if one.period is SpendPeriod.DAY
                else f"month:{self.month}",
            )
            for one in policy.spend_limits
        ]

    @property
    def share(self) -> Bounds:
        """Of one process that cannot ask; the shares never sum to more."""

        def part(amount: int) -> int:
            return amount if amount == UNLIMITED else amount // self._processes

        windows, counters, running = self.bounds
        return Bounds(
            [(name, (part(r), part(t), part(i))) for name, (r, t, i) in windows],
            [(name, part(amount)) for name, amount in counters],
            [(name, part(amount)) for name, amount in running],
        )


def scope_id_of(policy: KeyPolicy, scope: Scope) -> int:
    if scope is Scope.KEY:
        return policy.api_key_id
    return policy.project_id if scope is Scope.PROJECT else policy.tenant_id


def _held_field(policy: KeyPolicy, scope: Scope) -> str:
    if scope is Scope.TENANT:
        return "tenant"
    return f"{scope}:{scope_id_of(policy, scope)}"


def _amounts(triple: list[RateLimit | None]) -> Triple:
    requests, tokens, images = (UNLIMITED if a is None else a.amount for a in triple)
    return requests, tokens, images


def _smallest(limits: list[RateLimit], kind: LimitKind) -> RateLimit | None:
    some = [limit for limit in limits if limit.kind is kind]
    return min(some, key=lambda limit: limit.amount, default=None)


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)
