"""At what is left of its credit a tenant wants to be told."""

from billing.errors import InvalidAmountError
from billing.models.event_cursors import CreditThreshold
from tenants.domain.limits import is_amount
from tenants.models import Tenant


def set_credit_threshold(tenant: Tenant, amount_nanos: int | None) -> None:
    """None: at the usual shares of the last grant alone. Raises InvalidAmountError."""
    if amount_nanos is None:
        CreditThreshold.objects.filter(tenant=tenant).delete()
        return
    if not is_amount(amount_nanos):
        raise InvalidAmountError("A threshold is more than nothing.")
    CreditThreshold.objects.update_or_create(
        tenant=tenant, defaults={"amount_nanos": amount_nanos}
    )
