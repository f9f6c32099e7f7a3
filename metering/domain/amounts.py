"""Dollars as text."""


def decimal_amount(amount: int, *, digits: int) -> str:
    """`amount` in 10^-digits of a currency, not negative: an exact decimal without an
    exponent, with cents at least.
    """
    whole, rest = divmod(amount, 10**digits)
    return f"{whole}.{f'{rest:0{digits}d}'.rstrip('0').ljust(2, '0')}"
