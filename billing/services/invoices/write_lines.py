"""Make a draft show the given lines."""

from datetime import datetime

from billing.domain.charges import Charge
from billing.domain.invoice import totals
from billing.domain.money import cents
from billing.models.invoices import Invoice, LineItem

_CONTENT = (
    "kind",
    "description",
    "model",
    "meter",
    "price_version_id",
    "quantity",
    "included_quantity",
    "rate_nanos_per_million",
    "gross_nanos",
    "discount_nanos",
)


def write_lines(draft: Invoice, lines: list[Charge], *, now: datetime) -> None:
    """Replaces the lines and totals of `draft`; writes nothing if they are the same.

    The caller holds the tenant's lock.
    """
    wanted = [_line(draft, charge) for charge in lines]
    shown = list(draft.lines.all())
    if {_content(line) for line in wanted} == {_content(line) for line in shown}:
        return
    kept = {line.key for line in wanted}
    draft.lines.filter(pk__in=[x.pk for x in shown if x.key not in kept]).delete()
    LineItem.objects.bulk_create(
        wanted,
        update_conflicts=True,
        unique_fields=["invoice", "key"],
        update_fields=[
            *(name.removesuffix("_id") for name in _CONTENT),
            "amount_nanos",
            "amount_cents",
        ],
    )
    sums = totals(lines)
    draft.lines_cents = draft.total_cents = sums.cents
    draft.total_nanos = sums.nanos
    draft.refreshed_at = now
    draft.save(
        update_fields=["lines_cents", "total_cents", "total_nanos", "refreshed_at"]
    )


def _content(line: LineItem) -> tuple[object, ...]:
    return line.key, *(getattr(line, name) for name in _CONTENT)


def _line(draft: Invoice, charge: Charge) -> LineItem:
    return LineItem(
        tenant_id=draft.tenant_id,
        invoice=draft,
        key=charge.key,
        amount_nanos=charge.amount_nanos,
        amount_cents=cents(charge.amount_nanos),
        **{name: getattr(charge, name) for name in _CONTENT},
    )
