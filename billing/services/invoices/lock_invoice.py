"""An invoice, while nobody else works on its tenant's."""

from django.utils.translation import gettext

from billing.errors import InvoiceNotFoundError
from billing.models.invoices import Invoice
from billing.services.ledger.lock_tenant import lock_tenant


def lock_invoice(invoice_id: int) -> Invoice:
    """As it is once the tenant's lock is held. Raises InvoiceNotFoundError and what
    `lock_tenant` raises.
    """
    tenant_ids = Invoice.objects.filter(pk=invoice_id).values_list("tenant_id")
    if found := tenant_ids.first():
        lock_tenant(found[0])
        if invoice := Invoice.objects.filter(pk=invoice_id).first():
            return invoice
    raise InvoiceNotFoundError(
        gettext("There is no invoice %(invoice_id)s.") % {"invoice_id": invoice_id}
    )
