"""Keep our list of a tenant's cards as Stripe's is."""

from datetime import datetime

from django.db import transaction

from billing.domain.payments import ProviderCard
from billing.models.payments import PaymentMethod
from billing.models.provider import StripeTenant
from billing.services.ledger.lock_tenant import lock_tenant
from billing.stripe_sync import customers
from tenants.models import Tenant
from tenants.services.note_act import note_act


def sync_cards(tenant_id: int, *, now: datetime) -> None:
    """Without a default card the newest becomes it, also at Stripe. Raises what
    `asking_stripe` raises.
    """
    known = StripeTenant.objects.filter(tenant_id=tenant_id).first()
    if known is None:
        return
    cards, default_id = customers.read_cards(known.stripe_id)
    if cards and default_id not in {card.provider_id for card in cards}:
        default_id = cards[0].provider_id
        customers.make_default(known.stripe_id, default_id)
    _take_over(tenant_id, cards, default_id, now)


@transaction.atomic
def _take_over(
    tenant_id: int, cards: list[ProviderCard], default_id: str, now: datetime
) -> None:
    lock_tenant(tenant_id)
    mine = PaymentMethod.objects.filter(tenant_id=tenant_id)
    mine.update(is_default=False)
    gone = mine.filter(removed_at=None).exclude(
        provider_id__in=[card.provider_id for card in cards]
    )
    gone.update(removed_at=now)
    for card in cards:
        PaymentMethod.objects.update_or_create(
            provider_id=card.provider_id,
            defaults={
                "tenant_id": tenant_id,
                "brand": card.brand,
                "last4": card.last4,
                "expires_month": card.expires_month,
                "expires_year": card.expires_year,
                "is_default": card.provider_id == default_id,
                "removed_at": None,
            },
            create_defaults={
                "tenant_id": tenant_id,
                "brand": card.brand,
                "last4": card.last4,
                "expires_month": card.expires_month,
                "expires_year": card.expires_year,
                "is_default": card.provider_id == default_id,
                "created_at": now,
            },
        )


def choose_card(method: PaymentMethod, *, now: datetime) -> None:
    """Makes it the one that is charged. Raises what `asking_stripe` raises."""
    customers.make_default(_stripe_id(method), method.provider_id)
    _note("card.chosen", method)
    sync_cards(method.tenant_id, now=now)


def remove_card(method: PaymentMethod, *, now: datetime) -> None:
    """Stripe forgets it. Raises what `asking_stripe` raises."""
    customers.remove_card(method.provider_id)
    _note("card.removed", method)
    sync_cards(method.tenant_id, now=now)


def _note(action: str, method: PaymentMethod) -> None:
    note_act(action, tenant_id=method.tenant_id, about=method, words=str(method))


def open_card_page(tenant: Tenant, *, done_url: str, back_url: str) -> str:
    """The address of Stripe's page on which a card is added."""
    return customers.open_card_page(
        customers.customer_of(tenant),
        currency=tenant.currency,
        done_url=done_url,
        back_url=back_url,
    )


def _stripe_id(method: PaymentMethod) -> str:
    return StripeTenant.objects.get(tenant_id=method.tenant_id).stripe_id


def open_portal(tenant: Tenant, *, back_url: str) -> str:
    """The address of Stripe's own pages about the tenant's cards and receipts."""
    return customers.open_portal(customers.customer_of(tenant), back_url=back_url)
