"""What mails about invoices and credit notes say."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from billing.domain.money import decimal_of_document
from tenants.domain.letters import Letter, Text, gettext_noop

TRIES_MAX = 10
_FIRST_PAUSE_SECONDS = 60
_PAUSE_SECONDS_MAX = 6 * 3600


def invoice_mail(
    *,
    number: str,
    currency: str,
    total_cents: int,
    due_cents: int,
    due_at: datetime,
    url: str,
) -> Letter:
    asked = gettext_noop("It is paid already: nothing is due.")
    if due_cents > 0:
        asked = gettext_noop(
            "Please pay %(due)s %(currency)s by %(day)s (UTC).",
            due=decimal_of_document(due_cents),
            currency=currency,
            day=due_at,
        )
    return Letter(
        subject=gettext_noop("Invoice %(number)s", number=number),
        paragraphs=(
            gettext_noop(
                "Your invoice %(number)s over %(total)s %(currency)s is here.",
                number=number,
                total=decimal_of_document(total_cents),
                currency=currency,
            ),
            asked,
            gettext_noop(
                "The invoice is attached; its lines, and what became of it, are here:"
            ),
            url,
        ),
    )


def credit_note_mail(
    *,
    number: str,
    invoice_number: str,
    currency: str,
    total_cents: int,
    applied_cents: int,
    credited_cents: int,
    refunded_cents: int,
    reason: str,
    url: str,
) -> Letter:
    parts = [
        (applied_cents, gettext_noop("less is due of the invoice")),
        (credited_cents, gettext_noop("was added to your credit")),
        (refunded_cents, gettext_noop("goes back to where it was paid from")),
    ]
    return Letter(
        subject=gettext_noop(
            "Credit note %(number)s for invoice %(invoice)s",
            number=number,
            invoice=invoice_number,
        ),
        paragraphs=(
            gettext_noop(
                "Invoice %(invoice)s is lowered by %(total)s %(currency)s.",
                invoice=invoice_number,
                total=decimal_of_document(total_cents),
                currency=currency,
            ),
            gettext_noop("Reason: %(reason)s", reason=reason),
            *(
                gettext_noop(
                    "- %(amount)s %(currency)s: %(where)s",
                    amount=decimal_of_document(cents),
                    currency=currency,
                    where=where,
                )
                for cents, where in parts
                if cents
            ),
            gettext_noop("The credit note is attached, and here:"),
            url,
        ),
    )


def refund_failed_mail(
    *, amount: Decimal, currency: str, of: Text, words: str, url: str
) -> Letter:
    """`of`: what was given back; `words`: why it did not arrive."""
    return Letter(
        subject=gettext_noop(
            "A refund of %(amount)s %(currency)s did not arrive",
            amount=amount,
            currency=currency,
        ),
        paragraphs=(
            gettext_noop(
                "We sent %(amount)s %(currency)s back to you (%(of)s), and it did not"
                " arrive.",
                amount=amount,
                currency=currency,
                of=of,
            ),
            Text(words, {}),
            gettext_noop(
                "The amount is credit of yours now: it pays for calls and invoices, and"
                " does not expire. If you want it paid to another account instead,"
                " answer this mail."
            ),
            gettext_noop("Your credit:"),
            url,
        ),
    )


def refund_failed_staff_mail(
    *, tenant_name: str, amount: Decimal, currency: str, of: Text, words: str, url: str
) -> Letter:
    """The same to operators; `url`: of the tenant's credit."""
    return Letter(
        subject=gettext_noop(
            "A refund to %(tenant)s did not arrive", tenant=tenant_name
        ),
        paragraphs=(
            gettext_noop(
                "%(amount)s %(currency)s (%(of)s) came back.",
                amount=amount,
                currency=currency,
                of=of,
            ),
            Text(words, {}),
            gettext_noop(
                "It became credit of %(tenant)s, and its owners were told so. To pay it"
                " otherwise, withdraw that credit first, then transfer the money:",
                tenant=tenant_name,
            ),
            url,
        ),
    )


def blocks_mail(blocks: Sequence[tuple[str, str]], *, url: str) -> Letter:
    """`blocks`: (tenant's name, reason)."""
    return Letter(
        subject=gettext_noop("%(count)s documents cannot be issued", count=len(blocks)),
        paragraphs=(
            gettext_noop(
                "These drafts are due and stay drafts until the reason is gone. They"
                " are tried again each hour."
            ),
            "\n".join(f"- {name}: {reason}" for name, reason in blocks),
            gettext_noop("All of them:"),
            url,
        ),
    )


def pause_seconds(tries: int) -> int:
    """Before the next try of a mail, after so many (1 or more) in vain."""
    return int(min(_PAUSE_SECONDS_MAX, _FIRST_PAUSE_SECONDS * 2 ** (tries - 1)))
