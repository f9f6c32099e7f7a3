"""What a mail is about, as the log of mails says it."""

import enum


class MailKind(enum.StrEnum):
    CONFIRMATION = "confirmation"
    """Of an e-mail address."""
    PASSWORD = "password"  # noqa: S105  the kind of a mail
    SECURITY = "security"
    """A new sign-in, second factor or address."""
    INVITATION = "invitation"
    BUDGET = "budget"
    CREDIT = "credit"
    RECHARGE = "recharge"
    INVOICE = "invoice"
    CREDIT_NOTE = "credit_note"
    REFUND = "refund"
    DUNNING = "dunning"
    WEBHOOK = "webhook"
    KEY_LEAK = "key_leak"
    SUSPENSION = "suspension"
    OPERATOR = "operator"
    """What staff are told."""


_OF_ACCOUNTS = {
    "email_confirmation": MailKind.CONFIRMATION,
    "account_already_exists": MailKind.CONFIRMATION,
    "password_reset": MailKind.PASSWORD,
    "unknown_account": MailKind.PASSWORD,
}


def kind_of_account_mail(template_prefix: str) -> MailKind:
    """Of those of signing up and in: `account/email/password_reset_key`, say."""
    name = template_prefix.rpartition("/")[2]
    found = (kind for begin, kind in _OF_ACCOUNTS.items() if name.startswith(begin))
    return next(found, MailKind.SECURITY)
