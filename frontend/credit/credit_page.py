"""What the pages of credit show: what is left, the grants, and where they went."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import chain

from django.utils.translation import gettext

from billing.domain.credit import Grant, in_order
from billing.models.credit import (
    CreditDraw,
    CreditExpiry,
    CreditGrant,
    CreditWithdrawal,
)
from billing.models.invoices import Invoice
from billing.services.credit.credit_of import credit_of
from billing.services.spend.read_spend import read_spend
from tenants.models import Tenant

GRANTS_MAX = 100
HISTORY_MAX = 50


@dataclass(frozen=True, kw_only=True)
class GrantRow:
    grant: CreditGrant
    remaining: int
    place: int | None
    """In the order of spending, from 1; None: nothing remains."""
    is_over: bool
    """Its end has come."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """Something that left a grant, or returned to it (below zero)."""

    at: datetime
    what: str
    reason: str
    amount_nanos: int
    invoice: Invoice | None = None


@dataclass(frozen=True, kw_only=True)
class CreditPage:
    is_prepaid: bool
    booked: int
    """What remains of all grants."""
    left: int | None
    """What the limits go by, less what running calls hold; None: the tenant is not
    prepaid, or they do not know it now."""
    grants: list[GrantRow]
    """The newest first."""
    history: list[Change]
    """The latest first."""

    @property
    def used(self) -> int:
        """By calls that are on no invoice yet, and held by running ones."""
        return self.booked - (self.booked if self.left is None else self.left)

    @property
    def is_unknown(self) -> bool:
        return self.is_prepaid and self.left is None


def read_credit_page(tenant: Tenant, *, now: datetime) -> CreditPage:
    spend = read_spend(tenant.pk, [], now=now)
    return CreditPage(
        is_prepaid=tenant.is_prepaid,
        booked=credit_of(tenant),
        left=spend.credit_left if spend and tenant.is_prepaid else None,
        grants=_grants(tenant, now),
        history=_history(tenant),
    )


def _grants(tenant: Tenant, now: datetime) -> list[GrantRow]:
    rows = CreditGrant.objects.filter(tenant=tenant).with_remaining()
    newest = list(rows.order_by("-granted_at", "-pk")[:GRANTS_MAX])
    alive = [
        Grant(
            grant_id=row.pk,
            remaining_nanos=row.remaining,
            priority=row.priority,
            granted_at=row.granted_at,
            expires_at=row.expires_at,
        )
        for row in newest
        if row.remaining
    ]
    places = {one.grant_id: n for n, one in enumerate(in_order(alive, at=now), 1)}
    return [
        GrantRow(
            grant=row,
            remaining=row.remaining,
            place=places.get(row.pk),
            is_over=row.expires_at is not None and row.expires_at <= now,
        )
        for row in newest
    ]


def _history(tenant: Tenant) -> list[Change]:
    found = chain(_draws(tenant), _expiries(tenant), _withdrawals(tenant))
    return sorted(found, key=lambda one: one.at, reverse=True)[:HISTORY_MAX]


def _draws(tenant: Tenant) -> Iterator[Change]:
    rows = CreditDraw.objects.filter(tenant=tenant).select_related("invoice", "grant")
    for row in rows.order_by("-drawn_at", "-pk")[:HISTORY_MAX]:
        yield Change(
            at=row.drawn_at,
            what=gettext("Paid an invoice")
            if row.amount_nanos > 0
            else gettext("Returned"),
            reason=row.grant.reason,
            amount_nanos=row.amount_nanos,
            invoice=row.invoice,
        )


def _expiries(tenant: Tenant) -> Iterator[Change]:
    rows = CreditExpiry.objects.filter(tenant=tenant).select_related("grant")
    for row in rows.order_by("-expired_at", "-pk")[:HISTORY_MAX]:
        yield Change(
            at=row.expired_at,
            what=gettext("Expired"),
            reason=row.grant.reason,
            amount_nanos=row.amount_nanos,
        )


def _withdrawals(tenant: Tenant) -> Iterator[Change]:
    rows = CreditWithdrawal.objects.filter(tenant=tenant)
    for row in rows.order_by("-withdrawn_at", "-pk")[:HISTORY_MAX]:
        yield Change(
            at=row.withdrawn_at,
            what=gettext("Withdrawn"),
            reason=row.reason,
            amount_nanos=row.amount_nanos,
        )
