"""Credit: what is left, where it went, buying more; giving and withdrawing some."""

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from uuid import uuid4

import pytest
from django.http import Http404, QueryDict
from django.utils import timezone

from billing.domain.credit import CreditKind
from billing.domain.spend_counters import money_key
from billing.models.auto_recharge import AutoRecharge
from billing.models.credit import CreditDraw, CreditExpiry, CreditGrant
from billing.models.payments import Payment
from billing.models.tax_rates import TaxRate
from billing.services.credit.credit_of import credit_of
from billing.services.credit.withdraw_credit import withdraw_credit
from frontend.credit import credit_history, credit_page
from frontend.credit.credit_history import read_history
from frontend.credit.credit_page import read_credit_page
from metering.services import shipped_up_to as shipping
from tests.billing.credit import CENT, give
from tests.billing.invoices import make_buyer, make_seller
from tests.billing.money import seed, spend, spent_event, store
from tests.billing.paying import add_card
from tests.factories import make_budget, make_user
from tests.frontend.believable_invoices import make_issued
from tests.frontend.people import client_of

DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _journals_are_shipped(settings, tmp_path, monkeypatch, valkey):  # noqa: ARG001
    monkeypatch.setattr(shipping, "WRITE_MARGIN", timedelta(0))
    settings.JOURNAL_FOLDER = tmp_path


@pytest.fixture
def boss(db):  # noqa: ARG001  opens the database
    return client_of(
        make_user(email="boss@tokenfab.example", is_staff=True, is_superuser=True)
    )


def shown(people, name="owner"):
    page = people.client(name).get("/credit/")
    assert page.status_code == 200
    return page.context["credit"], page.content.decode()


def test_without_credit_it_says_so(people):
    credit, text = shown(people)

    assert (credit.booked, credit.left, credit.grants) == (0, None, [])
    assert "No credit yet" in text


def test_what_is_left_is_what_the_limits_go_by(people, valkey):
    people.tenant.is_prepaid = True
    people.tenant.save()
    give(people.tenant, 500 * CENT)
    store(spent_event(people.api_key, 20 * CENT))
    seed()
    spend(valkey, people.api_key, 30 * CENT)

    credit, text = shown(people, "colleague")

    assert (credit.booked, credit.left, credit.used) == (
        500 * CENT,
        450 * CENT,
        50 * CENT,
    )
    assert "$4.50" in text
    assert "Buy credit" not in text  # an owner may


def test_credit_that_is_not_known_is_not_made_up(people, valkey):
    people.tenant.is_prepaid = True
    people.tenant.save()
    give(people.tenant, 500 * CENT)
    valkey.hset(money_key(people.tenant.pk), "server", "another")

    assert "What is left is not known right now" in shown(people)[1]


def test_grants_are_in_the_order_of_spending(people):
    now = timezone.now()
    give(people.tenant, CENT, reason="bank transfer")
    give(people.tenant, CENT, reason="welcome", kind=CreditKind.PROMOTIONAL)
    used = give(people.tenant, CENT, reason="gone")
    withdraw_credit(
        grant=used, amount_nanos=CENT, reason="wrong", idempotency_key="1", now=now
    )

    credit, text = shown(people)

    places = {row.grant.reason: row.place for row in credit.grants}
    assert places == {"bank transfer": 2, "welcome": 1, "gone": None}
    assert [one.what for one in credit.history.rows] == ["Withdrawn"]
    assert "used up" in text


def test_grants_are_paged_and_their_order_is_of_all(people, monkeypatch):
    """What is spent first may be on the last page."""
    monkeypatch.setattr(credit_page, "_GRANTS", replace(credit_page._GRANTS, rows=2))
    now = timezone.now()
    for day in range(5):
        give(people.tenant, CENT, reason=f"g{day}", now=now - timedelta(days=day))

    places: dict[str, int | None] = {}
    queries = [""]
    for query in queries:
        page = read_credit_page(people.tenant, QueryDict(query), now=now)
        places |= {row.grant.reason: row.place for row in page.grants}
        queries += filter(None, [page.table.next_query])

    assert places == {"g4": 1, "g3": 2, "g2": 3, "g1": 4, "g0": 5}


def test_what_expired_is_told(people):
    now = timezone.now()
    grant = give(people.tenant, CENT, expires_at=now - DAY, now=now - 2 * DAY)
    CreditExpiry.objects.create(
        tenant=people.tenant, grant=grant, amount_nanos=CENT, expired_at=now
    )

    credit, text = shown(people)

    assert credit.grants[0].is_over
    assert [one.what for one in credit.history.rows] == ["Expired"]
    assert shown(people, "stranger")[0].history.rows == []
    assert "expired" in text


def draw(grant, invoice, amount, *, at):
    CreditDraw.objects.create(
        tenant=grant.tenant,
        grant=grant,
        invoice=invoice,
        amount_nanos=amount,
        drawn_at=at,
    )


