"""Take back what a tenant may not do, as far as nothing is overdue any more."""

from datetime import datetime

from billing.domain.dunning import LEVELS, Step, harshest, level_at
from billing.domain.invoice import InvoiceStatus
from billing.domain.payments import CARD_CENTS_MIN
from billing.models.invoices import Invoice
from billing.services.invoices.settle_invoice import due_cents
from billing.services.webhooks.emit_event import emit_event
from tenants.models import Restriction, Tenant
from tenants.services.set_restriction import set_restriction

_ORDER = (Restriction.NONE, *(Restriction(step.value) for step in LEVELS))


def called_for(tenant_id: int, now: datetime) -> Restriction:
    """The restriction that the tenant's overdue invoices call for."""
    overdue = Invoice.objects.filter(
        tenant_id=tenant_id, status=InvoiceStatus.ISSUED, due_at__lte=now
    )
    levels = [
        level_at(invoice.due_at, now)
        for invoice in overdue
        if invoice.due_at is not None and due_cents(invoice) >= CARD_CENTS_MIN
    ]
    level: Step | None = harshest(levels)
    return Restriction.NONE if level is None else Restriction(level.value)


def lift_restriction(tenant_id: int, *, now: datetime) -> bool:
    """True if it was restricted more than what is still overdue calls for. Never
    restricts: that comes with a mail (`dun_invoices`). The caller holds the tenant's
    lock.
    """
    tenant = Tenant.objects.get(pk=tenant_id)
    if tenant.restriction == Restriction.NONE:
        return False
    needed = called_for(tenant_id, now)
    if _ORDER.index(needed) >= _ORDER.index(Restriction(tenant.restriction)):
        return False
    set_restriction(tenant_id=tenant_id, restriction=needed)
    emit_event(
        tenant_id=tenant_id,
        type="tenant.restored" if needed == Restriction.NONE else "tenant.restricted",
        data={"restriction": needed.value},
        now=now,
    )
    return True
