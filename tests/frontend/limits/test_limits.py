"""The page shows what the limits are decided by, and lets owners change them."""

import struct
from datetime import UTC, datetime, timedelta

import pytest

from billing.domain.spend_counters import Spender, held_key, money_key, spent_key
from billing.services.credit.grant_credit import grant_credit
from frontend.limits.limit_overview import read_overview
from metering.domain.limit_keys import (
    day_of,
    limit_key,
    minute_key,
    requests_day_key,
    running_key,
)
from metering.services import shipped_up_to as shipping
from tenants.models import Budget, RateLimit, SpendLimit
from tenants.services.set_rate_limits import read_rate_limits
from tenants.wire import LimitKind, Scope, SpendPeriod
from tests.billing.money import seed, spend, spent_event, store
from tests.factories import (
    make_api_key,
    make_budget,
    make_rate_limit,
    make_spend_limit,
)

CENT = 10_000_000
DAY = LimitKind.REQUESTS_PER_DAY


@pytest.fixture(autouse=True)
def _journals_are_shipped(settings, tmp_path, monkeypatch, valkey):  # noqa: ARG001
    monkeypatch.setattr(shipping, "WRITE_MARGIN", timedelta(0))
    settings.JOURNAL_FOLDER = tmp_path


def overview(people, name="owner"):
    return people.client(name).get("/limits/").context["overview"]


def test_it_works(people, valkey):
    make_spend_limit(subject=people.tenant, amount_nanos=100 * CENT)
    make_budget(subject=people.api_key, amount_nanos=40 * CENT)
    store(spent_event(people.api_key, 25 * CENT))
    seed()
    spend(valkey, people.api_key, 10 * CENT)

    page = people.client("colleague").get("/limits/")

    shown = page.context["overview"]
    assert (shown.today, shown.this_month) == (35 * CENT, 35 * CENT)
    (limit,) = shown.spend_limits
    assert (limit.whose, limit.share.percent, limit.share.state) == (
        "All calls",
        35,
        "well",
    )
    (budget,) = shown.budgets
    assert (budget.whose, budget.share.percent, budget.share.state) == (
        "Key Backend",
        87,
        "near",
    )
    text = page.content.decode()
    assert "$0.35" in text
    assert '<progress class="is-near" max="100" value="87"' in text


def test_check_and_display_read_one_source(people, valkey):
    """litellm#27735: `BudgetExceeded` on stale spend.

    Whatever PostgreSQL says meanwhile, the page shows the very counter that the proxies
    compare with the limit; where they would refuse, it shows a full bar.
    """
    make_spend_limit(subject=people.tenant, amount_nanos=100 * CENT)
    store(spent_event(people.api_key, 5 * CENT))
    seed()
    counter = spent_key(
        people.tenant.pk,
        Spender(Scope.TENANT, people.tenant.pk),
        SpendPeriod.MONTH,
        datetime.now(UTC),
    )
    for amount, percent, state in (
        (5, 5, "well"),
        (99, 99, "near"),
        (100, 100, "over"),
    ):
        valkey.set(counter, amount * CENT)
        (limit,) = overview(people).spend_limits
        assert limit.share.used == amount * CENT
        assert (limit.share.percent, limit.share.state) == (percent, state)


def test_what_running_calls_hold_is_shown_beside(people, valkey):
    """litellm#27735 once more: what they may cost is refused by, so it is shown."""
    make_spend_limit(subject=people.tenant, amount_nanos=100 * CENT)
    make_spend_limit(subject=people.api_key, amount_nanos=100 * CENT)
    seed()
    fields = {"tenant": 70 * CENT, f"key:{people.api_key.pk}": 30 * CENT}
    valkey.hset(held_key(people.tenant.pk), mapping=fields)

    page = people.client("owner").get("/limits/")

    assert [one.held for one in page.context["overview"].spend_limits] == [
        70 * CENT,
        30 * CENT,
    ]
    assert "and up to" in page.content.decode()


def test_it_says_so_when_nothing_is_known(people, valkey):
    """Then the proxies refuse, too, and a number would be a guess."""
    make_spend_limit(subject=people.tenant)
    store(spent_event(people.api_key, CENT))

    def is_told() -> bool:
        page = people.client("owner").get("/limits/")
        is_unknown = page.context["overview"].is_spend_unknown
        assert is_unknown == ("not known right now" in page.content.decode())
        return bool(is_unknown)

    assert is_told()
    seed()
    assert not is_told()
    valkey.hset(money_key(people.tenant.pk), "server", "another")
    assert is_told()


