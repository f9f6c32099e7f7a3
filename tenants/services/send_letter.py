"""Send a letter to each of its readers in their language."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from django.conf import settings
from django.utils import translation
from django.utils.dateformat import format as format_date
from django.utils.formats import get_format
from django.utils.translation import gettext, pgettext

from tenants.domain.letters import Letter, Value
from tenants.domain.mail_kinds import MailKind
from tenants.models import User
from tenants.services.send_mail import send_mail


def send_letter(
    *,
    kind: MailKind,
    to: Sequence[str],
    letter: Letter,
    language: str = "",
    tenant_id: int | None = None,
    about: str = "",
    attachments: Sequence[tuple[str, bytes, str]] = (),
    headers: Mapping[str, str] | None = None,
) -> None:
    """`language`: of those who have no account, or chose none. As `send_mail` else."""
    for code, addresses in _by_language(to, language).items():
        with translation.override(code):
            subject, text = letter.said(gettext, write)
            send_mail(
                kind=kind,
                to=addresses,
                subject=subject,
                text=text,
                tenant_id=tenant_id,
                about=about,
                attachments=attachments,
                headers=headers,
            )


def _by_language(to: Sequence[str], otherwise: str) -> dict[str, list[str]]:
    known = User.objects.filter(email__in=[one.lower() for one in to])
    chosen = dict(known.values_list("email", "language"))
    found: dict[str, list[str]] = {}
    for address in to:
        code = chosen.get(address.lower()) or otherwise or settings.LANGUAGE_CODE
        found.setdefault(code, []).append(address)
    return found


def write(value: Value) -> str:
    """As the language that is spoken now writes it."""
    if isinstance(value, datetime):
        return format_date(value, pgettext("date", "j F Y"))
    if not isinstance(value, Decimal):
        return str(value)
    whole, _, decimals = f"{value:,f}".partition(".")
    whole = whole.replace(",", get_format("THOUSAND_SEPARATOR", use_l10n=True))
    return f"{whole}{get_format('DECIMAL_SEPARATOR', use_l10n=True)}{decimals}"
