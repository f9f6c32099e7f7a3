"""Set the rate limits of a key, a project or a tenant."""

from collections.abc import Mapping

from django.db import transaction
from django.utils.translation import gettext

from tenants.domain.limits import AMOUNT_MAX, is_amount
from tenants.domain.names import clean_name
from tenants.errors import InvalidLimitError
from tenants.models import RateLimit, Tenant
from tenants.services.note_act import note_act
from tenants.services.publish_key_policies import publish_key_policies
from tenants.services.subject import (
    Subject,
    columns_of,
    lock_subject,
    tenant_id_of,
    words_of,
)
from tenants.wire import LimitKind

LIMITS_MAX = 50
"""Of one subject: every key of the tenant carries them all in the snapshot."""

LimitName = tuple[LimitKind, str | None]
"""What is limited: the kind, and the model's public name (None: all models)."""


@transaction.atomic
def set_rate_limits(*, subject: Subject, limits: Mapping[LimitName, int]) -> bool:
    """Makes `limits` the subject's rate limits; those not named are gone.

    True if anything changed, and then the data plane is told at commit. Raises
    InvalidLimitError, also for a limit above the one that the whole tenant has: it
    would promise what is not given.
    """
    _check(limits)
    lock_subject(subject)
    if not isinstance(subject, Tenant):
        _check_within_tenant(tenant_id_of(subject), limits)
    columns = columns_of(subject)
    before = read_rate_limits(subject)
    if before == dict(limits):
        return False
    for kind, model in before.keys() - limits.keys():
        RateLimit.objects.filter(**columns, kind=kind, model=model).delete()
    for (kind, model), amount in limits.items():
        if before.get((kind, model)) != amount:
            RateLimit.objects.update_or_create(
                **columns, kind=kind, model=model, defaults={"amount": amount}
            )
    note_act(
        "limits.rate_limits_set",
        tenant_id=tenant_id_of(subject),
        about=subject,
        words=f"{words_of(subject)}: {_in_words(limits)}",
    )
    transaction.on_commit(publish_key_policies, robust=True)
    return True


def _in_words(limits: Mapping[LimitName, int]) -> str:
    told = [
        f"{amount} {kind.value.replace('_', ' ')}{f' of {model}' if model else ''}"
        for (kind, model), amount in limits.items()
    ]
    return ", ".join(told) or "none"


def read_rate_limits(subject: Subject) -> dict[LimitName, int]:
    """The subject's own; not those of its project or tenant."""
    rows = RateLimit.objects.filter(**columns_of(subject)).order_by("pk")
    return {(LimitKind(row.kind), row.model): row.amount for row in rows}


def _check(limits: Mapping[LimitName, int]) -> None:
    if len(limits) > LIMITS_MAX:
        raise InvalidLimitError(
            gettext("There may be %(LIMITS_MAX)s rate limits at most.")
            % {"LIMITS_MAX": LIMITS_MAX}
        )
    for (_, model), amount in limits.items():
        check_amount(amount)
        if model is not None and clean_name(model) != model:
            raise InvalidLimitError(
                gettext("%(model)s is not a model's name.") % {"model": repr(model)}
            )


def check_amount(amount: int) -> None:
    if not is_amount(amount):
        raise InvalidLimitError(
            gettext("A limit lies between 1 and %(AMOUNT_MAX)s.")
            % {"AMOUNT_MAX": AMOUNT_MAX}
        )


def _check_within_tenant(tenant_id: int, limits: Mapping[LimitName, int]) -> None:
    of_tenant = RateLimit.objects.filter(
        tenant_id=tenant_id, project=None, api_key=None
    )
    for row in of_tenant:
        amount = limits.get((LimitKind(row.kind), row.model), 0)
        if amount > row.amount:
            kind = row.kind.replace("_", " ")
            raise InvalidLimitError(
                f"The whole tenant has at most {row.amount:,} {kind}."
            )
