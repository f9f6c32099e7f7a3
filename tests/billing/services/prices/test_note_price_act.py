"""Who sets prices, plans and coupons is kept, where it belongs."""

from datetime import timedelta

import pytest
from django.utils import timezone

from billing.models.price_books import PriceBook
from billing.services.api_access.issue_staff_token import issue_staff_token
from billing.services.api_access.revoke_staff_token import revoke_staff_token
from billing.services.plans.end_coupon import end_coupon
from billing.services.plans.offer_coupon import offer_coupon
from billing.services.plans.set_plan_book import set_plan_book
from billing.services.plans.withdraw_plan import withdraw_plan
from billing.services.prices.change_currency import change_currency
from billing.services.prices.end_price import end_price
from billing.services.prices.open_price_book import open_price_book
from billing.services.prices.set_price import set_price
from tenants.audit_models import AuditEntry, StaffEntry
from tenants.domain.actors import Actor, ActorKind, act_as
from tests.billing.plans import make_coupon, make_plan
from tests.factories import make_tenant, make_user

pytestmark = pytest.mark.django_db
STAFF = Actor(kind=ActorKind.STAFF, id=7, name="staff@tokenfab.example")


def of_staff():
    return list(StaffEntry.objects.order_by("pk").values_list("action", flat=True))


def change(price, book, days=1):
    now = timezone.now()
    return set_price(
        served_model=price.served_model,
        price_book=book,
        rates=price.rates,
        effective_from=now + timedelta(days=days),
        now=now,
    )


def test_it_works(price):
    with act_as(STAFF):
        version = change(price, price.price_book)
        change(price, price.price_book, days=2)

    first, _ = StaffEntry.objects.order_by("pk")
    assert (first.action, first.actor_name) == ("price.set", STAFF.name)
    assert first.about_id == str(version.pk)
    assert first.words.startswith(f"{price.served_model.name} in list, from ")
    assert first.words.endswith("new input 0.1, cached 0.02, output 0.4")


def test_what_is_set_already_is_no_act(price):
    book = PriceBook.objects.create(name="Other", created_at=timezone.now())
    now = timezone.now() + timedelta(days=1)
    for _ in range(2):
        set_price(
            served_model=price.served_model,
            price_book=book,
            rates=price.rates,
            effective_from=now,
            now=timezone.now(),
        )

    assert of_staff() == ["price.set"]


def test_a_tenants_own_price_is_in_the_tenants_log(price):
    tenant = make_tenant()
    now = timezone.now()
    with act_as(STAFF):
        book = open_price_book(name="Theirs", tenant=tenant, now=now)
        version = change(price, book)
        end_price(version, effective_to=now + timedelta(days=3), now=now)

    entries = AuditEntry.objects.filter(tenant=tenant, action__startswith="price.")
    actions = list(entries.order_by("pk").values_list("action", flat=True))
    assert actions == ["price.book_opened", "price.set", "price.ended"]
    assert of_staff() == []


def test_plans_and_coupons_are_kept():
    now = timezone.now()
    plan, coupon = make_plan(), make_coupon()
    book = open_price_book(name="Of a plan", now=now)
    set_plan_book(plan.pk, book, changed_by=make_user(is_staff=True), now=now)
    for _ in range(2):
        withdraw_plan(plan.pk, now=now)
        end_coupon(coupon.pk, now=now)
    coupon.pk, coupon.code = None, "ANOTHER"
    coupon._state.adding = True
    offer_coupon(coupon, now=now)

    assert of_staff()[-5:] == [
        "price.book_opened",
        "plan.book_set",
        "plan.withdrawn",
        "coupon.ended",
        "coupon.offered",
    ]


def test_staff_tokens_are_kept_without_their_secret():
    now = timezone.now()
    secret = issue_staff_token(name="ERP", now=now, expires_at=now + timedelta(days=1))
    assert revoke_staff_token("ERP", now=now) == 1
    assert revoke_staff_token("ERP", now=now) == 0

    assert of_staff() == ["staff_token.issued", "staff_token.revoked"]
    assert not StaffEntry.objects.filter(words__contains=secret).exists()


def test_another_currency_is_in_the_tenants_log():
    tenant = make_tenant()
    change_currency(tenant_id=tenant.pk, currency="EUR", now=timezone.now())

    entry = AuditEntry.objects.get(tenant=tenant, action="tenant.currency_changed")
    assert entry.words == "USD -> EUR"
