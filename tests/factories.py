"""Rows for tests: each function makes one row and whatever it must hang on.

They write rows and publish nothing; a test of a service calls the service.
"""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path

from allauth.account.models import EmailAddress
from django.utils import timezone

from inference.models import Engine, EngineState, ServedModel
from tenants.domain import api_keys
from tenants.domain.currency import USD
from tenants.domain.roles import Role
from tenants.models import (
    ApiKey,
    Budget,
    Member,
    Project,
    RateLimit,
    SpendLimit,
    Tenant,
    User,
)
from tenants.services.subject import Subject, columns_of
from tenants.wire import LimitKind, SpendPeriod

PASSWORD = "correct horse battery staple"

_numbers = count(1)


def make_user(*, email: str | None = None, password: str = PASSWORD, **fields) -> User:
    """A user who may sign in with PASSWORD."""
    email = email or f"user{next(_numbers)}@example.com"
    return User.objects.create_user(email, password, **fields)


def confirm_address(user: User) -> None:
    """As the code of the mail does; signing in by the pages takes that."""
    EmailAddress.objects.create(
        user=user, email=user.email, verified=True, primary=True
    )


def make_tenant(
    *,
    name: str = "Acme",
    slug: str | None = None,
    owner: User | None = None,
    now: datetime | None = None,
    currency: str = USD,
) -> Tenant:
    """A tenant without a project; with `owner` as its owner if one is given."""
    now = now or timezone.now()
    tenant = Tenant.objects.create(
        name=name,
        slug=slug or f"tenant-{next(_numbers)}",
        currency=currency,
        cache_salt=secrets.token_hex(32),
        created_at=now,
    )
    if owner:
        Member.objects.create(
            tenant=tenant, user=owner, role=Role.OWNER, created_at=now
        )
    return tenant


def make_member(*, tenant: Tenant, user: User, role: Role = Role.DEVELOPER) -> Member:
    return Member.objects.create(
        tenant=tenant, user=user, role=role, created_at=timezone.now()
    )


def make_project(*, tenant: Tenant | None = None, name: str = "Default") -> Project:
    tenant = tenant or make_tenant()
    return Project.objects.create(
        tenant=tenant, name=name, created_at=tenant.created_at
    )


def make_api_key(
    *,
    project: Project | None = None,
    name: str = "Test key",
    mode: api_keys.Mode = "live",
    **fields,
) -> tuple[ApiKey, str]:
    """The row and its secret; without limits unless `fields` says otherwise: a rate
    limit is given by its kind, `requests_per_minute=5`.
    """
    project = project or make_project()
    secret = api_keys.make(mode)
    limits = {
        kind: amount
        for kind in LimitKind
        if (amount := fields.pop(kind.value, None)) is not None
    }
    fields.setdefault("created_at", timezone.now())
    api_key = ApiKey.objects.create(
        tenant=project.tenant,
        project=project,
        name=name,
        prefix=api_keys.shown_prefix(secret),
        digest=api_keys.digest(secret),
        **fields,
    )
    for kind, amount in limits.items():
        make_rate_limit(subject=api_key, kind=kind, amount=amount)
    return api_key, secret


def make_rate_limit(
    *,
    subject: Subject,
    kind: LimitKind = LimitKind.REQUESTS_PER_MINUTE,
    amount: int = 60,
    model: str | None = None,
) -> RateLimit:
    return RateLimit.objects.create(
        **columns_of(subject), kind=kind, amount=amount, model=model
    )


def make_spend_limit(
    *,
    subject: Subject,
    period: SpendPeriod = SpendPeriod.MONTH,
    amount_nanos: int = 10_000_000_000,
) -> SpendLimit:
    return SpendLimit.objects.create(
        **columns_of(subject), period=period, amount_nanos=amount_nanos
    )


def make_budget(
    *,
    subject: Subject,
    period: SpendPeriod = SpendPeriod.MONTH,
    amount_nanos: int = 10_000_000_000,
    thresholds_percent: Sequence[int] = (50, 80, 100),
) -> Budget:
    return Budget.objects.create(
        **columns_of(subject),
        period=period,
        amount_nanos=amount_nanos,
        thresholds_percent=list(thresholds_percent),
    )


def make_served_model(
    *,
    name: str = "smollm2-135m-instruct",
    title: str = "SmolLM2 135M Instruct",
    context_tokens: int = 4096,
    is_default: bool = True,
) -> ServedModel:
    return ServedModel.objects.create(
        name=name,
        title=title,
        context_tokens=context_tokens,
        is_default=is_default,
        created_at=timezone.now() - timedelta(days=1),
    )


def make_engine(
    *,
    served_model: ServedModel | None = None,
    name: str | None = None,
    address: str | Path | None = None,
    **fields,
) -> Engine:
    """An engine row; a Path as `address` is the path of a unix socket. Nothing runs
    there unless the test starts it.
    """
    name = name or f"engine-{next(_numbers)}"
    if isinstance(address, Path):
        address = f"unix:{address}"
    fields.setdefault("state", EngineState.READY)
    return Engine.objects.create(
        name=name,
        served_model=served_model or make_served_model(),
        address=address or f"unix:/nonexistent/{name}.sock",
        **fields,
    )
