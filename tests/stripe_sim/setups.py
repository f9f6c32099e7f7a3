"""Customers and their cards: attached, set up, or by Stripe's hosted pages."""

from tests.stripe_sim.forms import is_true
from tests.stripe_sim.objects import Resource
from tests.stripe_sim.payments import confirm, create_payment_intent, end_checkout
from tests.stripe_sim.refusals import card_error, invalid
from tests.stripe_sim.store import Store, attach, metadata_of, required

_SESSION_SECONDS = 86_400


def create_customer(store: Store, params: Resource) -> Resource:
    customer = store.add(
        "customer",
        name=params.get("name"),
        email=params.get("email"),
        description=params.get("description"),
        metadata=metadata_of(params),
        balance=0,
        invoice_settings={
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
    )
    store.emit("customer.created", customer)
    return customer


def update_customer(store: Store, customer_id: str, params: Resource) -> Resource:
    customer = store.get("customer", customer_id)
    for name in ("name", "email", "description"):
        customer[name] = params.get(name, customer[name])
    settings = params.get("invoice_settings") or {}
    if method := settings.get("default_payment_method"):
        if store.get("payment_method", method)["customer"] != customer_id:
            raise invalid("The customer does not have that payment method.")
        customer["invoice_settings"] = {
            **customer["invoice_settings"],
            "default_payment_method": method,
        }
    store.emit("customer.updated", customer)
    return customer


def attach_payment_method(store: Store, method_id: str, params: Resource) -> Resource:
    method = store.payment_method(method_id)
    attach(store, method, required(params, "customer"))
    return method


def detach_payment_method(store: Store, method_id: str, _params: Resource) -> Resource:
    method = store.get("payment_method", method_id)
    if not method["customer"]:
        raise invalid("The payment method is not attached to a customer.")
    method["customer"] = None
    store.emit("payment_method.detached", method)
    return method


def create_setup_intent(store: Store, params: Resource) -> Resource:
    intent = store.add(
        "setup_intent",
        customer=params.get("customer"),
        metadata=metadata_of(params),
        status="requires_payment_method",
        usage=params.get("usage", "off_session"),
    )
    intent["client_secret"] = f"{intent['id']}_secret_sim"
    store.emit("setup_intent.created", intent)
    if is_true(params.get("confirm")):
        confirm_setup(store, intent, required(params, "payment_method"))
    return intent


def confirm_setup_intent(store: Store, intent_id: str, params: Resource) -> Resource:
    intent = store.get("setup_intent", intent_id)
    confirm_setup(store, intent, required(params, "payment_method"))
    return intent


def confirm_setup(store: Store, intent: Resource, named: str) -> None:
    method = store.payment_method(named)
    if store.behaviours[method["id"]].decline == ("expired_card", None):
        store.emit("setup_intent.setup_failed", intent)
        raise card_error("expired_card", decline_code=None)
    if intent["customer"]:
        attach(store, method, intent["customer"])
    intent |= {"payment_method": method["id"], "status": "succeeded"}
    store.emit("setup_intent.succeeded", intent)


def create_checkout_session(store: Store, params: Resource) -> Resource:
    mode = required(params, "mode")
    if mode not in {"setup", "payment"}:
        raise invalid("The simulator knows the modes setup and payment.", param="mode")
    session = store.add(
        "checkout.session",
        mode=mode,
        customer=params.get("customer"),
        client_reference_id=params.get("client_reference_id"),
        currency=params.get("currency"),
        metadata=metadata_of(params),
        success_url=required(params, "success_url"),
        cancel_url=params.get("cancel_url"),
        expires_at=store.clock.now + _SESSION_SECONDS,
        status="open",
        payment_status="no_payment_required" if mode == "setup" else "unpaid",
    )
    session["url"] = f"https://checkout.stripe.com/c/pay/{session['id']}"
    custom = ("after_submit", "shipping_address", "submit")
    session["custom_text"] = dict.fromkeys(
        (*custom, "terms_of_service_acceptance"), None
    )
    if mode == "setup":
        made = create_setup_intent(
            store,
            {
                "customer": session["customer"],
                "metadata": metadata_of(params.get("setup_intent_data") or {}),
            },
        )
        session["setup_intent"] = made["id"]
    else:
        _promise_payment(store, session, params)
    return session


def _promise_payment(store: Store, session: Resource, params: Resource) -> None:
    """Stripe makes the intent when the person pays, not before."""
    lines = required(params, "line_items")
    amount = sum(
        int(line["price_data"]["unit_amount"]) * int(line.get("quantity", 1))
        for line in lines
    )
    currency = lines[0]["price_data"]["currency"]
    data = params.get("payment_intent_data") or {}
    store.promised[session["id"]] = {
        **data,
        "amount": amount,
        "currency": currency,
        "customer": session["customer"],
    }
    session |= {"amount_subtotal": amount, "amount_total": amount, "currency": currency}


def complete_checkout(store: Store, session_id: str, named: str) -> None:
    """The person types a card on Stripe's page, and may try another if it is declined.
    Raises the card error that the page shows.
    """
    session = store.get("checkout.session", session_id)
    if session["status"] != "open":
        raise invalid(f"This Checkout Session is {session['status']}.")
    if session["mode"] == "setup":
        intent = store.get("setup_intent", session["setup_intent"])
        confirm_setup(store, intent, named)
        end_checkout(store, session, payment_status="no_payment_required")
        return
    if session["payment_intent"] is None:
        made = create_payment_intent(store, store.promised[session_id])
        session["payment_intent"] = made["id"]
    intent = store.get("payment_intent", session["payment_intent"])
    intent["payment_method"] = store.payment_method(named)["id"]
    confirm(store, intent, off_session=False)
    if intent["status"] == "processing":
        end_checkout(store, session, payment_status="unpaid")


def expire_checkout(store: Store, session_id: str, _params: Resource) -> Resource:
    session = store.get("checkout.session", session_id)
    if session["status"] != "open":
        raise invalid(f"This Checkout Session is {session['status']}.")
    session |= {"status": "expired", "url": None}
    store.emit("checkout.session.expired", session)
    return session


def create_portal_session(store: Store, params: Resource) -> Resource:
    session = store.add(
        "billing_portal.session",
        customer=store.get("customer", required(params, "customer"))["id"],
        return_url=params.get("return_url"),
    )
    session["url"] = f"https://billing.stripe.com/p/session/{session['id']}"
    return session
