"""Open a tenant: the paying party, with its first project and its owner."""

import secrets
from datetime import datetime

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.module_loading import import_string
from django.utils.text import slugify

from tenants.domain.currency import checked_currency
from tenants.domain.names import NAME_CHARACTERS_MAX, clean_name
from tenants.domain.roles import Role
from tenants.errors import InvalidNameError
from tenants.models import Member, Project, Tenant, User
from tenants.services.note_act import note_act

DEFAULT_PROJECT_NAME = "Default"
_SLUG_STEM_CHARACTERS_MAX = 40
_SLUG_ATTEMPTS = 8


@transaction.atomic
def open_tenant(
    *, name: str, owner: User | None, now: datetime, currency: str | None = None
) -> Tenant:
    """A new tenant with the project "Default"; names may repeat, slugs never do.

    Without an owner nobody but operators sees it. `currency`: of all its money; None:
    settings.DEFAULT_CURRENCY. Raises InvalidNameError and UnknownCurrencyError.
    """
    paid_in = checked_currency(currency or settings.DEFAULT_CURRENCY)
    cleaned = clean_name(name)
    if cleaned is None:
        raise InvalidNameError(
            f"A tenant's name has 1 to {NAME_CHARACTERS_MAX} printable characters."
        )
    tenant = _insert_with_free_slug(cleaned, currency=paid_in, now=now)
    Project.objects.create(tenant=tenant, name=DEFAULT_PROJECT_NAME, created_at=now)
    if owner is not None:
        Member.objects.create(
            tenant=tenant, user=owner, role=Role.OWNER, created_at=now
        )
    note_act("tenant.opened", tenant_id=tenant.pk, about=tenant, words=tenant.name)
    import_string(settings.TENANT_OPENED)(tenant, now)
    return tenant


def _insert_with_free_slug(name: str, *, currency: str, now: datetime) -> Tenant:
    """The unique index decides who gets a slug; the loser takes a suffix.

    Suffixes are random: counting up would need one try for each namesake.
    """
    stem = slugify(name)[:_SLUG_STEM_CHARACTERS_MAX].strip("-") or "tenant"
    slug = stem
    for _ in range(_SLUG_ATTEMPTS):
        try:
            return _insert(name=name, slug=slug, currency=currency, now=now)
        except IntegrityError:
            slug = f"{stem}-{secrets.token_hex(3)}"
    return _insert(name=name, slug=slug, currency=currency, now=now)


def _insert(*, name: str, slug: str, currency: str, now: datetime) -> Tenant:
    with transaction.atomic():
        return Tenant.objects.create(
            name=name,
            slug=slug,
            currency=currency,
            cache_salt=secrets.token_hex(32),
            created_at=now,
        )
