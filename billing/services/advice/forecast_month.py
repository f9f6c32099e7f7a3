"""What the running month's invoice is likely to come to, and why."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from billing.domain.charges import Charge
from billing.domain.forecast import (
    DAY,
    DAYS_BEFORE,
    PPM,
    DayUse,
    Expectation,
    Key,
    expect,
    scaled,
)
from billing.domain.month import MonthTerms, charge_month
from billing.domain.periods import Period, month_of
from billing.domain.rating import METER_NAMES, Price, PricedUsage, Usage, find_pricings
from billing.services.advice.read_use import read_use_by_day
from billing.services.credit.credit_of import credit_of
from billing.services.prices.price_of import prices_of
from billing.services.rating.read_charges import read_prices, read_terms
from metering.domain.usage import Meter
from tenants.models import Tenant


@dataclass(frozen=True, kw_only=True)
class Moment:
    """What the month comes to with all that was used by then; nanos. Plans count to its
    end from the first moment on, as on the draft.
    """

    at: datetime
    point_nanos: int
    low_nanos: int
    high_nanos: int
    calls_nanos: int
    """What calls alone were charged: budgets and spend limits go by that."""


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """All without tax."""

    month: Period
    now: datetime
    past: Sequence[Moment]
    """At the ends of the days, and now."""
    future: Sequence[Moment]
    """At the ends of the days that are left; empty: nothing can be said."""
    charges: Sequence[Charge]
    """That the month is likely to come to, in the order of an invoice; of what is used
    and agreed alone, where nothing can be said."""
    expectation: Expectation | None
    """None: too few whole days."""
    credit_nanos: int
    """That the tenant holds by the books, and that pays before anything is owed."""

    @property
    def so_far_nanos(self) -> int:
        """What it comes to if nothing more is used."""
        return self.past[-1].point_nanos

    @property
    def end(self) -> Moment | None:
        return self.future[-1] if self.future else None

    @property
    def to_pay_nanos(self) -> int:
        """Of the point, what credit leaves."""
        return max(0, self.end.point_nanos - self.credit_nanos) if self.end else 0

    @property
    def credit_used_nanos(self) -> int:
        return min(self.end.point_nanos, self.credit_nanos) if self.end else 0

    def reaches(self, calls_nanos: int) -> datetime | None:
        """When calls alone are likely to have been charged so much; None: not in this
        month.
        """
        moments = (*self.past, *self.future)
        return next((one.at for one in moments if one.calls_nanos >= calls_nanos), None)


def forecast_month(tenant: Tenant, *, now: datetime) -> Forecast:
    """By the function that bills the month, with what is likely to be used as well.

    Reads no more than two months of sums per day. Raises UnpricedUsageError.
    """
    month = month_of(now)
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    start = min(month.start, today - DAYS_BEFORE * DAY)
    by_day = read_use_by_day(tenant.pk, Period(start=start, end=today + DAY))
    billing = _Billing(tenant, by_day, now=now, month=month)
    return billing.forecast(expect(billing.values(by_day), month=month, now=now))


class _Billing:
    """A month that is billed again and again: up to each of its days."""

    def __init__(
        self,
        tenant: Tenant,
        by_day: Mapping[datetime, Sequence[Usage]],
        *,
        now: datetime,
        month: Period,
    ) -> None:
        self._now, self._month = now, month
        self._used = {
            day: usages for day, usages in by_day.items() if day >= month.start
        }
        versions = {one.price_version_id for all_ in by_day.values() for one in all_}
        self._prices = read_prices(tenant.pk, versions)
        in_force = prices_of(tenant.pk, at=now).values()
        self._now_sold = {one.served_model.name: one.price for one in in_force}
        self._terms: MonthTerms = read_terms(tenant.pk, month)
        self._credit_nanos = credit_of(tenant)

    def values(
        self, by_day: Mapping[datetime, Sequence[Usage]]
    ) -> dict[datetime, DayUse]:
        """Of meters that are sold now: nobody can use the others."""
        return {day: self._day_use(usages) for day, usages in by_day.items()}

    def _day_use(self, usages: Iterable[Usage]) -> DayUse:
        quantities: Counter[Key] = Counter()
        for one in usages:
            price = self._now_sold.get(one.model)
            if (
                one.meter in METER_NAMES
                and price
                and price.pricing_of(one.meter) is not None
            ):
                quantities[one.model, one.meter] += one.quantity
        return DayUse(quantities=quantities, value_nanos=self._value(quantities))

    def _value(self, quantities: Mapping[Key, int]) -> int:
        """At the rates that calls are charged by."""
        femtos = 0
        for (model, meter), quantity in quantities.items():
            rate = self._now_sold[model].rates.of_meter(meter)
            femtos += quantity * (rate or 0)
        return femtos // PPM

    def forecast(self, expectation: Expectation | None) -> Forecast:
        past = [*self._past()]
        future = self._future(expectation, past[-1]) if expectation else []
        rest: Counter[Key] = Counter()
        for day in expectation.days if expectation else ():
            rest.update(day.use.quantities)
        used = self._used_until(self._month.end)
        return Forecast(
            month=self._month,
            now=self._now,
            past=past,
            future=future,
            charges=self._charges([*used, *self._as_usages(rest)]),
            expectation=expectation,
            credit_nanos=self._credit_nanos,
        )

    def _past(self) -> Iterable[Moment]:
        ends = [self._month.start]
        while (end := ends[-1] + DAY) < self._now:
            ends.append(end)
        for end in (*ends, self._now):
            used = self._used_until(end)
            amount = self._amount(used)
            yield Moment(
                at=end,
                point_nanos=amount,
                low_nanos=amount,
                high_nanos=amount,
                calls_nanos=self._calls(used),
            )

    def _future(self, expected: Expectation, last: Moment) -> list[Moment]:
        used, rest, value = self._used_until(self._month.end), Counter[Key](), 0
        moments = []
        for day in expected.days:
            rest.update(day.use.quantities)
            value += day.use.value_nanos
            point, low, high = (
                self._amount([*used, *self._as_usages(scaled(rest, ppm))])
                for ppm in (PPM, expected.low_ppm, expected.high_ppm)
            )
            moments.append(
                Moment(
                    at=day.ends_at,
                    point_nanos=point,
                    low_nanos=low,
                    high_nanos=high,
                    calls_nanos=last.calls_nanos + value,
                )
            )
        return moments

    def _used_until(self, end: datetime) -> list[Usage]:
        return [one for day, all_ in self._used.items() if day < end for one in all_]

    def _as_usages(self, quantities: Mapping[Key, int]) -> list[Usage]:
        return [
            Usage(
                model=model,
                meter=meter,
                price_version_id=self._now_sold[model].price_version_id,
                quantity=quantity,
            )
            for (model, meter), quantity in quantities.items()
        ]

    def _calls(self, usages: Iterable[Usage]) -> int:
        """As the counters of money count them; leases by what was measured."""
        total = 0
        for one in usages:
            if one.meter == Meter.CHARGED_NANOS:
                total += one.quantity
            elif one.meter.endswith("_mb_s"):
                price = self._prices.get(one.price_version_id)
                rate = price.rates.of_meter(one.meter) if price else None
                total += one.quantity * (rate or 0) // PPM
        return total

    def _amount(self, usages: Iterable[Usage]) -> int:
        return sum(charge.amount_nanos for charge in self._charges(usages))

    def _charges(self, usages: Iterable[Usage]) -> list[Charge]:
        return charge_month(self._priced(usages), self._terms)

    def _priced(self, usages: Iterable[Usage]) -> list[PricedUsage]:
        """One of each price version and meter, as months are billed."""
        sums: Counter[tuple[str, str, int]] = Counter()
        for one in usages:
            sums[one.model, one.meter, one.price_version_id] += one.quantity
        prices: dict[int, Price] = {
            **{one.price_version_id: one for one in self._now_sold.values()},
            **self._prices,
        }
        return find_pricings(
            [
                Usage(model=model, meter=meter, price_version_id=pk, quantity=quantity)
                for (model, meter, pk), quantity in sums.items()
            ],
            prices,
        )
