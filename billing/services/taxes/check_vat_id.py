"""VAT ids: their form and check digits.

Whether one is registered, and to whom, only the European Commission's service (VIES)
knows. It is not asked, since an invoice would wait for registers of 27 countries; the
operator asks it by hand where it matters.
"""

import re

from stdnum.eu import vat
from stdnum.exceptions import ValidationError

from billing.domain.taxes import EU_COUNTRIES
from billing.errors import InvalidVatIdError

_PREFIXES = {"GR": "EL"}
"""Countries whose VAT ids begin with other letters than the country's."""
_ELSEWHERE = re.compile(r"[A-Z0-9][A-Z0-9./-]{1,19}")


def check_vat_id(text: str, *, country: str) -> str:
    """As it is printed, with its prefix: `de 136 695 976` is `DE136695976`.

    Of countries outside the EU only the form is looked at. Raises InvalidVatIdError.
    """
    compact = re.sub(r"\s", "", text).upper()
    if country in EU_COUNTRIES:
        return _checked_eu(compact, text, country=country)
    if not _ELSEWHERE.fullmatch(compact):
        raise InvalidVatIdError(
            f"{text!r} is not a tax id: 2 to 20 letters, digits, dots, dashes, slashes"
        )
    return compact


def _checked_eu(compact: str, text: str, *, country: str) -> str:
    prefix = _PREFIXES.get(country, country)
    number = compact.removeprefix(prefix).removeprefix(country)
    try:
        return vat.validate(prefix + number)
    except ValidationError:
        raise InvalidVatIdError(
            f"{text!r} is not a VAT id of {country}: it begins with {prefix}, and one"
            " mistyped digit makes it invalid"
        ) from None
