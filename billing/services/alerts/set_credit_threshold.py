"""At what is left of its credit a tenant wants to be told."""

from django.db import transaction

from billing.errors import InvalidAmountError
from billing.models.event_cursors import CreditThreshold
from tenants.domain.amounts import text_of_nanos
from tenants.domain.limits import is_amount
from tenants.models import Tenant
from tenants.services.note_act import note_act


@transaction.atomic
def set_credit_threshold(tenant: Tenant, amount_nanos: int | None) -> None:
    """None: at the usual shares of the last grant alone. Raises InvalidAmountError."""
    if amount_nanos is None:
        CreditThreshold.objects.filter(tenant=tenant).delete()
        _note(tenant, "none")
        return
    if not is_amount(amount_nanos):
        raise InvalidAmountError("A threshold is more than nothing.")
    CreditThreshold.objects.update_or_create(
        tenant=tenant, defaults={"amount_nanos": amount_nanos}
    )
    _note(tenant, text_of_nanos(amount_nanos))


def _note(tenant: Tenant, words: str) -> None:
    note_act("credit.threshold_set", tenant_id=tenant.pk, about=tenant, words=words)
