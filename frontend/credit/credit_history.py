"""Where a tenant's credit went: what left its grants, of three tables, as one list."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Any

from django.db.models import F, Q, QuerySet
from django.http import QueryDict
from django.utils.translation import gettext

from billing.models.credit import CreditDraw, CreditExpiry, CreditWithdrawal
from billing.models.invoices import Invoice
from frontend.tables import (
    Asked,
    Rules,
    Table,
    ask,
    number_of,
    past,
    place_of_row,
    search,
    table_of,
)
from tenants.models import Tenant

_RULES = Rules(
    sorts={"when": "at", "amount": "amount_nanos"},
    default="-when",
    search=("reason", "invoice__number"),
)
_KINDS = 3


@dataclass(frozen=True, kw_only=True)
class Change:
    """Something that left a grant, or returned to it (below zero)."""

    number: int
    """Of its row among those of all three tables, for the address."""
    place: object
    """What the list is sorted by."""
    at: datetime
    what: str
    reason: str
    amount_nanos: int
    invoice: Invoice | None = None


def read_history(tenant: Tenant, query: QueryDict) -> Table[Change]:
    """Of each table no more is read than a page shows. Raises Http404 for a place that
    is none of the list's.
    """
    asked = ask(query, _RULES)
    kinds = [_placed(rows, kind, asked) for kind, rows in enumerate(_rows_of(tenant))]
    is_behind = _behind(asked, kinds)
    found = [
        _change(row)
        for rows in kinds
        for row in _in_order(rows.filter(is_behind), asked)[: _RULES.rows + 1]
    ]
    found.sort(key=attrgetter("place", "number"), reverse=asked.is_falling)
    return table_of(asked, found, of=kinds[0], number_in=attrgetter("number"))


def _rows_of(tenant: Tenant) -> Iterator[QuerySet[Any]]:
    """Each with `at` and `why`."""
    draws = CreditDraw.objects.filter(tenant=tenant).select_related("invoice")
    yield draws.annotate(at=F("drawn_at"), why=F("grant__reason"))
    expiries = CreditExpiry.objects.filter(tenant=tenant)
    yield expiries.annotate(at=F("expired_at"), why=F("grant__reason"))
    withdrawals = CreditWithdrawal.objects.filter(tenant=tenant)
    yield withdrawals.annotate(at=F("withdrawn_at"), why=F("reason"))


def _placed(rows: QuerySet[Any], kind: int, asked: Asked) -> QuerySet[Any]:
    number = F("pk") * _KINDS + kind
    placed: QuerySet[Any] = rows.annotate(place=asked.column, number=number)
    return placed


def _behind(asked: Asked, kinds: list[QuerySet[Any]]) -> Q:
    if not asked.after:
        return Q()
    number = number_of(asked.after)
    row_id, kind = divmod(number, _KINDS)
    last = place_of_row(kinds[kind], row_id)
    return past(last, number, by="number", is_falling=asked.is_falling)


def _in_order(rows: QuerySet[Any], asked: Asked) -> QuerySet[Any]:
    searched = ("why", "invoice__number") if rows.model is CreditDraw else ("why",)
    sign = "-" if asked.is_falling else ""
    found = rows.filter(search(searched, asked.wanted))
    return found.order_by(f"{sign}place", f"{sign}number")


def _change(row: Any) -> Change:
    return Change(
        number=row.number,
        place=row.place,
        at=row.at,
        what=_what(row),
        reason=row.why,
        amount_nanos=row.amount_nanos,
        invoice=row.invoice if isinstance(row, CreditDraw) else None,
    )


def _what(row: Any) -> str:
    if isinstance(row, CreditExpiry):
        return gettext("Expired")
    if isinstance(row, CreditWithdrawal):
        return gettext("Withdrawn")
    return gettext("Paid an invoice") if row.amount_nanos > 0 else gettext("Returned")