@pytest.mark.parametrize("sort", ["when", "-when", "amount", "-amount"])
def test_the_history_of_three_tables_is_paged_as_one(
    people, version, sort, monkeypatch
):
    """Whatever has the same time or amount: no page repeats or leaves out a row."""
    tenant, now = people.tenant, timezone.now()
    invoice = make_issued(tenant, version, now)
    monkeypatch.setattr(
        credit_history, "_RULES", replace(credit_history._RULES, rows=3)
    )
    grant = give(tenant, 1_000 * CENT)
    draw(grant, invoice, CENT, at=now)
    draw(grant, invoice, -CENT, at=now)
    for number in range(4):
        CreditExpiry.objects.create(
            tenant=tenant, grant=grant, amount_nanos=CENT, expired_at=now
        )
        withdraw_credit(
            grant=grant,
            amount_nanos=CENT,
            reason="wrong",
            idempotency_key=f"{number}",
            now=now,
        )

    pages, query = [], f"sort={sort}"
    while query:
        page = read_history(tenant, QueryDict(query))
        pages.append(page.rows)
        query = page.next_query

    rows = [row for page in pages for row in page]
    assert [len(page) for page in pages] == [3, 3, 3, 1]
    assert len({row.number for row in rows}) == 10
    whats = Counter(row.what for row in rows)
    assert whats == {"Expired": 4, "Withdrawn": 4, "Paid an invoice": 1, "Returned": 1}
    key = {"when": lambda row: row.at, "amount": lambda row: row.amount_nanos}
    places = [key[sort.removeprefix("-")](row) for row in rows]
    assert places == sorted(places, reverse=sort.startswith("-"))


def test_the_history_is_searched_by_invoice_and_reason(people, version):
    tenant, now = people.tenant, timezone.now()
    invoice = make_issued(tenant, version, now)
    grant = give(tenant, 1_000 * CENT, reason="welcome")
    draw(grant, invoice, CENT, at=now)
    withdraw_credit(
        grant=grant, amount_nanos=CENT, reason="typo", idempotency_key="1", now=now
    )

    def found(words):
        rows = read_history(tenant, QueryDict(f"q={words}")).rows
        return [row.what for row in rows]

    assert found(invoice.number) == ["Paid an invoice"]
    assert found("typo") == ["Withdrawn"]
    assert found("welcome") == ["Paid an invoice"]


@pytest.mark.parametrize("after", ["x", "-1", "999", "1"])
def test_it_refuses_a_place_that_is_not_in_the_history(people, after):
    theirs = give(people.strangers_tenant, 10 * CENT)
    CreditExpiry.objects.create(
        tenant=people.strangers_tenant,
        grant=theirs,
        amount_nanos=CENT,
        expired_at=timezone.now(),
    )

    with pytest.raises(Http404):
        read_history(people.tenant, QueryDict(f"after={after}"))


def test_owners_buy_credit_once(people, stripe_sim):
    card = add_card(stripe_sim, people.tenant)
    form = {"form_id": uuid4(), "amount_cents": "25.00"}

    for _ in range(2):
        answer = people.client("owner").post("/credit/top-up/", form)
        assert answer["Location"] == "/credit/"

    payment = Payment.objects.get()
    assert (payment.amount_cents, payment.invoice, payment.method) == (
        2_500,
        None,
        card,
    )
    assert "The card is being charged" in shown(people)[1]


def test_without_a_card_a_page_of_the_provider_is_next(people, stripe_sim):
    form = {"form_id": uuid4(), "amount_cents": "25.00"}
    people.client("owner").post("/credit/top-up/", form)
    payment = Payment.objects.get()
    assert f"/credit/top-up/{payment.pk}/" in shown(people)[1]

    answer = people.client("owner").get(f"/credit/top-up/{payment.pk}/")

    assert answer.status_code == 302
    assert stripe_sim.store.all_of("checkout.session")[0]["url"] == answer["Location"]
    stranger = people.client("stranger").get(f"/credit/top-up/{payment.pk}/")
    assert stranger.status_code == 404


@pytest.mark.parametrize("amount", ["0.49", "0.505", "much", ""])
@pytest.mark.usefixtures("stripe_sim")
def test_it_refuses_to_buy_nothing_much(people, amount):
    form = {"form_id": uuid4(), "amount_cents": amount}

    assert people.client("owner").post("/credit/top-up/", form).status_code == 422
    assert not Payment.objects.exists()


CONSUMER = {"country": "FR", "is_business": False}
BUSINESS = {"country": "FR", "is_business": True, "vat_id": "FR40303265045"}


