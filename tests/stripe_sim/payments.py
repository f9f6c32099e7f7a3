"""Payment intents, what pays by them, refunds and disputes."""

from typing import Any

from tests.stripe_sim.forms import is_true
from tests.stripe_sim.objects import Resource
from tests.stripe_sim.refusals import card_error, card_problem, invalid
from tests.stripe_sim.store import Store, attach, metadata_of, required

_CENTS_MIN = 50
"""The least that may be charged in US dollars."""


def create_payment_intent(store: Store, params: Resource) -> Resource:
    amount = int(required(params, "amount"))
    if amount < _CENTS_MIN:
        raise invalid("Amount must be at least $0.50 usd", code="amount_too_small")
    intent = store.add(
        "payment_intent",
        amount=amount,
        currency=required(params, "currency"),
        customer=params.get("customer"),
        description=params.get("description"),
        metadata=metadata_of(params),
        status="requires_payment_method",
        payment_method_types=["card"],
        setup_future_usage=params.get("setup_future_usage"),
    )
    intent["client_secret"] = f"{intent['id']}_secret_sim"
    store.emit("payment_intent.created", intent)
    if method := params.get("payment_method"):
        intent["payment_method"] = store.payment_method(method)["id"]
        intent["status"] = "requires_confirmation"
    if is_true(params.get("confirm")):
        confirm(store, intent, off_session=is_true(params.get("off_session")))
    return intent


def confirm_payment_intent(store: Store, intent_id: str, params: Resource) -> Resource:
    intent = store.get("payment_intent", intent_id)
    if intent["status"] in {"succeeded", "canceled", "processing"}:
        raise _unexpected(intent)
    if method := params.get("payment_method"):
        intent["payment_method"] = store.payment_method(method)["id"]
    confirm(store, intent, off_session=is_true(params.get("off_session")))
    return intent


def cancel_payment_intent(store: Store, intent_id: str, params: Resource) -> Resource:
    intent = store.get("payment_intent", intent_id)
    if intent["status"] in {"succeeded", "canceled", "processing"}:
        raise _unexpected(intent)
    intent |= {
        "status": "canceled",
        "canceled_at": store.clock.now,
        "cancellation_reason": params.get("cancellation_reason"),
        "next_action": None,
    }
    store.emit("payment_intent.canceled", intent)
    return intent


def confirm(store: Store, intent: Resource, *, off_session: bool) -> None:
    """Raises the card error that Stripe would answer with."""
    method = store.get("payment_method", intent["payment_method"] or "")
    if intent["customer"] and method["customer"] not in {None, intent["customer"]}:
        raise invalid("The payment method belongs to another customer.")
    behaviour = store.behaviours[method["id"]]
    if behaviour.decline:
        raise _declined(store, intent, *behaviour.decline)
    if behaviour.needs_authentication:
        if off_session:
            code = "authentication_required"
            raise _declined(store, intent, code, code)
        _ask_for_authentication(store, intent)
    elif behaviour.is_late:
        intent["status"] = "processing"
        store.emit("payment_intent.processing", intent)
    else:
        succeed(store, intent)


def _ask_for_authentication(store: Store, intent: Resource) -> None:
    intent["status"] = "requires_action"
    intent["next_action"] = {
        "type": "redirect_to_url",
        "redirect_to_url": {
            "url": f"https://hooks.stripe.com/3d_secure/{intent['id']}",
            "return_url": None,
        },
    }
    store.emit("payment_intent.requires_action", intent)


def authenticate(store: Store, intent_id: str, *, is_right: bool) -> None:
    """The person answers the bank's question."""
    intent = store.get("payment_intent", intent_id)
    if intent["status"] != "requires_action":
        raise _unexpected(intent)
    if is_right:
        succeed(store, intent)
    else:
        fail(store, intent, "authentication_required", None)


def settle(store: Store, intent_id: str, *, is_paid: bool) -> None:
    """What was processing ends, hours later."""
    intent = store.get("payment_intent", intent_id)
    if intent["status"] != "processing":
        raise _unexpected(intent)
    if is_paid:
        succeed(store, intent)
    else:
        fail(store, intent, "processing_error", None)


def succeed(store: Store, intent: Resource) -> None:
    charge = _charge(store, intent, status="succeeded")
    intent |= {
        "status": "succeeded",
        "amount_received": intent["amount"],
        "latest_charge": charge["id"],
        "next_action": None,
        "last_payment_error": None,
    }
    method = store.get("payment_method", intent["payment_method"])
    if intent["setup_future_usage"] and intent["customer"]:
        attach(store, method, intent["customer"])
    store.emit("charge.succeeded", charge)
    store.emit("payment_intent.succeeded", intent)
    for session in store.all_of("checkout.session"):
        if session["payment_intent"] == intent["id"] and session["status"] == "open":
            end_checkout(store, session, payment_status="paid")
    for invoice_id, intents in store.attached.items():
        if intent["id"] in intents:
            credit_invoice(store, invoice_id, intent)
    if store.behaviours[method["id"]].is_disputed:
        open_dispute(store, charge)


