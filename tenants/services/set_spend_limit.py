"""Set how much the calls of a key, a project or a tenant may cost per day or month."""

from django.db import transaction

from tenants.domain.amounts import text_of_nanos
from tenants.models import SpendLimit
from tenants.services.note_act import note_act
from tenants.services.publish_key_policies import publish_key_policies
from tenants.services.set_rate_limits import check_amount
from tenants.services.subject import (
    Subject,
    columns_of,
    lock_subject,
    tenant_id_of,
    words_of,
)
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
    note_act(
        "limits.spend_limit_set",
        tenant_id=tenant_id_of(subject),
        about=subject,
        words=f"{text_of_nanos(amount_nanos)} a {period.value}, {words_of(subject)}",
    )
    transaction.on_commit(publish_key_policies, robust=True)
    return True
