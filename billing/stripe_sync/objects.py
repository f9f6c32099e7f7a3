"""Objects of Stripe as plain values."""

from collections.abc import Iterable
from itertools import islice
from typing import Any

import stripe

Plain = dict[str, Any]


def plain(found: stripe.StripeObject) -> Plain:
    return dict(found.to_dict())


def plain_first(found: Iterable[stripe.StripeObject], count: int) -> list[Plain]:
    return [plain(one) for one in islice(found, count)]
