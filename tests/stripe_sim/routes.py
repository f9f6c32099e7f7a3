"""Which address is which act."""

import re
from collections.abc import Callable
from typing import Any

from stripe import params
from stripe.params import billing_portal, checkout

from tests.stripe_sim import invoices, payments, setups
from tests.stripe_sim.objects import Resource, page
from tests.stripe_sim.refusals import RefusalError, invalid
from tests.stripe_sim.store import Store

Act = Callable[..., Resource]

_CREATES: dict[str, Act] = {
    "customers": setups.create_customer,
    "setup_intents": setups.create_setup_intent,
    "checkout/sessions": setups.create_checkout_session,
    "billing_portal/sessions": setups.create_portal_session,
    "payment_intents": payments.create_payment_intent,
    "refunds": payments.create_refund,
    "invoices": invoices.create_invoice,
    "invoiceitems": invoices.create_invoice_item,
}
_CHANGES: dict[tuple[str, str], Act] = {
    ("customers", ""): setups.update_customer,
    ("setup_intents", "confirm"): setups.confirm_setup_intent,
    ("payment_methods", "attach"): setups.attach_payment_method,
    ("payment_methods", "detach"): setups.detach_payment_method,
    ("checkout/sessions", "expire"): setups.expire_checkout,
    ("payment_intents", "confirm"): payments.confirm_payment_intent,
    ("payment_intents", "cancel"): payments.cancel_payment_intent,
    ("invoices", "finalize"): invoices.finalize_invoice,
    ("invoices", "add_lines"): invoices.add_lines,
    ("invoices", "pay"): invoices.pay_invoice,
    ("invoices", "attach_payment"): invoices.attach_payment,
    ("invoices", "void"): invoices.void_invoice,
    ("invoices", "mark_uncollectible"): invoices.mark_uncollectible,
}
_KINDS = {
    "customers": "customer",
    "setup_intents": "setup_intent",
    "payment_methods": "payment_method",
    "checkout/sessions": "checkout.session",
    "payment_intents": "payment_intent",
    "refunds": "refund",
    "disputes": "dispute",
    "charges": "charge",
    "invoices": "invoice",
    "invoiceitems": "invoiceitem",
    "invoice_payments": "invoice_payment",
    "events": "event",
}
_FILTERS = ("customer", "invoice", "payment_intent", "type", "status")
_PARAMS: dict[tuple[str, str], Any] = {
    ("customers", "create"): params.CustomerCreateParams,
    ("customers", ""): params.CustomerUpdateParams,
    ("setup_intents", "create"): params.SetupIntentCreateParams,
    ("setup_intents", "confirm"): params.SetupIntentConfirmParams,
    ("checkout/sessions", "create"): checkout.SessionCreateParams,
    ("billing_portal/sessions", "create"): billing_portal.SessionCreateParams,
    ("payment_intents", "create"): params.PaymentIntentCreateParams,
    ("payment_intents", "confirm"): params.PaymentIntentConfirmParams,
    ("refunds", "create"): params.RefundCreateParams,
    ("invoices", "create"): params.InvoiceCreateParams,
    ("invoices", "add_lines"): params.InvoiceAddLinesParams,
    ("invoices", "finalize"): params.InvoiceFinalizeInvoiceParams,
    ("invoices", "pay"): params.InvoicePayParams,
    ("invoices", "attach_payment"): params.InvoiceAttachPaymentParams,
    ("invoiceitems", "create"): params.InvoiceItemCreateParams,
}
_PATH = re.compile(
    r"/v1/(?P<family>checkout/sessions|billing_portal/sessions|\w+)"
    r"(?:/(?P<id>[\w.]+))?(?:/(?P<act>\w+))?$"
)


def answer(store: Store, method: str, path: str, given: Resource) -> Resource:
    """Raises RefusalError."""
    found = _PATH.match(path)
    if found is None:
        raise _unknown(method, path)
    family, object_id, act = found["family"], found["id"], found["act"]
    if method == "GET":
        return _read(store, path, (family, object_id, act), given)
    if method != "POST":
        raise _unknown(method, path)
    if object_id is None and family in _CREATES:
        _check(given, _PARAMS.get((family, "create")))
        return _CREATES[family](store, given)
    if (family, act or "") in _CHANGES:
        _check(given, _PARAMS.get((family, act or "")))
        return _CHANGES[family, act or ""](store, object_id, given)
    raise _unknown(method, path)


def _check(given: Resource, known: Any) -> None:
    """Parameters that the pinned API has no more are refused, as Stripe does."""
    for name in given:
        if known is not None and name not in known.__annotations__:
            raise invalid(
                f"Received unknown parameter: {name}",
                param=name,
                code="parameter_unknown",
            )


def _read(
    store: Store,
    path: str,
    parts: tuple[str, str | None, str | None],
    given: Resource,
) -> Resource:
    family, object_id, act = parts
    if family not in _KINDS:
        raise _unknown("GET", path)
    if object_id is None:
        return _list(path, store.all_of(_KINDS[family]), given)
    if (family, act) == ("invoices", "lines"):
        return _list(path, store.get("invoice", object_id)["lines"]["data"], given)
    if (family, act) == ("customers", "payment_methods"):
        mine = {**given, "customer": object_id}
        return _list(path, store.all_of("payment_method"), mine)
    return _expanded(store, store.get(_KINDS[family], object_id), given)


def _expanded(store: Store, found: Resource, given: Resource) -> Resource:
    """With the objects themselves where `expand` names fields that hold their ids."""
    held = {
        name: store.objects[found[name]]
        for name in given.get("expand") or []
        if isinstance(found.get(name), str)
    }
    return {**found, **held}


def _list(path: str, found: list[Resource], given: Resource) -> Resource:
    for name in _FILTERS:
        if name in given:
            found = [one for one in found if one.get(name) == given[name]]
    after: Any = given.get("starting_after")
    if after:
        ids = [one["id"] for one in found]
        if after not in ids:
            raise invalid(f"No such object: '{after}'", param="starting_after")
        found = found[ids.index(after) + 1 :]
    limit = int(given.get("limit", 10))
    return page(path, found[:limit], has_more=len(found) > limit)


def _unknown(method: str, path: str) -> RefusalError:
    return RefusalError(
        404,
        type="invalid_request_error",
        message=f"Unrecognized request URL ({method}: {path}).",
    )
