"""Amounts as people write them: `12.50`, `12,50`, `1.234,50`, `1,234.50`."""

import re

_SIGNS = ".,"
_GROUPS = {sign: re.compile(rf"[+-]?\d{{1,3}}(\{sign}\d{{3}})+") for sign in _SIGNS}
_MIGHT_BE_EITHER = re.compile(r"[+-]?[1-9]\d{0,2}[.,]\d{3}")


class AmbiguousAmountError(ValueError):
    """`1.234` where a comma begins the decimals: thousands, or what a program wrote."""


def plain_amount(text: str, *, decimal_sign: str) -> str:
    """With a point before the decimals and nothing between the thousands; what is no
    amount stays as it is. Raises AmbiguousAmountError rather than be wrong by a
    thousand.
    """
    text = text.strip()
    signs = {sign for sign in text if sign in _SIGNS}
    if not signs:
        return text
    last = max(signs, key=text.rfind)
    if len(signs) == 1 and text.count(last) == 1:
        if last != decimal_sign and _MIGHT_BE_EITHER.fullmatch(text):
            raise AmbiguousAmountError(text)
        return text.replace(last, ".")
    whole, decimals = (text, "") if len(signs) == 1 else text.rsplit(last, 1)
    (grouping,) = signs - {last} or {last}
    if not _GROUPS[grouping].fullmatch(whole):
        return text
    return whole.replace(grouping, "") + (f".{decimals}" if decimals else "")