@pytest.mark.parametrize(
    ("seller", "buyer", "words"),
    [
        ({}, CONSUMER, "100.00 are enough for calls of 83.33"),
        ({"is_tax_inclusive": True}, CONSUMER, "Prices include VAT of 20 % (FR)"),
        ({}, BUSINESS, "Reverse charge"),
        ({}, {"country": "US"}, "abroad: no VAT is charged"),
        ({"vat_id": ""}, CONSUMER, "the seller is not registered for it"),
        ({}, {"country": "ES"}, "worked out when an invoice is issued"),
        ({}, None, "VAT of 19 % (DE)"),
    ],
)
@pytest.mark.usefixtures("stripe_sim")
def test_what_tax_credit_has_is_said_where_it_is_sold(people, seller, buyer, words):
    TaxRate.objects.all().delete()
    entity = make_seller(**seller)
    TaxRate.objects.create(
        country="FR", effective_from=date(2025, 1, 1), rate_basis_points=2000
    )
    if buyer:
        make_buyer(people.tenant, entity, **buyer)

    for path in ("/credit/top-up/", "/credit/auto/"):
        text = people.client("owner").get(path).content.decode()
        assert words in text
        assert ("may change it" in text) == (buyer is None)


def test_without_cards_it_says_how_to_pay(people):
    assert b"takes no cards" in people.client("owner").get("/credit/top-up/").content


@pytest.mark.parametrize("path", ["top-up/", "auto/", "auto/stop/"])
def test_a_colleague_buys_nothing(people, path):
    assert people.client("colleague").post(f"/credit/{path}").status_code == 403


def test_automatic_purchase_is_switched_on_and_off(people):
    owner = people.client("owner")
    form = {
        "threshold_nanos": "5",
        "amount_cents": "20",
        "monthly_max_cents": "100",
    }
    assert owner.post("/credit/auto/", form)["Location"] == "/credit/"

    row = AutoRecharge.objects.get(tenant=people.tenant)
    assert (row.threshold_nanos, row.amount_cents) == (500 * CENT, 2_000)
    assert "at most $100.00 in a month" in shown(people)[1]
    assert b'value="20.00"' in owner.get("/credit/auto/").content

    owner.post("/credit/auto/stop/")
    row.refresh_from_db()
    assert not row.is_enabled
    assert "Off." in shown(people)[1]


def test_it_refuses_a_month_of_less_than_one_purchase(people):
    form = {"threshold_nanos": "5", "amount_cents": "20", "monthly_max_cents": "19"}

    answer = people.client("owner").post("/credit/auto/", form)

    assert answer.status_code == 422
    assert b"at least one purchase" in answer.content


def test_the_operator_grants_once(people, boss):
    path = f"/operator/tenants/{people.tenant.pk}/credit/"
    form = {
        "form_id": uuid4(),
        "amount_nanos": "5",
        "kind": "promotional",
        "reason": "welcome",
        "expires_on": "2099-01-01",
    }
    for _ in range(2):
        assert boss.post(path, form)["Location"] == path

    grant = CreditGrant.objects.get()
    assert (grant.kind, grant.reason, grant.priority) == ("promotional", "welcome", 10)
    assert credit_of(people.tenant) == 500 * CENT
    page = boss.get(path).content
    assert b"Withdraw" in page


def test_it_refuses_credit_that_has_expired(people, boss):
    form = {
        "form_id": uuid4(),
        "amount_nanos": "5",
        "kind": "purchased",
        "reason": "transfer",
        "expires_on": "2020-01-01",
    }
    answer = boss.post(f"/operator/tenants/{people.tenant.pk}/credit/", form)

    assert answer.status_code == 422
    assert b"before it is granted" in answer.content


def test_the_operator_withdraws_what_is_not_used(people, boss):
    grant = give(people.tenant, 10 * CENT)
    path = f"/operator/credit/{grant.pk}/withdraw/"
    form = {"form_id": uuid4(), "amount_nanos": "0.04", "reason": "asked for"}
    for _ in range(2):
        assert boss.post(path, form).status_code == 302
    assert credit_of(people.tenant) == 6 * CENT

    answer = boss.post(path, {**form, "form_id": uuid4(), "amount_nanos": "0.07"})

    assert answer.status_code == 422
    assert b"Only 0.06 USD" in answer.content


def test_staff_only_look(people):
    grant = give(people.tenant, CENT)
    staff = people.client("staff")

    credit = f"/operator/tenants/{people.tenant.pk}/credit/"
    assert staff.post(credit).status_code == 403
    assert staff.post(f"/operator/credit/{grant.pk}/withdraw/").status_code == 403


def test_who_is_not_prepaid_is_not_told_of_credit_below_zero(people, valkey):
    """Budgets have the tenant counted, though its calls are paid after the month."""
    make_budget(subject=people.tenant)
    seed()
    spend(valkey, people.api_key, 30 * CENT)

    credit, text = shown(people)

    assert (credit.left, credit.used) == (None, 0)
    assert "-$" not in text
