"""What mails about invoices and credit notes say."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from billing.domain.money import amount_of_cents

TRIES_MAX = 10
_FIRST_PAUSE_SECONDS = 60
_PAUSE_SECONDS_MAX = 6 * 3600


@dataclass(frozen=True, kw_only=True)
class DocumentText:
    subject: str
    text: str


def invoice_mail(
    *,
    number: str,
    currency: str,
    total_cents: int,
    due_cents: int,
    due_at: datetime,
    url: str,
) -> DocumentText:
    asked = "It is paid already: nothing is due."
    if due_cents > 0:
        due = f"{amount_of_cents(due_cents)} {currency}"
        asked = f"Please pay {due} by {due_at:%Y-%m-%d} (UTC)."
    total = f"{amount_of_cents(total_cents)} {currency}"
    return DocumentText(
        subject=f"Invoice {number}",
        text=(
            f"Your invoice {number} over {total} is here.\n\n"
            f"{asked}\n\nThe invoice is attached; its lines, and what became of it,"
            f" are at\n{url}\n"
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
) -> DocumentText:
    parts = [
        (applied_cents, "less is due of the invoice"),
        (credited_cents, "was added to your credit"),
        (refunded_cents, "goes back to where it was paid from"),
    ]
    lines = "".join(
        f"- {amount_of_cents(cents)} {currency}: {where}\n"
        for cents, where in parts
        if cents
    )
    total = f"{amount_of_cents(total_cents)} {currency}"
    return DocumentText(
        subject=f"Credit note {number} for invoice {invoice_number}",
        text=(
            f"Invoice {invoice_number} is lowered by {total}."
            f"\n\nReason: {reason}\n\n{lines}\n"
            f"The credit note is attached, and at\n{url}\n"
        ),
    )


def refund_failed_mail(*, amount: str, of: str, words: str, url: str) -> DocumentText:
    """`amount`: with its currency; `of`: what was given back, in words; `words`: why it
    did not arrive.
    """
    return DocumentText(
        subject=f"A refund of {amount} did not arrive",
        text=(
            f"We sent {amount} back to you ({of}), and it did not arrive. {words}\n\n"
            "The amount is credit of yours now: it pays for calls and invoices, and"
            " does not expire. If you want it paid to another account instead, answer"
            f" this mail.\n\nYour credit:\n{url}\n"
        ),
    )


def refund_failed_staff_mail(
    *, tenant_name: str, amount: str, of: str, words: str, url: str
) -> DocumentText:
    """The same to operators; `url`: of the tenant's credit."""
    return DocumentText(
        subject=f"A refund to {tenant_name} did not arrive",
        text=(
            f"{amount} ({of}) came back. {words}\n\nIt became"
            f" credit of {tenant_name}, and its owners were told so. To pay it"
            " otherwise, withdraw that credit first, then transfer the money:\n"
            f"{url}\n"
        ),
    )


def blocks_mail(blocks: Sequence[tuple[str, str]], *, url: str) -> DocumentText:
    """`blocks`: (tenant's name, reason)."""
    listed = "".join(f"- {name}: {reason}\n" for name, reason in blocks)
    return DocumentText(
        subject=f"{len(blocks)} documents cannot be issued",
        text=(
            "These drafts are due and stay drafts until the reason is gone. They are"
            f" tried again each hour.\n\n{listed}\nAll of them:\n{url}\n"
        ),
    )


def pause_seconds(tries: int) -> int:
    """Before the next try of a mail, after so many (1 or more) in vain."""
    return int(min(_PAUSE_SECONDS_MAX, _FIRST_PAUSE_SECONDS * 2 ** (tries - 1)))