def end_checkout(store: Store, session: Resource, *, payment_status: str) -> None:
    session |= {"status": "complete", "payment_status": payment_status, "url": None}
    store.emit("checkout.session.completed", session)


def fail(
    store: Store, intent: Resource, code: str, decline_code: str | None
) -> Resource:
    """The error, as `last_payment_error` has it."""
    method = store.get("payment_method", intent["payment_method"])
    charge = _charge(store, intent, status="failed", failure_code=code)
    problem = {**card_problem(code, decline_code), "payment_method": dict(method)}
    intent |= {
        "status": "requires_payment_method",
        "payment_method": None,
        "next_action": None,
        "latest_charge": charge["id"],
        "last_payment_error": problem,
    }
    store.emit("charge.failed", charge)
    store.emit("payment_intent.payment_failed", intent)
    return problem


def _declined(
    store: Store, intent: Resource, code: str, decline_code: str | None
) -> Exception:
    fail(store, intent, code, decline_code)
    return card_error(code, decline_code=decline_code, payment_intent=dict(intent))


def _unexpected(intent: Resource) -> Exception:
    return invalid(
        f"This PaymentIntent's status is {intent['status']}.",
        code="payment_intent_unexpected_state",
        payment_intent=dict(intent),
    )


def _charge(store: Store, intent: Resource, **fields: Any) -> Resource:
    is_paid = fields["status"] == "succeeded"
    empty = dict.fromkeys(("address", "email", "name", "phone", "tax_id"))
    return store.add(
        "charge",
        amount=intent["amount"],
        amount_captured=intent["amount"] if is_paid else 0,
        currency=intent["currency"],
        customer=intent["customer"],
        payment_intent=intent["id"],
        payment_method=intent["payment_method"],
        billing_details=empty,
        captured=is_paid,
        paid=is_paid,
        metadata={},
        **fields,
    )


def credit_invoice(store: Store, invoice_id: str, intent: Resource) -> None:
    """What an intent paid is credited to the invoice it is attached to."""
    invoice = store.get("invoice", invoice_id)
    for payment in invoice["payments"]["data"]:
        if payment["payment"].get("payment_intent") == intent["id"]:
            payment |= {"status": "paid", "amount_paid": intent["amount_received"]}
            payment["status_transitions"]["paid_at"] = store.clock.now
            store.emit("invoice_payment.paid", payment)
    pay_off(store, invoice, intent["amount_received"])


def pay_off(store: Store, invoice: Resource, amount: int) -> None:
    invoice["amount_paid"] += amount
    invoice["amount_remaining"] = max(0, invoice["amount_due"] - invoice["amount_paid"])
    invoice["amount_overpaid"] = max(0, invoice["amount_paid"] - invoice["amount_due"])
    if invoice["amount_remaining"] == 0 and invoice["status"] == "open":
        invoice["status"] = "paid"
        invoice["status_transitions"]["paid_at"] = store.clock.now
        store.emit("invoice.paid", invoice)


def create_refund(store: Store, params: Resource) -> Resource:
    intent = store.get("payment_intent", required(params, "payment_intent"))
    charge = store.get("charge", intent["latest_charge"] or "")
    left = charge["amount_captured"] - charge["amount_refunded"]
    amount = int(params.get("amount") or left)
    if not 0 < amount <= left:
        raise invalid(
            f"Refund amount ({amount}) is greater than unrefunded amount ({left}).",
            code="charge_already_refunded" if not left else "amount_too_large",
        )
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount_captured"]
    refund = store.add(
        "refund",
        amount=amount,
        charge=charge["id"],
        payment_intent=intent["id"],
        metadata=metadata_of(params),
        reason=params.get("reason"),
        status="succeeded",
    )
    refund.pop("livemode")
    store.emit("refund.created", refund)
    store.emit("charge.refunded", charge)
    return refund


def fail_refund(store: Store, refund_id: str) -> None:
    """The bank sends the money back to us, days later."""
    refund = store.get("refund", refund_id)
    refund |= {"status": "failed", "failure_reason": "expired_or_canceled_card"}
    charge = store.get("charge", refund["charge"])
    charge["amount_refunded"] -= refund["amount"]
    charge["refunded"] = False
    store.emit("refund.failed", refund)


def open_dispute(store: Store, charge: Resource) -> Resource:
    charge["disputed"] = True
    dispute = store.add(
        "dispute",
        amount=charge["amount"],
        charge=charge["id"],
        payment_intent=charge["payment_intent"],
        metadata={},
        reason="fraudulent",
        status="needs_response",
    )
    store.emit("charge.dispute.created", dispute)
    return dispute


def close_dispute(store: Store, dispute_id: str, *, is_won: bool) -> None:
    dispute = store.get("dispute", dispute_id)
    dispute["status"] = "won" if is_won else "lost"
    store.emit("charge.dispute.closed", dispute)