def test_it_says_so_when_valkey_is_away(people, settings):
    settings.VALKEY_URL = "redis://127.0.0.1:1"
    make_spend_limit(subject=people.tenant)
    make_rate_limit(subject=people.api_key, kind=DAY)

    page = people.client("owner").get("/limits/")

    assert page.status_code == 200
    assert not page.context["overview"].is_use_known
    assert "What is used is not known right now" in page.content.decode()


def test_prepaid_credit_that_is_left(people, valkey):
    people.tenant.is_prepaid = True
    people.tenant.save()
    grant_credit(
        tenant=people.tenant,
        amount_nanos=500 * CENT,
        reason="transfer",
        idempotency_key="1",
        now=datetime.now(UTC),
    )
    store(spent_event(people.api_key, 20 * CENT))
    seed()
    spend(valkey, people.api_key, 30 * CENT)
    valkey.hset(held_key(people.tenant.pk), "tenant", 50 * CENT)

    shown = overview(people)

    assert shown.spend.credit_left == 400 * CENT
    assert shown.all_held == 50 * CENT
    assert "$4.00" in people.client("owner").get("/limits/").content.decode()


def test_rate_limits_show_what_is_used_where_it_is_counted(people, valkey):
    make_rate_limit(subject=people.tenant, kind=DAY, amount=1000)
    make_rate_limit(subject=people.api_key, kind=DAY, amount=10, model="small")
    make_rate_limit(
        subject=people.project, kind=LimitKind.CONCURRENT_REQUESTS, amount=4
    )
    make_rate_limit(subject=people.api_key, amount=60)
    now = datetime.now(UTC)
    tenant = people.tenant.pk
    of_tenant = limit_key(tenant, "tenant", tenant, None)
    of_key = limit_key(tenant, "key", people.api_key.pk, "small")
    running = running_key(limit_key(tenant, "project", people.project.pk, None))
    valkey.set(requests_day_key(of_tenant, day_of(now)), 250)
    valkey.set(requests_day_key(of_key, day_of(now)), 10)
    valkey.zadd(running, {"a": now.timestamp() * 1000 + 9_000, "dead": 1})

    used = {
        (one.whose, one.limit.kind): one.share and one.share.used
        for one in overview(people).rate_limits
    }

    assert used == {
        ("All calls", "requests_per_day"): 250,
        ("Project Default", "concurrent_requests"): 1,
        ("Key Backend", "requests_per_day"): 10,
        ("Key Backend", "requests_per_minute"): 0,
    }


def test_those_of_many_keys_are_left_to_the_keys_pages(people):
    make_rate_limit(subject=people.tenant)
    for number in range(101):
        make_rate_limit(subject=people.api_key, model=f"model-{number}")

    page = people.client("owner").get("/limits/")

    shown = page.context["overview"]
    assert (len(shown.rate_limits), shown.rate_limits_left_out) == (100, 2)
    assert shown.rate_limits[0].whose == "All calls"
    assert "2 more are on the pages of their keys" in page.content.decode()


def test_limits_of_revoked_keys_and_of_strangers_are_not_shown(people):
    gone, _ = make_api_key(project=people.project, revoked_at=datetime.now(UTC))
    for key in (gone, people.strangers_key):
        make_spend_limit(subject=key)
        make_rate_limit(subject=key)

    shown = overview(people)

    assert (shown.spend_limits, shown.rate_limits) == ([], [])


def test_a_part_refreshes_itself(people):
    page = people.client("owner").get("/limits/", headers={"hx-request": "true"})
    assert "<html" not in page.content.decode()
    assert "No spend limit" in page.content.decode()


def test_an_owner_sets_changes_and_removes_a_spend_limit(people):
    owner, key = people.client("owner"), f"key:{people.api_key.pk}"
    form = {"subject": key, "period": "day", "amount_nanos": "12.50"}
    assert owner.post("/limits/spend/", form).status_code == 302
    assert SpendLimit.objects.get().amount_nanos == 1250 * CENT

    shown = owner.get(f"/limits/spend/?subject={key}&period=day").content.decode()
    assert 'value="12.50"' in shown
    owner.post("/limits/spend/", {**form, "amount_nanos": "1"})
    row = SpendLimit.objects.get()
    assert (row.api_key, row.period) == (people.api_key, "day")
    assert row.amount_nanos == 100 * CENT

    owner.post("/limits/spend/remove/", {"subject": key, "period": "day"})
    assert not SpendLimit.objects.exists()


def test_an_owner_sets_and_removes_a_budget(people):
    owner = people.client("owner")
    form = {"subject": "tenant", "period": "month", "amount_nanos": "9"}

    owner.post("/limits/budget/", {**form, "thresholds_percent": "100, 10"})

    budget = Budget.objects.get()
    assert (budget.scope, budget.thresholds_percent) == (Scope.TENANT, [10, 100])
    shown = owner.get("/limits/budget/?subject=tenant&period=month").content.decode()
    assert 'value="10, 100"' in shown
    owner.post("/limits/budget/remove/", {"subject": "tenant", "period": "month"})
    assert not Budget.objects.exists()


