"""Issue an API key; the only moment at which its secret exists on our side."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext

from tenants.domain import api_keys
from tenants.domain.names import NAME_CHARACTERS_MAX, clean_name
from tenants.errors import (
    InvalidExpiryError,
    InvalidModelListError,
    InvalidNameError,
    InvalidScopesError,
    PaymentOverdueError,
    ProjectArchivedError,
    TenantSuspendedError,
    TooManyApiKeysError,
)
from tenants.models import ApiKey, Project, RateLimit, Restriction, Tenant, User
from tenants.services.note_act import note_act
from tenants.services.publish_key_policies import (
    publish_key_policies,
    published_api_keys,
)
from tenants.services.set_rate_limits import check_amount
from tenants.wire import KeyScope, LimitKind

DEFAULT_REQUESTS_PER_MINUTE = 600
DEFAULT_TOKENS_PER_MINUTE = 1_000_000
API_KEYS_MAX = 1000
"""Per tenant, counting every key that the snapshot still has to carry."""
ALLOWED_MODELS_MAX = 100


@dataclass(frozen=True, kw_only=True)
class IssuedKey:
    api_key: ApiKey
    secret: str = field(repr=False)
    """Shown once; the database has its digest alone."""


@transaction.atomic
def issue_api_key(
    *,
    project: Project,
    name: str,
    created_by: User | None,
    now: datetime,
    mode: api_keys.Mode = "live",
    expires_at: datetime | None = None,
    allowed_models: Sequence[str] | None = None,
    scopes: Sequence[KeyScope] | None = None,
    requests_per_minute: int | None = DEFAULT_REQUESTS_PER_MINUTE,
    tokens_per_minute: int | None = DEFAULT_TOKENS_PER_MINUTE,
    is_of_playground: bool = False,
) -> IssuedKey:
    """A new key of `project`, known to the data plane within a second of the commit.

    A limit of None means no such limit, `allowed_models` None means all models,
    `scopes` None everything.
    Raises InvalidNameError, InvalidExpiryError, InvalidLimitError,
    InvalidModelListError, InvalidScopesError, TooManyApiKeysError, PaymentOverdueError,
    TenantSuspendedError and ProjectArchivedError.
    """
    models, scope_names = _checked_models(allowed_models), _checked_scopes(scopes)
    if expires_at is not None and expires_at <= now:
        raise InvalidExpiryError(gettext("The expiry must lie in the future."))
    limits = _checked_limits(requests_per_minute, tokens_per_minute)
    _check_room(project.tenant_id, now)
    # Read under the tenant's lock: the caller's row may be older than an archiving.
    if Project.objects.filter(pk=project.pk).exclude(archived_at=None).exists():
        raise ProjectArchivedError(
            gettext("This project is archived: choose another one.")
        )
    secret = api_keys.make(mode)
    api_key = ApiKey.objects.create(
        tenant_id=project.tenant_id,
        project=project,
        name=checked_key_name(name),
        prefix=api_keys.shown_prefix(secret),
        digest=api_keys.digest(secret),
        created_by=created_by,
        created_at=now,
        expires_at=expires_at,
        allowed_models=models,
        scopes=scope_names,
        is_of_playground=is_of_playground,
    )
    RateLimit.objects.bulk_create(
        RateLimit(
            tenant_id=project.tenant_id, api_key=api_key, kind=kind, amount=amount
        )
        for kind, amount in limits.items()
    )
    note_act(
        "api_key.issued",
        tenant_id=project.tenant_id,
        about=api_key,
        words=f"{api_key.name} ({api_key.prefix}…) of the project {project.name}",
    )
    # Robust: with Valkey away the key exists all the same, and the minutely
    # publication makes it known.
    transaction.on_commit(publish_key_policies, robust=True)
    return IssuedKey(api_key=api_key, secret=secret)


def checked_key_name(name: str) -> str:
    cleaned = clean_name(name)
    if cleaned is None:
        raise InvalidNameError(
            gettext(
                "A key's name has 1 to %(NAME_CHARACTERS_MAX)s printable characters."
            )
            % {"NAME_CHARACTERS_MAX": NAME_CHARACTERS_MAX}
        )
    return cleaned


def _checked_models(names: Sequence[str] | None) -> list[str] | None:
    if names is None:
        return None
    unique = sorted(set(names))
    if not unique or len(unique) > ALLOWED_MODELS_MAX:
        raise InvalidModelListError(
            gettext(
                "A list of allowed models names 1 to %(ALLOWED_MODELS_MAX)s models."
            )
            % {"ALLOWED_MODELS_MAX": ALLOWED_MODELS_MAX}
        )
    if any(clean_name(name) != name for name in unique):
        raise InvalidModelListError(
            gettext("A model's name is 1 to 100 characters, no spaces around.")
        )
    return unique


def _checked_scopes(scopes: Sequence[KeyScope] | None) -> list[str] | None:
    """In one order, so that equal keys are told alike."""
    if scopes is None:
        return None
    if not scopes:
        raise InvalidScopesError(
            gettext("A key is for something: choose at least one scope.")
        )
    return [scope.value for scope in KeyScope if scope in scopes]


def _checked_limits(
    requests_per_minute: int | None, tokens_per_minute: int | None
) -> dict[LimitKind, int]:
    """A limit above the tenant's is taken here, and changes nothing: both hold."""
    given = {
        LimitKind.REQUESTS_PER_MINUTE: requests_per_minute,
        LimitKind.TOKENS_PER_MINUTE: tokens_per_minute,
    }
    limits = {kind: amount for kind, amount in given.items() if amount is not None}
    for amount in limits.values():
        check_amount(amount)
    return limits


def _check_room(tenant_id: int, now: datetime) -> None:
    lock_for_new_secret(tenant_id)
    if published_api_keys(now).filter(tenant_id=tenant_id).count() >= API_KEYS_MAX:
        raise TooManyApiKeysError(
            gettext(
                "A tenant has at most %(API_KEYS_MAX)s keys, those revoked within the"
                " last 30 days included."
            )
            % {"API_KEYS_MAX": API_KEYS_MAX}
        )


def lock_for_new_secret(tenant_id: int) -> None:
    """Holds the tenant's row, so that parallel calls count one after the other.

    Raises PaymentOverdueError and TenantSuspendedError.
    """
    tenant = Tenant.objects.select_for_update(no_key=True).get(pk=tenant_id)
    if tenant.suspended_at is not None:
        raise TenantSuspendedError(
            gettext(
                "The operator has suspended this tenant, so no new keys are made. Its"
                " owners were told why by mail."
            )
        )
    if tenant.restriction in {Restriction.NO_NEW_KEYS, Restriction.NO_CALLS}:
        raise PaymentOverdueError(
            gettext(
                "An invoice is overdue, so no new keys are made. Pay it under Billing"
                " in "
                "the portal, and they are again at once."
            )
        )
