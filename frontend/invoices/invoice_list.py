"""A tenant's invoices in a list: what is due of each, and in which state they are."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db.models import (
    BooleanField,
    ExpressionWrapper,
    F,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    Value,
)
from django.db.models.functions import Coalesce

from billing.domain.invoice import InvoiceStatus
from billing.models.credit_notes import CreditNote
from billing.models.invoices import Invoice
from billing.models.payments import Payment, PaymentStatus
from frontend.lazy import lazy as _
from frontend.tables import Rules

FILTERS = {
    "": (_("All"), Q()),
    "open": (_("Open"), Q(status=InvoiceStatus.ISSUED)),
    "paid": (_("Paid"), Q(status=InvoiceStatus.PAID)),
    "draft": (_("Draft"), Q(status=InvoiceStatus.DRAFT)),
    "closed": (
        _("Void or given up"),
        Q(status__in=(InvoiceStatus.VOID, InvoiceStatus.UNCOLLECTIBLE)),
    ),
}
"""By name in the address: title, and which."""

_NEVER = Value(datetime(9999, 1, 1, tzinfo=UTC))
INVOICES = Rules(
    sorts={
        "period": "period_start",
        "number": Coalesce("number", Value("")),
        "issued": Coalesce("issued_at", _NEVER),
        "due": Coalesce("due_at", _NEVER),
        "total": "total_cents",
        "open": "due_cents",
    },
    default="-period",
    search=("number",),
)
"""Drafts, which have no number and no dates yet, come last of the rising ones."""


@dataclass(frozen=True, kw_only=True)
class Sums:
    due_cents: int
    overdue_cents: int
    paid_cents: int
    """Totals of invoices that are paid."""
    draft_nanos: int
    """Before tax."""


def with_due(invoices: QuerySet[Invoice], *, now: datetime) -> QuerySet[Invoice, Any]:
    """Each with `due_cents`, of an issued one what is still to be paid, and with
    `is_overdue`.
    """
    paid = _sum_of(
        Payment.objects.filter(status=PaymentStatus.SUCCEEDED), "amount_cents"
    )
    credited = _sum_of(CreditNote.objects.filter(status="issued"), "applied_cents")
    return invoices.annotate(
        due_cents=F("total_cents") - F("credit_applied_cents") - paid - credited,
        is_overdue=ExpressionWrapper(
            Q(status=InvoiceStatus.ISSUED, due_at__lt=now), BooleanField()
        ),
    )


def _sum_of(rows: QuerySet[Any], name: str) -> Coalesce:
    sums = rows.filter(invoice=OuterRef("pk")).order_by().values("invoice")
    total = sums.annotate(total=Sum(name)).values("total")
    return Coalesce(Subquery(total), Value(0))


def sum_up(invoices: QuerySet[Invoice], *, now: datetime) -> Sums:
    """One query, however many they are."""
    is_open = Q(status=InvoiceStatus.ISSUED)
    sums = with_due(invoices, now=now).aggregate(
        due=Sum("due_cents", filter=is_open),
        overdue=Sum("due_cents", filter=Q(is_overdue=True)),
        paid=Sum("total_cents", filter=Q(status=InvoiceStatus.PAID)),
        draft=Sum("total_nanos", filter=Q(status=InvoiceStatus.DRAFT)),
    )
    return Sums(
        due_cents=int(sums["due"] or 0),
        overdue_cents=int(sums["overdue"] or 0),
        paid_cents=int(sums["paid"] or 0),
        draft_nanos=int(sums["draft"] or 0),
    )
