"""Give a tenant prepaid credit."""

from datetime import datetime

from django.db import transaction

from billing.domain.postings import TransactionKind, credit_granted
from billing.errors import IdempotencyKeyReusedError, InvalidAmountError
from billing.models.credit import CreditGrant
from billing.services.lock_tenant import lock_tenant
from billing.services.post_transaction import post_transaction
from billing.services.publish_credit import publish_credit
from tenants.domain.limits import is_amount
from tenants.models import Tenant

REASON_CHARACTERS_MAX = 200
IDEMPOTENCY_KEY_CHARACTERS_MAX = 70


@transaction.atomic
def grant_credit(
    *,
    tenant: Tenant,
    amount_nano_usd: int,
    reason: str,
    idempotency_key: str,
    now: datetime,
) -> CreditGrant:
    """The grant, booked once however often it is asked for with the same key; the data
    plane counts with it within seconds of the commit.

    Raises InvalidAmountError, and IdempotencyKeyReusedError when the key names a grant
    of another amount or for another reason.
    """
    _check(amount_nano_usd, reason, idempotency_key)
    lock_tenant(tenant.pk)
    grant = CreditGrant.objects.filter(
        tenant=tenant, idempotency_key=idempotency_key
    ).first()
    if grant is None:
        grant = _book(tenant, amount_nano_usd, reason, idempotency_key, now)
    elif (grant.amount_nano_usd, grant.reason) != (amount_nano_usd, reason):
        raise IdempotencyKeyReusedError(
            f"{idempotency_key!r} names a grant of another amount or reason."
        )
    # Also the second time: the first publication may be what did not get through.
    transaction.on_commit(lambda: publish_credit(tenant.pk), robust=True)
    return grant


def _check(amount_nano_usd: int, reason: str, idempotency_key: str) -> None:
    if not is_amount(amount_nano_usd):
        raise InvalidAmountError("Credit is more than nothing.")
    if not 0 < len(reason) <= REASON_CHARACTERS_MAX:
        raise InvalidAmountError(
            f"A reason has 1 to {REASON_CHARACTERS_MAX} characters."
        )
    if not 0 < len(idempotency_key) <= IDEMPOTENCY_KEY_CHARACTERS_MAX:
        raise InvalidAmountError(
            f"A key has 1 to {IDEMPOTENCY_KEY_CHARACTERS_MAX} characters."
        )


def _book(
    tenant: Tenant,
    amount_nano_usd: int,
    reason: str,
    idempotency_key: str,
    now: datetime,
) -> CreditGrant:
    booked = post_transaction(
        credit_granted(amount_nano_usd),
        tenant_id=tenant.pk,
        kind=TransactionKind.CREDIT_GRANTED,
        reference=f"credit:{tenant.pk}:{idempotency_key}",
        booked_at=now,
    )
    assert booked is not None  # noqa: S101  more than nothing is booked
    return CreditGrant.objects.create(
        tenant=tenant,
        transaction=booked,
        idempotency_key=idempotency_key,
        amount_nano_usd=amount_nano_usd,
        reason=reason,
        granted_at=now,
    )
