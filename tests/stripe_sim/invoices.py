"""Invoices: draft → open → paid, uncollectible or void."""

from tests.stripe_sim.forms import is_true
from tests.stripe_sim.objects import Resource, page
from tests.stripe_sim.payments import (
    confirm,
    create_payment_intent,
    credit_invoice,
    pay_off,
)
from tests.stripe_sim.refusals import invalid
from tests.stripe_sim.store import Store, metadata_of, required

_LINES_AT_ONCE_MAX = 250


def create_invoice(store: Store, params: Resource) -> Resource:
    customer = store.get("customer", required(params, "customer"))
    now = store.clock.now
    invoice = store.add(
        "invoice",
        customer=customer["id"],
        customer_email=customer["email"],
        customer_name=customer["name"],
        status="draft",
        auto_advance=is_true(params.get("auto_advance", "true")),
        collection_method=params.get("collection_method", "charge_automatically"),
        currency=params.get("currency", "usd"),
        description=params.get("description"),
        metadata=metadata_of(params),
        number=params.get("number"),
        period_start=now,
        period_end=now,
        due_date=int(params["due_date"]) if params.get("due_date") else None,
        amount_due=0,
        amount_overpaid=0,
        amount_remaining=0,
        subtotal=0,
        total=0,
    )
    for moment in ("finalized_at", "marked_uncollectible_at", "paid_at", "voided_at"):
        invoice["status_transitions"][moment] = None
    invoice["payment_settings"]["payment_method_options"] = None
    invoice["automatic_tax"]["liability"] = None
    for name in ("lines", "payments"):
        invoice[name] = page(f"/v1/invoices/{invoice['id']}/{name}", [])
    store.emit("invoice.created", invoice)
    return invoice


def create_invoice_item(store: Store, params: Resource) -> Resource:
    customer = store.get("customer", required(params, "customer"))
    invoice = store.get("invoice", required(params, "invoice"))
    _must_be(invoice, "draft")
    amount = int(required(params, "amount"))
    item = store.add(
        "invoiceitem",
        customer=customer["id"],
        invoice=invoice["id"],
        amount=amount,
        currency=params.get("currency", "usd"),
        date=store.clock.now,
        description=params.get("description"),
        metadata=metadata_of(params),
        quantity_decimal="1",
    )
    del item["discounts"]
    _add_line(store, invoice, {**params, "amount": amount})
    return item


def add_lines(store: Store, invoice_id: str, params: Resource) -> Resource:
    invoice = store.get("invoice", invoice_id)
    _must_be(invoice, "draft")
    lines = required(params, "lines")
    if len(lines) > _LINES_AT_ONCE_MAX:
        raise invalid(f"At most {_LINES_AT_ONCE_MAX} lines at once.", param="lines")
    for line in lines:
        _add_line(store, invoice, line)
    return invoice


def _add_line(store: Store, invoice: Resource, params: Resource) -> None:
    amount = int(required(params, "amount"))
    line = store.add(
        "line_item",
        amount=amount,
        subtotal=amount,
        currency=invoice["currency"],
        description=params.get("description"),
        discountable=is_true(params.get("discountable", "true")),
        discounts=[],
        invoice=invoice["id"],
        metadata=metadata_of(params),
        quantity=1,
    )
    invoice["lines"]["data"].append(line)
    _add_up(invoice)


def _add_up(invoice: Resource) -> None:
    total = sum(line["amount"] for line in invoice["lines"]["data"])
    due = max(0, total)
    invoice |= {"subtotal": total, "total": total, "amount_due": due}
    invoice["amount_remaining"] = due


def finalize_invoice(store: Store, invoice_id: str, _params: Resource) -> Resource:
    invoice = store.get("invoice", invoice_id)
    _must_be(invoice, "draft")
    invoice["status"] = "open"
    invoice["status_transitions"]["finalized_at"] = store.clock.now
    invoice["effective_at"] = store.clock.now
    invoice["number"] = invoice["number"] or f"SIM-{invoice_id[-4:]}"
    invoice["hosted_invoice_url"] = f"https://invoice.stripe.com/i/{invoice_id}"
    store.emit("invoice.finalized", invoice)
    if invoice["amount_due"] == 0:
        pay_off(store, invoice, 0)
    return invoice


def pay_invoice(store: Store, invoice_id: str, params: Resource) -> Resource:
    invoice = store.get("invoice", invoice_id)
    _must_be(invoice, "open")
    if is_true(params.get("paid_out_of_band")):
        pay_off(store, invoice, invoice["amount_remaining"])
        return invoice
    method = params.get("payment_method") or _default_method(store, invoice)
    intent = create_payment_intent(
        store,
        {
            "amount": invoice["amount_remaining"],
            "currency": invoice["currency"],
            "customer": invoice["customer"],
            "payment_method": method,
            "metadata": invoice["metadata"],
        },
    )
    attach_intent(store, invoice, intent)
    invoice["attempt_count"] += 1
    invoice["attempted"] = True
    try:
        confirm(store, intent, off_session=True)
    except Exception:
        store.emit("invoice.payment_failed", invoice)
        raise
    return invoice


def _default_method(store: Store, invoice: Resource) -> str:
    customer = store.get("customer", invoice["customer"])
    method = (customer["invoice_settings"] or {}).get("default_payment_method")
    if not method:
        raise invalid("There is no default_payment_method set on this Customer.")
    return str(method)


def attach_payment(store: Store, invoice_id: str, params: Resource) -> Resource:
    """Credits what the intent has paid, or will."""
    invoice = store.get("invoice", invoice_id)
    intent = store.get("payment_intent", required(params, "payment_intent"))
    if intent["id"] in store.attached.get(invoice_id, []):
        raise invalid("This PaymentIntent is already attached to the invoice.")
    _must_be(invoice, "open")
    attach_intent(store, invoice, intent)
    if intent["status"] == "succeeded":
        credit_invoice(store, invoice_id, intent)
    return invoice


def attach_intent(store: Store, invoice: Resource, intent: Resource) -> None:
    store.attached.setdefault(invoice["id"], []).append(intent["id"])
    payment = store.add(
        "invoice_payment",
        invoice=invoice["id"],
        amount_requested=intent["amount"],
        currency=intent["currency"],
        is_default=False,
        payment={"type": "payment_intent", "payment_intent": intent["id"]},
        status="open",
    )
    invoice["payments"]["data"].append(payment)


def void_invoice(store: Store, invoice_id: str, _params: Resource) -> Resource:
    invoice = store.get("invoice", invoice_id)
    _must_be(invoice, "open", "uncollectible")
    return _end(store, invoice, "void", "voided_at", "invoice.voided")


def mark_uncollectible(store: Store, invoice_id: str, _params: Resource) -> Resource:
    invoice = store.get("invoice", invoice_id)
    _must_be(invoice, "open")
    moment, event = "marked_uncollectible_at", "invoice.marked_uncollectible"
    return _end(store, invoice, "uncollectible", moment, event)


def _end(
    store: Store, invoice: Resource, status: str, moment: str, event: str
) -> Resource:
    invoice["status"] = status
    invoice["status_transitions"][moment] = store.clock.now
    store.emit(event, invoice)
    return invoice


def _must_be(invoice: Resource, *statuses: str) -> None:
    if invoice["status"] not in statuses:
        raise invalid(f"This invoice is {invoice['status']}, not {statuses[0]}.")
