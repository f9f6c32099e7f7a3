"""What a tenant would have paid on each plan that it may choose."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from django.db.models import Q

from billing.domain.advice import Keeping, Option, better_than_held, keeping, ranked
from billing.domain.money import divided_half_up, nanos
from billing.domain.month import Commitment, CouponTerms
from billing.domain.periods import Period, month_of
from billing.domain.rating import Price, Usage
from billing.domain.replay import Replay, Terms, has_leases, replay, without_leases
from billing.errors import UnpricedUsageError
from billing.models.plans import Plan, PlanKind, Subscription
from billing.models.price_books import PriceBook
from billing.models.prices import PriceVersion
from billing.services.advice.read_use import read_use
from billing.services.rating.read_charges import plan_terms, read_coupons
from metering.domain.usage import Meter
from tenants.models import Tenant


@dataclass(frozen=True, kw_only=True)
class PlanAdvice:
    """Nothing is promised: what is used next month is not known."""

    span: Period
    usages: list[Usage]
    """Empty: nothing was used, and nothing can be said."""
    options: list[Option]
    """The best first."""
    plans: Mapping[str, Plan]
    """By code."""
    held: Subscription | None
    better: Option | None
    """None: nothing costs less than what is held."""
    keeping: Keeping | None
    """Of leases and cached prompts; None: there were none, or it cannot be said."""

    @property
    def own(self) -> Option:
        return next(one for one in self.options if one.is_held)


def advise_plans(tenant: Tenant, *, span: Period, now: datetime) -> PlanAdvice:
    """By the prices and coupons of `now`. As many queries, however many plans."""
    usages = read_use(tenant.pk, span)
    held = Subscription.objects.filter(tenant=tenant).held_at(now)
    subscription = held.select_related("plan").prefetch_related("plan__allowances")
    own = subscription.first()
    plans = _plans(tenant, own, now)
    prices = _Prices(tenant, plans, usages, now)
    coupons = read_coupons(tenant.pk, month_of(now))
    terms = {
        plan.code: terms_of(plan, prices.of(plan), coupons, span=span) for plan in plans
    }
    own_code = own.plan.code if own else ""
    if own is None or not any(_is_plain(plan) for plan in plans):
        terms[""] = Terms(prices=prices.of(None), coupons=coupons)
    names = {plan.code: plan.name for plan in plans}
    options = ranked(
        _option(
            code, names.get(code, ""), usages, one, span=span, is_held=code == own_code
        )
        for code, one in terms.items()
    )
    return PlanAdvice(
        span=span,
        usages=usages,
        options=options,
        plans={plan.code: plan for plan in plans},
        held=own,
        better=better_than_held(options),
        keeping=_keeping(usages, terms[own_code], span),
    )


def terms_of(
    plan: Plan,
    prices: Mapping[str, Price],
    coupons: Iterable[CouponTerms],
    *,
    span: Period,
) -> Terms:
    """As if the plan had been held through the span, out of its trial, with the span's
    share of its commitment.
    """
    row = Subscription(plan=plan, starts_at=span.start)
    return Terms(
        prices=prices,
        plan=replace(plan_terms(row, span), commitment=_commitment(plan, span)),
        credit_nanos=nanos(plan.credit_cents),
        coupons=tuple(coupons),
    )


def _commitment(plan: Plan, span: Period) -> Commitment | None:
    """One month's share of it, as if all months of the term were alike."""
    if not plan.commitment_months:
        return None
    return Commitment(
        amount_nanos=divided_half_up(
            nanos(plan.commitment_cents), plan.commitment_months
        ),
        ends_at=span.end,
        spent_before_nanos=0,
    )


def _plans(tenant: Tenant, own: Subscription | None, now: datetime) -> list[Plan]:
    """What is held, which may no longer be offered, and what is."""
    offered = Plan.objects.offered(now, currency=tenant.currency)
    found = list(offered.prefetch_related("allowances").order_by("name", "pk"))
    if own and own.plan_id not in {plan.pk for plan in found}:
        found.append(own.plan)
    return found


def _is_plain(plan: Plan) -> bool:
    """It costs what list prices without a plan cost."""
    own = plan.price_cents + plan.minimum_cents + plan.percentage_basis_points
    is_paid_after = plan.kind == PlanKind.PAY_AS_YOU_GO
    return is_paid_after and not (own or plan.commitment_cents or plan.price_book_id)


def _option(
    code: str,
    name: str,
    usages: list[Usage],
    terms: Terms,
    *,
    span: Period,
    is_held: bool,
) -> Option:
    try:
        found = replay(usages, terms, span=span)
    except UnpricedUsageError:
        return Option(code=code, name=name, is_held=is_held, replay=None)
    return Option(code=code, name=name, is_held=is_held, replay=found)


def _keeping(usages: list[Usage], terms: Terms, span: Period) -> Keeping | None:
    if not has_leases(usages):
        return None
    read_as = (Meter.CACHED_INPUT_TOKENS, Meter.NEW_INPUT_TOKENS)
    try:
        without: list[Replay] = [
            replay(without_leases(usages, read_as=meter), terms, span=span)
            for meter in read_as
        ]
        return keeping(replay(usages, terms, span=span), *without)
    except UnpricedUsageError:
        return None


class _Prices:
    """The prices in force now in all books that count, by one question; of a model that
    nobody sells any more, those that it was used at.
    """

    def __init__(
        self,
        tenant: Tenant,
        plans: Iterable[Plan],
        usages: Iterable[Usage],
        at: datetime,
    ) -> None:
        of_plans = {plan.price_book_id for plan in plans if plan.price_book_id}
        books = PriceBook.objects.filter(
            Q(tenant=tenant) | Q(is_list=True) | Q(tenant=None, pk__in=of_plans),
            currency=tenant.currency,
        )
        models, versions = set(), set()
        for one in usages:
            models.add(one.model)
            versions.add(one.price_version_id)
        in_force = PriceVersion.objects.filter(
            price_book__in=books, served_model__name__in=models
        ).in_effect_at(at)
        used = PriceVersion.objects.filter(pk__in=versions, price_book__in=books)
        rows = list((in_force | used).select_related("served_model", "price_book"))
        self._in_force = [row for row in rows if _is_in_force(row, at)]
        sold = {row.served_model_id for row in self._in_force}
        past = [row for row in rows if row.served_model_id not in sold]
        self._past = sorted(past, key=lambda row: row.effective_from)

    def of(self, plan: Plan | None) -> dict[str, Price]:
        """By model: of the tenant's own book, the plan's, then the list."""
        book_id = plan.price_book_id if plan else None
        found = [
            row
            for row in sorted(self._in_force, key=_place, reverse=True)
            if row.price_book.tenant_id
            or row.price_book.is_list
            or row.price_book_id == book_id
        ]
        return {row.served_model.name: row.price for row in (*self._past, *found)}


def _is_in_force(row: PriceVersion, at: datetime) -> bool:
    is_over = row.effective_to is not None and row.effective_to <= at
    return row.effective_from <= at and not is_over


def _place(row: PriceVersion) -> tuple[bool, bool]:
    """As `books_of` searches: what is to win is the least."""
    return row.price_book.is_list, not row.price_book.tenant_id