@pytest.mark.parametrize(
    "path",
    [
        "/limits/spend/",
        "/limits/spend/remove/",
        "/limits/budget/",
        "/limits/budget/remove/",
        "/keys/{}/limits/",
    ],
)
def test_it_refuses_changes_by_a_developer(people, path):
    make_spend_limit(subject=people.tenant)
    form = {"subject": "tenant", "period": "month", "amount_nanos": "1"}

    answer = people.client("colleague").post(path.format(people.api_key.pk), form)

    assert answer.status_code == 403
    assert SpendLimit.objects.get().amount_nanos == 1000 * CENT


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("subject", "key:{strangers}"),
        ("subject", "nothing"),
        ("period", "year"),
        ("amount_nanos", "0"),
        ("amount_nanos", "0.0000000001"),
        ("amount_nanos", "-1"),
        ("amount_nanos", "much"),
        ("amount_nanos", "10000000"),
        ("thresholds_percent", "half"),
        ("thresholds_percent", "0"),
    ],
)
def test_it_refuses_what_will_not_do_and_keeps_what_was_typed(people, field, value):
    value = value.format(strangers=people.strangers_key.pk)
    form = {
        "subject": "tenant",
        "period": "month",
        "amount_nanos": "5",
        "thresholds_percent": "50",
        field: value,
    }

    answer = people.client("owner").post("/limits/budget/", form)

    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [field]
    assert answer.context["form"]["amount_nanos"].value() == form["amount_nanos"]
    assert not Budget.objects.exists()


def test_an_owner_changes_a_keys_limits(people):
    make_rate_limit(subject=people.api_key, amount=60)
    make_rate_limit(subject=people.api_key, amount=5, model="small")
    path = f"/keys/{people.api_key.pk}/limits/"
    owner = people.client("owner")
    assert 'value="60"' in owner.get(path).content.decode()

    answer = owner.post(path, {"requests_per_day": "1000"})

    assert answer.status_code == 302
    assert read_rate_limits(people.api_key) == {
        (DAY, None): 1000,
        (LimitKind.REQUESTS_PER_MINUTE, "small"): 5,
    }
    assert "1,000 requests per day" in owner.get(answer.url).content.decode()


def test_it_refuses_a_key_more_than_its_tenant_has(people):
    make_rate_limit(subject=people.tenant, amount=50)
    owner, path = people.client("owner"), f"/keys/{people.api_key.pk}/limits/"

    answer = owner.post(path, {"requests_per_minute": "51"})

    assert answer.status_code == 422
    assert "at most 50 requests per minute" in answer.content.decode()
    assert RateLimit.objects.count() == 1
    assert owner.post(path, {"requests_per_minute": "50"}).status_code == 302


def test_a_strangers_key_is_not_there(people):
    path = f"/keys/{people.strangers_key.pk}/limits/"
    assert people.client("owner").get(path).status_code == 404
    assert people.client("owner").post(path, {}).status_code == 404


@pytest.mark.parametrize(
    ("kind", "resets_at", "resets"),
    [
        (LimitKind.REQUESTS_PER_DAY, "2026-12-01", ""),
        (LimitKind.REQUESTS_PER_MONTH, "2026-12-01", ""),
        (LimitKind.TOKENS_PER_MINUTE, None, "a minute after each call"),
        (LimitKind.CONCURRENT_REQUESTS, None, "when calls end"),
    ],
)
def test_each_limit_says_when_it_is_free_again(people, kind, resets_at, resets):
    make_rate_limit(subject=people.tenant, kind=kind, amount=5)
    now = datetime(2026, 11, 30, 23, 59, tzinfo=UTC)
    (row,) = read_overview(people.tenant, now=now).rate_limits
    if resets_at:
        assert row.resets_at == datetime.fromisoformat(resets_at).replace(tzinfo=UTC)
    else:
        assert (row.resets_at, row.resets) == (None, resets)


def test_the_use_of_a_minute_is_shown(people, valkey):
    make_rate_limit(
        subject=people.tenant, kind=LimitKind.TOKENS_PER_MINUTE, amount=1_000
    )
    name = minute_key(limit_key(people.tenant.pk, "tenant", people.tenant.pk, None))
    bucket = int(datetime.now(UTC).timestamp() * 4)
    held = (1.0, 250.0, 0.0)
    valkey.set(name, struct.pack("<12d", bucket, *held, *held, 0, 0, 0, 0, 0))
    (row,) = overview(people).rate_limits
    assert (row.share.used, row.share.percent) == (250, 25)
