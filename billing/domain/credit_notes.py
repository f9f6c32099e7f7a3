"""Taking from the lines of issued invoices: which, how much, and in whole cents."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from billing.domain.money import cents, divided_half_up, nanos


@dataclass(frozen=True, kw_only=True)
class Creditable:
    """A line, less what issued credit notes took from it."""

    line_id: int
    quantity: int
    amount_nanos: int
    amount_cents: int


@dataclass(frozen=True, kw_only=True)
class Taken:
    """From one line."""

    line_id: int
    quantity: int
    amount_nanos: int
    amount_cents: int


def take(
    lines: Iterable[Creditable], *, quantity: int, amount_nanos: int
) -> list[Taken]:
    """So much of the lines, in their order; less if there is not so much."""
    taken = []
    for line in lines:
        amount = min(amount_nanos, line.amount_nanos)
        units = min(quantity, line.quantity)
        amount_nanos -= amount
        quantity -= units
        if amount or units:
            taken.append(_taken(line, quantity=units, amount_nanos=amount))
    return taken


def _taken(line: Creditable, *, quantity: int, amount_nanos: int) -> Taken:
    """In cents it is what the line shrinks by: taken in however many parts, a whole
    line gives back exactly the cents that it cost.
    """
    left = cents(line.amount_nanos - amount_nanos)
    return Taken(
        line_id=line.line_id,
        quantity=quantity,
        amount_nanos=amount_nanos,
        amount_cents=max(0, line.amount_cents - left),
    )


def take_cents(line: Creditable, amount_cents: int) -> Taken:
    """So many cents of the line, which are no more than it has; with the last of them
    what they were rounded from. For goodwill: it takes no quantity, for the use stands.
    """
    is_whole = amount_cents >= line.amount_cents
    return Taken(
        line_id=line.line_id,
        quantity=0,
        amount_nanos=line.amount_nanos if is_whole else nanos(amount_cents),
        amount_cents=min(amount_cents, line.amount_cents),
    )


def share_cents(lines: Sequence[Creditable], amount_cents: int) -> list[Taken]:
    """So many cents, which are no more than the lines have, in proportion to what each
    has; those left by rounding down go to the largest remainders, of equal ones to the
    first.
    """
    left = sum(line.amount_cents for line in lines)
    products = [line.amount_cents * amount_cents for line in lines]
    shares = [product // left if left else 0 for product in products]
    by_remainder = sorted(
        range(len(lines)), key=lambda place: -(products[place] % left if left else 0)
    )
    for place in by_remainder[: amount_cents - sum(shares)]:
        shares[place] += 1
    is_all = amount_cents == left
    taken = [
        take_cents(line, share)
        for line, share in zip(lines, shares, strict=True)
        # What lies below half a cent is let go with the rest alone.
        if share or is_all
    ]
    return [part for part in taken if part.amount_nanos]


@dataclass(frozen=True, kw_only=True)
class Split:
    """Where the total of a credit note goes, in cents."""

    applied: int
    """Less is due."""
    refunded: int
    """Goes back to where it was paid from."""
    credited: int
    """Becomes credit."""


def split_total(total_cents: int, *, due_cents: int, refundable_cents: int) -> Split:
    """First what is still due is lowered. The rest was paid: as far as it was paid with
    money that may go back (`refundable_cents`), it does; else it becomes credit.
    """
    applied = min(total_cents, max(0, due_cents))
    refunded = min(total_cents - applied, max(0, refundable_cents))
    return Split(
        applied=applied,
        refunded=refunded,
        credited=total_cents - applied - refunded,
    )


def tax_taken(*, taken_cents: int, left_cents: int, left_tax_cents: int) -> int:
    """The tax on what is taken from an invoice's lines, of which so much, and such a
    tax, is left; the last part takes the last cent.
    """
    if not left_cents:
        return 0
    return divided_half_up(left_tax_cents * taken_cents, left_cents)
