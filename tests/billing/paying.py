"""Cards, invoices to pay by them, and Stripe's part played by the simulator."""

from datetime import datetime

from django.test import Client

from billing.models.invoices import Invoice
from billing.models.payments import PaymentMethod
from billing.models.prices import PriceVersion
from billing.services.invoices.issue_invoice import issue_invoice
from billing.services.payments.sync_cards import open_card_page, sync_cards
from billing.services.rating.rate_usage import rate_usage
from tenants.models import Tenant
from tests.billing.usage import DECEMBER, NOON, draft_of, use
from tests.stripe_sim.server import StripeSim
from tests.stripe_sim.setups import complete_checkout

TOKENS_PER_CENT = 25_000
"""Output tokens at 0.40 USD per million."""


def owed_invoice(tenant: Tenant, price: PriceVersion, cents: int = 1_000) -> Invoice:
    """Issued on the first of December, due two weeks later."""
    use(tenant, price, cents * TOKENS_PER_CENT)
    rate_usage(now=NOON)
    return issue_invoice(draft_of(tenant).pk, now=DECEMBER)


def add_card(
    sim: StripeSim, tenant: Tenant, card: str = "pm_card_visa", *, now: datetime = NOON
) -> PaymentMethod:
    """The tenant's only card, added by Stripe's page."""
    for method in PaymentMethod.objects.filter(tenant=tenant, removed_at=None):
        stripe_act(sim, "POST", f"/v1/payment_methods/{method.provider_id}/detach")
    open_card_page(tenant, done_url="https://portal/", back_url="https://portal/")
    complete_newest_page(sim, card)
    sync_cards(tenant.pk, now=now)
    return PaymentMethod.objects.get(tenant=tenant, is_default=True)


def stripe_act(sim: StripeSim, method: str, path: str) -> None:
    """Something that is done at Stripe by others than us."""
    status, body = sim.respond(method, path, body="", key=None)
    assert status == 200, body


def complete_newest_page(sim: StripeSim, card: str) -> None:
    complete_checkout(sim.store, sim.store.all_of("checkout.session")[0]["id"], card)


def deliver(sim: StripeSim) -> None:
    """All webhooks that wait, to our own address."""
    client = Client()

    def endpoint(body: bytes, signature: str) -> int:
        answer = client.post(
            "/stripe/webhook",
            data=body,
            content_type="application/json",
            headers={"stripe-signature": signature},
        )
        return answer.status_code

    sim.webhooks.deliver_all(endpoint)


def intents(sim: StripeSim) -> list[tuple[int, str]]:
    """(cents, status) of each payment at Stripe, oldest first."""
    found = sim.store.all_of("payment_intent")[::-1]
    return [(one["amount"], one["status"]) for one in found]
