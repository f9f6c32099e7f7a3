"""What the pages of credit show: what is left, the grants, and where they went."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import QueryDict

from billing.domain.credit import in_order
from billing.models.credit import CreditGrant
from billing.services.credit.credit_of import credit_of
from billing.services.credit.read_grants import read_grants
from billing.services.spend.read_spend import read_spend
from frontend.credit.credit_history import Change, read_history
from frontend.tables import Rules, Table, read_table
from tenants.models import Tenant

_GRANTS = Rules(
    sorts={
        "granted": "granted_at",
        "amount": "amount_nanos",
        "remaining": "remaining",
    },
    default="-granted",
    search=("reason",),
    prefix="grants_",
)


@dataclass(frozen=True, kw_only=True)
class GrantRow:
    grant: CreditGrant
    remaining: int
    place: int | None
    """In the order of spending, from 1; None: nothing remains."""
    is_over: bool
    """Its end has come."""


@dataclass(frozen=True, kw_only=True)
class CreditPage:
    is_prepaid: bool
    booked: int
    """What remains of all grants."""
    left: int | None
    """What the limits go by, less what running calls hold; None: the tenant is not
    prepaid, or they do not know it now."""
    table: Table[Any]
    grants: list[GrantRow]
    """Those of the table."""
    history: Table[Change]

    @property
    def used(self) -> int:
        """By calls that are on no invoice yet, and held by running ones."""
        return self.booked - (self.booked if self.left is None else self.left)

    @property
    def is_unknown(self) -> bool:
        return self.is_prepaid and self.left is None


def read_credit_page(tenant: Tenant, query: QueryDict, *, now: datetime) -> CreditPage:
    """Raises Http404 for a place that is none of its lists'."""
    spend = read_spend(tenant.pk, [], now=now)
    grants = CreditGrant.objects.filter(tenant=tenant).with_remaining()
    table: Table[Any] = read_table(query, grants, _GRANTS)
    spent = in_order(read_grants(tenant.pk), at=now)
    places = {one.grant_id: number for number, one in enumerate(spent, 1)}
    return CreditPage(
        is_prepaid=tenant.is_prepaid,
        booked=credit_of(tenant),
        left=spend.credit_left if spend and tenant.is_prepaid else None,
        table=table,
        grants=[
            GrantRow(
                grant=row,
                remaining=row.remaining,
                place=places.get(row.pk),
                is_over=row.expires_at is not None and row.expires_at <= now,
            )
            for row in table.rows
        ],
        history=read_history(tenant, query),
    )
