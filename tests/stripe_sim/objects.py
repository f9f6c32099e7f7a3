"""Objects as Stripe returns them, seeded from its published examples.

An example fills optional fields with something of each type; here these are null until
a simulated act sets them, so that nothing is said that did not happen.
"""

import copy
import json
import typing
from functools import cache
from pathlib import Path
from typing import Any

import stripe
from stripe import billing_portal, checkout

Resource = dict[str, Any]

CLASSES: dict[str, type[stripe.StripeObject]] = {
    "billing_portal.session": billing_portal.Session,
    "charge": stripe.Charge,
    "checkout.session": checkout.Session,
    "customer": stripe.Customer,
    "dispute": stripe.Dispute,
    "event": stripe.Event,
    "invoice": stripe.Invoice,
    "invoice_payment": stripe.InvoicePayment,
    "invoiceitem": stripe.InvoiceItem,
    "line_item": stripe.InvoiceLineItem,
    "payment_intent": stripe.PaymentIntent,
    "payment_method": stripe.PaymentMethod,
    "refund": stripe.Refund,
    "setup_intent": stripe.SetupIntent,
}
PREFIXES = {
    "billing_portal.session": "bps",
    "charge": "ch",
    "checkout.session": "cs_test",
    "customer": "cus",
    "dispute": "dp",
    "event": "evt",
    "invoice": "in",
    "invoice_payment": "inpay",
    "invoiceitem": "ii",
    "line_item": "il",
    "payment_intent": "pi",
    "payment_method": "pm",
    "refund": "re",
    "setup_intent": "seti",
}
_EXAMPLES = Path(__file__).parent.parent / "data" / "stripe" / "resources.json"


@cache
def _examples() -> dict[str, Resource]:
    loaded: dict[str, Resource] = json.loads(_EXAMPLES.read_text())
    return loaded


def example(kind: str) -> Resource:
    return copy.deepcopy(_examples()[kind])


@cache
def _template(kind: str) -> Resource:
    fields = CLASSES[kind].__annotations__
    return {
        name: None if _is_optional(fields[name]) else value
        for name, value in _examples()[kind].items()
        if name in fields
    }


def _is_optional(annotation: Any) -> bool:
    return type(None) in typing.get_args(annotation)


def make(kind: str, **fields: Any) -> Resource:
    """Raises KeyError for a field that the pinned SDK does not know."""
    for name in fields:
        CLASSES[kind].__annotations__[name]
    return {**copy.deepcopy(_template(kind)), "livemode": False, **fields}


def page(url: str, data: list[Resource], *, has_more: bool = False) -> Resource:
    """A list as Stripe sends it."""
    return {"object": "list", "url": url, "has_more": has_more, "data": data}
