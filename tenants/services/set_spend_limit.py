"""Set how much the calls of a key, a project or a tenant may cost per day or month."""

from django.db import transaction

from tenants.models import SpendLimit
from tenants.services.publish_key_policies import publish_key_policies
from tenants.services.set_rate_limits import check_amount
from tenants.services.subject import Subject, columns_of, lock_subject
from tenants.wire import SpendPeriod


@transaction.atomic
def set_spend_limit(
    *, subject: Subject, period: SpendPeriod, amount_nanos: int
) -> bool:
    """True if it changed anything, and then the data plane is told at commit.

    Raises InvalidLimitError.
    """
    check_amount(amount_nanos)
    lock_subject(subject)
    row = SpendLimit.objects.filter(**columns_of(subject), period=period).first()
    if row and row.amount_nanos == amount_nanos:
        return False
    SpendLimit.objects.update_or_create(
        **columns_of(subject),
        period=period,
        defaults={"amount_nanos": amount_nanos},
    )
    transaction.on_commit(publish_key_policies, robust=True)
    return True
