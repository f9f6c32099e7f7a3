"""The currencies that are sold in: of ISO 4217 those whose unit has a hundred cents.

Money is kept in nanos of a unit and billed in cents, so a currency with other decimals
(JPY has none, KWD has three) would be a hundred times wrong wherever cents are written.
"""

from tenants.errors import UnknownCurrencyError

USD = "USD"
SYMBOLS = {
    "USD": "$",
    "EUR": "€",
    "GBP": "£",
    "CHF": "CHF\N{NO-BREAK SPACE}",
    "CAD": "CA$",
    "AUD": "A$",
    "NZD": "NZ$",
    "SGD": "S$",
    "HKD": "HK$",
    "SEK": "SEK\N{NO-BREAK SPACE}",
    "NOK": "NOK\N{NO-BREAK SPACE}",
    "DKK": "DKK\N{NO-BREAK SPACE}",
    "PLN": "PLN\N{NO-BREAK SPACE}",
    "CZK": "CZK\N{NO-BREAK SPACE}",
    "RON": "RON\N{NO-BREAK SPACE}",
    "ILS": "₪",
    "INR": "₹",
    "BRL": "R$",
    "MXN": "MX$",
    "ZAR": "ZAR\N{NO-BREAK SPACE}",
}
"""By code; written before the amount. No two have the same, not even dollars."""
CURRENCIES = tuple(SYMBOLS)


def checked_currency(code: str) -> str:
    """The code in upper case. Raises UnknownCurrencyError."""
    cleaned = code.strip().upper()
    if cleaned not in SYMBOLS:
        raise UnknownCurrencyError(
            f"{code!r} is not sold in. Those that are have two decimals:"
            f" {', '.join(CURRENCIES)}."
        )
    return cleaned
