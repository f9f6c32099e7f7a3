"""Make a draft show the given lines."""

from datetime import datetime

from billing.domain.invoice import totals
from billing.domain.money import cents
from billing.domain.rating import Charge
from billing.models.invoices import Invoice, LineItem

_KEY = ["invoice", "price_version", "meter"]
_AMOUNTS = ["quantity", "amount_nano_usd", "amount_cents"]


def write_lines(draft: Invoice, lines: list[Charge], *, now: datetime) -> None:
    """Replaces the lines and totals of `draft`; writes nothing if they are the same.

    The caller holds the tenant's lock.
    """
    wanted = [_line(draft, charge) for charge in lines]
    shown = list(draft.lines.all())
    if {_content(line) for line in wanted} == {_content(line) for line in shown}:
        return
    kept = {(line.price_version_id, line.meter) for line in wanted}
    gone = [x.pk for x in shown if (x.price_version_id, x.meter) not in kept]
    draft.lines.filter(pk__in=gone).delete()
    LineItem.objects.bulk_create(
        wanted, update_conflicts=True, unique_fields=_KEY, update_fields=_AMOUNTS
    )
    sums = totals(lines)
    draft.total_cents, draft.total_nano_usd = sums.cents, sums.nano_usd
    draft.refreshed_at = now
    draft.save(update_fields=["total_cents", "total_nano_usd", "refreshed_at"])


def _content(line: LineItem) -> tuple[int, str, int, int]:
    return line.price_version_id, line.meter, line.quantity, line.amount_nano_usd


def _line(draft: Invoice, charge: Charge) -> LineItem:
    return LineItem(
        tenant_id=draft.tenant_id,
        invoice=draft,
        model=charge.model,
        meter=charge.meter,
        price_version_id=charge.price_version_id,
        quantity=charge.quantity,
        rate_nano_usd_per_million=charge.rate_nano_usd_per_million,
        amount_nano_usd=charge.amount_nano_usd,
        amount_cents=cents(charge.amount_nano_usd),
    )
