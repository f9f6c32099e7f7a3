"""The one door of mails: hands them to the mail server, and keeps that it did."""

import logging
from collections.abc import Mapping, Sequence

from django.core.mail import EmailMessage, EmailMultiAlternatives
from django.db import Error, connection

from tenants.domain.mail_kinds import MailKind
from tenants.mail_html import html_of
from tenants.mail_models import ERROR_CHARACTERS_MAX, SentMail

_logger = logging.getLogger(__name__)
_INSERT = """
INSERT INTO tenants_sentmail (tenant_id, kind, recipient, about, error)
VALUES (%s, %s, %s, %s, %s)
"""


def send_mail(
    *,
    kind: MailKind,
    to: Sequence[str],
    subject: str,
    text: str,
    html: str = "",
    tenant_id: int | None = None,
    about: str = "",
    attachments: Sequence[tuple[str, bytes, str]] = (),
    headers: Mapping[str, str] | None = None,
) -> None:
    """One mail to all of `to`, as `hand_over` does. Attached: name, content, type."""
    message = EmailMultiAlternatives(
        subject,
        text,
        to=list(to),
        headers=dict(headers or {}),
        attachments=list(attachments),
    )
    if html:
        message.attach_alternative(html, "text/html")
    hand_over(message, kind=kind, tenant_id=tenant_id, about=about)


def hand_over(
    message: EmailMessage,
    *,
    kind: MailKind,
    tenant_id: int | None = None,
    about: str = "",
) -> None:
    """Keeps a row for each address: of what went, in the caller's transaction; of what
    failed, beside it, since that is mostly rolled back. Raises OSError as Django does.
    """
    message = _with_html(message)
    try:
        message.send()
    except OSError as error:
        said = (str(error) or type(error).__name__)[:ERROR_CHARACTERS_MAX]
        _keep_apart(
            [(tenant_id, kind.value, to, about, said) for to in message.to],
        )
        raise
    SentMail.objects.bulk_create(
        SentMail(tenant_id=tenant_id, kind=kind, recipient=to, about=about)
        for to in message.to
    )


def _with_html(message: EmailMessage) -> EmailMessage:
    if getattr(message, "alternatives", None) or message.content_subtype == "html":
        return message
    both = EmailMultiAlternatives(
        message.subject,
        message.body,
        message.from_email,
        message.to,
        headers=message.extra_headers,
        attachments=message.attachments,
        connection=message.connection,
    )
    both.attach_alternative(
        html_of(str(message.subject), str(message.body)), "text/html"
    )
    return both


def _keep_apart(rows: Sequence[tuple[int | None, str, str, str, str]]) -> None:
    """By a connection of its own; without one the log of the process has to do."""
    apart = connection.copy()
    try:
        with apart.cursor() as cursor:
            cursor.executemany(_INSERT, rows)
    except Error:
        _logger.exception("mails that failed are not in the log: %s", rows)
    finally:
        apart.close()
