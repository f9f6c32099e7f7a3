"""Our list of cards is Stripe's."""

import pytest

from billing.models.payments import PaymentMethod
from billing.models.provider import StripeTenant
from billing.services.payments.sync_cards import (
    choose_card,
    open_card_page,
    open_portal,
    remove_card,
    sync_cards,
)
from tests.billing.paying import add_card, complete_newest_page
from tests.billing.usage import DECEMBER
from tests.factories import make_tenant

URLS = {"done_url": "https://portal/done/", "back_url": "https://portal/"}


def add_another(sim, tenant, card: str) -> PaymentMethod:
    open_card_page(tenant, **URLS)
    complete_newest_page(sim, card)
    sync_cards(tenant.pk, now=DECEMBER)
    return PaymentMethod.objects.filter(tenant=tenant).latest("pk")


def shown(tenant) -> list[tuple[str, bool]]:
    rows = PaymentMethod.objects.filter(tenant=tenant, removed_at=None)
    return list(rows.order_by("pk").values_list("last4", "is_default"))


def test_it_works(stripe_sim, tenant):
    card = add_card(stripe_sim, tenant)

    assert (card.brand, card.last4, card.is_default) == ("visa", "4242", True)
    assert (card.expires_month, card.expires_year) == (8, 2030)


def test_the_first_card_stays_the_one_that_is_charged(stripe_sim, tenant):
    add_card(stripe_sim, tenant)
    add_another(stripe_sim, tenant, "pm_card_mastercard")

    assert shown(tenant) == [("4242", True), ("4444", False)]


def test_another_card_is_chosen(stripe_sim, tenant):
    add_card(stripe_sim, tenant)
    second = add_another(stripe_sim, tenant, "pm_card_mastercard")

    choose_card(second, now=DECEMBER)

    assert shown(tenant) == [("4242", False), ("4444", True)]


def test_without_its_default_card_another_takes_its_place(stripe_sim, tenant):
    first = add_card(stripe_sim, tenant)
    add_another(stripe_sim, tenant, "pm_card_mastercard")

    remove_card(first, now=DECEMBER)

    assert shown(tenant) == [("4444", True)]


def test_a_tenant_is_made_known_once_and_apart(stripe_sim, tenant):
    other = make_tenant(name="Other")
    for one in (tenant, tenant, other):
        add_card(stripe_sim, one)

    assert StripeTenant.objects.count() == 2
    assert len(stripe_sim.store.all_of("customer")) == 2
    assert shown(other) == [("4242", True)]


@pytest.mark.usefixtures("stripe_sim")
def test_a_tenant_that_stripe_does_not_know_has_no_cards(tenant):
    sync_cards(tenant.pk, now=DECEMBER)

    assert shown(tenant) == []


def test_stripes_own_pages_are_a_link_away(stripe_sim, tenant):
    add_card(stripe_sim, tenant)

    url = open_portal(tenant, back_url="https://portal/")

    assert url.startswith("https://billing.stripe.com/")
