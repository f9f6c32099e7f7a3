"""A key was found where it does not belong: end it, and tell its owners."""

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from tenants.domain import api_keys
from tenants.domain.key_leak_mail import key_leak_mail
from tenants.domain.letters import Text, gettext_noop
from tenants.domain.mail_kinds import MailKind
from tenants.models import ApiKey, LeakResponse, Tenant
from tenants.services.find_owner_addresses import find_owner_addresses
from tenants.services.note_act import note_act
from tenants.services.publish_key_policies import publish_key_policies
from tenants.services.send_letter import send_letter

DISABLED_FOR = timedelta(days=30)
"""So long a disabled key may be taken back."""
WHERE_CHARACTERS_MAX = 200
_logger = logging.getLogger(__name__)


def report_leaked_key(secret: str, *, where: str, now: datetime) -> bool:
    """Whoever holds the secret may report it: that is the proof. `where` is what they
    say of the place, for people to read.

    True if it ended a key; False for anything else, which nobody but us may learn.
    """
    if not api_keys.is_well_formed(secret):
        return False
    rows = ApiKey.objects.select_related("tenant")
    found = rows.filter(digest=api_keys.digest(secret)).first()
    place = _printable(where) or gettext_noop("not said where")
    return found is not None and _end(found, where=place, now=now)


def confess_leaked_key(*, api_key: ApiKey, email: str, now: datetime) -> bool:
    """A member says so themselves: revoked for good, whatever the tenant has set."""
    where = gettext_noop("reported by %(email)s", email=email)
    return _end(api_key, where=where, now=now, is_final=True)


def _end(
    api_key: ApiKey, *, where: Text | str, now: datetime, is_final: bool = False
) -> bool:
    tenant = api_key.tenant
    is_disabled = not is_final and tenant.on_leak == LeakResponse.DISABLE
    with transaction.atomic():
        ended = ApiKey.objects.filter(pk=api_key.pk, revoked_at__isnull=True).update(
            revoked_at=now, restorable_until=now + DISABLED_FOR if is_disabled else None
        )
        first = ApiKey.objects.filter(pk=api_key.pk, leaked_at__isnull=True)
        is_first = first.update(leaked_at=now)
        if is_final or not is_disabled:
            # One that somebody revoked by themselves cannot come back either.
            ApiKey.objects.filter(pk=api_key.pk).update(restorable_until=None)
        if ended or is_first:
            done = "disabled" if is_disabled else "revoked"
            note_act(
                "api_key.leaked",
                tenant_id=tenant.pk,
                about=api_key,
                words=f"{api_key.name} ({api_key.prefix}…), {done}; found: {where}",
            )
        transaction.on_commit(publish_key_policies, robust=True)
    if ended:
        _tell(api_key, tenant, where, is_disabled=is_disabled)
    return bool(ended)


def _printable(where: str) -> str:
    plain = "".join(one if one.isprintable() else " " for one in where).strip()
    return plain[:WHERE_CHARACTERS_MAX]


def _tell(
    api_key: ApiKey, tenant: Tenant, where: Text | str, *, is_disabled: bool
) -> None:
    """Outside of the transaction: the key is ended whether or not mail goes."""
    addresses = find_owner_addresses(tenant)
    maker = api_key.created_by.email if api_key.created_by else None
    is_member = tenant.members.filter(user=api_key.created_by).exists()
    if maker and is_member and maker not in addresses:
        addresses.append(maker)
    if not addresses:
        return
    mail = key_leak_mail(
        tenant_name=tenant.name,
        key=f"{api_key.name} ({api_key.prefix}…)",
        where=where,
        is_disabled=is_disabled,
        url=f"{settings.PORTAL_URL}/keys/{api_key.pk}/",
    )
    try:
        send_letter(
            kind=MailKind.KEY_LEAK,
            to=addresses,
            letter=mail,
            tenant_id=tenant.pk,
            about=api_key.prefix,
        )
    except OSError:
        _logger.exception("no mail about a leaked key to the owners of %s", tenant)
