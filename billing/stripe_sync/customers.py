"""A tenant at Stripe, and the cards that Stripe keeps for it."""

from billing.domain.payments import ProviderCard
from billing.models.provider import StripeTenant
from billing.stripe_sync.client import asking_stripe, open_client
from billing.stripe_sync.convert import TENANT, card_of, id_of
from billing.stripe_sync.objects import plain, plain_first
from tenants.models import Tenant

CARDS_MAX = 20
"""More than these, the newest ones, are not shown."""


def customer_of(tenant: Tenant) -> str:
    """Stripe's id of the tenant, made at the first need; the same however often it is
    asked for. Raises what `asking_stripe` raises.
    """
    known = StripeTenant.objects.filter(tenant=tenant).first()
    if known is not None:
        return known.stripe_id
    with asking_stripe():
        customer = open_client().v1.customers.create(
            {"name": tenant.name, "metadata": {TENANT: str(tenant.pk)}},
            {"idempotency_key": f"tenant-{tenant.pk}-{tenant.slug}"},
        )
    known, _ = StripeTenant.objects.get_or_create(
        tenant=tenant, defaults={"stripe_id": customer.id}
    )
    return known.stripe_id


def read_cards(customer_id: str) -> tuple[list[ProviderCard], str]:
    """The cards, newest first, and the id of the default one; empty: none is."""
    with asking_stripe():
        v1 = open_client().v1
        methods = v1.customers.payment_methods.list(customer_id, {"limit": CARDS_MAX})
        customer = plain(v1.customers.retrieve(customer_id))
        cards = [card_of(one) for one in plain_first(methods.data, CARDS_MAX)]
    settings = customer.get("invoice_settings") or {}
    return cards, id_of(settings.get("default_payment_method"))


def make_default(customer_id: str, method_id: str) -> None:
    with asking_stripe():
        open_client().v1.customers.update(
            customer_id, {"invoice_settings": {"default_payment_method": method_id}}
        )


def remove_card(method_id: str) -> None:
    with asking_stripe():
        open_client().v1.payment_methods.detach(method_id)


def open_card_page(
    customer_id: str, *, currency: str, done_url: str, back_url: str
) -> str:
    """The address of Stripe's page on which a card is added (Checkout)."""
    with asking_stripe():
        session = open_client().v1.checkout.sessions.create(
            {
                "mode": "setup",
                "currency": currency.lower(),
                "customer": customer_id,
                "allowed_payment_method_types": ["card"],
                "success_url": done_url,
                "cancel_url": back_url,
            }
        )
    return session.url or back_url


def open_portal(customer_id: str, *, back_url: str) -> str:
    """The address of Stripe's own pages about the tenant's cards and payments."""
    with asking_stripe():
        session = open_client().v1.billing_portal.sessions.create(
            {"customer": customer_id, "return_url": back_url}
        )
    return session.url
