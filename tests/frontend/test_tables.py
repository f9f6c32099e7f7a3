"""Lists are sorted, searched and paged by their address, whatever it says."""

import re
from html import unescape

import pytest
from django.db.models.functions import Lower
from django.http import Http404, QueryDict
from django.utils import timezone

from billing.models.credit import CreditExpiry
from billing.models.issue_blocks import IssueBlock
from billing.models.payments import Payment, PaymentStatus, Refund
from billing.services.credit.withdraw_credit import withdraw_credit
from billing.services.plans.redeem_coupon import redeem_coupon
from billing.services.webhooks.ping_webhook import ping_webhook
from frontend.tables import Rules, read_table
from metering.services.report_incident import report_incident
from metering.status_models import Impact, Phase
from tests.billing.credit import CENT, give
from tests.billing.plans import make_coupon, make_plan
from tests.billing.webhooks import make_endpoint
from tests.factories import make_engine, make_member, make_project, make_user
from tests.frontend.believable import call, record
from tests.frontend.believable_prompts import make_prompt

RULES = Rules(
    sorts={"name": Lower("name"), "since": "created_at"},
    default="name",
    search=("name",),
    rows=3,
)
LISTS = {
    "/billing/": "owner",
    "/credit/": "owner",
    "/invoices/": "owner",
    "/prompts/": "owner",
    "/settings/audit/": "owner",
    "/settings/members/": "owner",
    "/settings/projects/": "owner",
    "/webhooks/": "owner",
    "/webhooks/{endpoint}/": "owner",
    "/operator/blocked/": "staff",
    "/operator/coupons/": "staff",
    "/operator/coupons/{coupon}/": "staff",
    "/operator/incidents/": "staff",
    "/operator/invoices/": "staff",
    "/operator/payments/": "staff",
    "/operator/plans/": "staff",
    "/operator/tenants/{tenant}/credit/": "staff",
}


@pytest.fixture
def projects(people):
    """Of eight, three have the same name but for its case."""
    for name in ("b", "c", "Same", "same", "SAME", "x", "y"):
        make_project(tenant=people.tenant, name=name)
    return people.tenant.projects.all()


def read(rows, query=""):
    return read_table(QueryDict(query), rows, RULES)


def walk(rows, query):
    """Every row of every page, in order."""
    while True:
        table = read(rows, query)
        yield from table.rows
        if not table.next_query:
            return
        query = table.next_query


@pytest.mark.parametrize("sort", ["name", "-name", "since", "-since"])
def test_it_works(projects, sort):
    found = list(walk(projects, f"sort={sort}"))

    assert len(found) == len(set(found)) == 8
    name, is_falling = sort.removeprefix("-"), sort.startswith("-")
    key = {"name": lambda row: row.name.lower(), "since": lambda row: row.created_at}
    assert found == sorted(
        found, key=lambda row: (key[name](row), row.pk), reverse=is_falling
    )


def test_what_comes_meanwhile_moves_nothing(people, projects):
    first = read(projects)
    make_project(tenant=people.tenant, name="a")

    second = read(projects, first.next_query)

    assert not {row.pk for row in first.rows} & {row.pk for row in second.rows}
    assert [row.name for row in second.rows] == ["Same", "same", "SAME"]


def test_it_searches_and_keeps_the_rest_of_the_address(projects):
    table = read(projects, "q=sam&sort=-since&state=x")

    assert {row.name for row in table.rows} == {"Same", "same", "SAME"}
    assert table.wanted == "sam"
    assert set(table.kept) == {("sort", "-since"), ("state", "x")}
    assert "state=x" in table.heads["name"].query
    assert "q=sam" in table.heads["name"].query
    assert table.heads["since"].aria_sort == "descending"
    assert "sort=since" in table.heads["since"].query.split("&")


def test_a_first_click_begins_with_a_and_with_the_latest(projects):
    """Whatever the list itself is sorted by."""
    for sort in ("name", "since"):
        heads = read(projects, f"sort={sort}").heads
        other = "since" if sort == "name" else "name"
        wanted = {"name": "sort=name", "since": "sort=-since"}
        assert heads[other].query == wanted[other]
        assert heads[sort].query == f"sort=-{sort}"


def test_a_row_that_fits_no_more_leads_on(projects):
    first = read(projects)
    last = first.rows[-1]
    rest = projects.exclude(pk=last.pk)
    query = QueryDict(first.next_query)

    with pytest.raises(Http404):
        read_table(query, rest, RULES)
    second = read_table(query, rest, RULES, among=projects)
    assert second.rows == read(projects, first.next_query).rows


def test_another_list_on_the_page_is_not_meant(projects):
    rules = Rules(sorts=RULES.sorts, default="name", search=("name",), prefix="p_")

    table = read_table(QueryDict("sort=-since&q=none&after=none"), projects, rules)

    assert len(table.rows) == 8


@pytest.mark.parametrize("sort", ["", "id", "name,pk", "--name", "-", "\0", "é"])
def test_a_sort_that_means_nothing_changes_nothing(projects, sort):
    query = QueryDict(mutable=True)
    query["sort"] = sort

    assert read_table(query, projects, RULES).rows == read(projects).rows


@pytest.mark.parametrize("after", ["x", "-1", "1.5", "9" * 40, "0", "٣", "\0"])
def test_it_refuses_a_place_of_no_page(projects, after):
    query = QueryDict(mutable=True)
    query["after"] = after

    with pytest.raises(Http404):
        read_table(query, projects, RULES)


def test_it_refuses_a_place_in_the_list_of_another(people, projects):
    theirs = make_project(tenant=people.strangers_tenant, name="Theirs")

    with pytest.raises(Http404):
        read(projects, f"after={theirs.pk}")


@pytest.fixture
def full(people, version, now):
    """Something in every list; what stands in their addresses."""
    record([call(people.api_key, version, now)], now)
    make_engine(served_model=version.served_model)
    for name in ("first", "second"):
        make_prompt(people.api_key, version.served_model, now, name=name)
        make_project(tenant=people.tenant, name=name)
        make_member(tenant=people.tenant, user=make_user())
        make_coupon()
    endpoints = [make_endpoint(people.tenant) for _ in range(2)]
    for _ in range(2):
        ping_webhook(endpoints[0], now=timezone.now())
    people.client("owner").post("/settings/projects/", {"name": "Noted"})
    make_plan()
    make_plan()
    add_money(people.tenant, timezone.now())
    coupon = make_coupon()
    for tenant in (people.tenant, people.strangers_tenant):
        redeem_coupon(tenant_id=tenant.pk, code=coupon.code, now=timezone.now())
    for title in ("Slow answers", "Fewer answers"):
        report_incident(
            title=title,
            impact=Impact.MINOR,
            components=[],
            phase=Phase.INVESTIGATING,
            text="We look into it.",
            now=timezone.now(),
        )
    return {
        "endpoint": endpoints[0].public_id,
        "tenant": people.tenant.pk,
        "coupon": coupon.pk,
    }


def add_money(tenant, now):
    """Two payments and refunds of each, a block, and credit that went thrice."""
    IssueBlock.objects.create(
        tenant=tenant,
        invoice=tenant.invoices.get(status="draft"),
        code="no_seller",
        reason="The seller has no address.",
        since=now,
    )
    grant = give(tenant, 10 * CENT)
    for number in range(2):
        same = {"amount_cents": 100, "created_at": now, "idempotency_key": f"{number}"}
        payment = Payment.objects.create(
            tenant=tenant,
            kind="bank_transfer",
            status=PaymentStatus.SUCCEEDED,
            settled_at=now,
            **same,
        )
        Refund.objects.create(tenant=tenant, payment=payment, reason="late", **same)
        withdraw_credit(
            grant=grant,
            amount_nanos=CENT,
            reason="wrong",
            idempotency_key=f"{number}",
            now=now,
        )
    CreditExpiry.objects.create(
        tenant=tenant, grant=grant, amount_nanos=CENT, expired_at=now
    )


@pytest.mark.parametrize("path", LISTS)
def test_every_head_sorts_and_a_reload_shows_the_same(people, full, path):
    """A page may have several lists; each head turns its own."""
    client, path = people.client(LISTS[path]), path.format(**full)
    heads = re.findall(r'class="sorted-head" href="([^"]+)"', client.get(path).text)
    lists = {head.split("=")[0] for head in heads}
    assert lists
    for head in heads:
        address = path + unescape(head)
        shown = client.get(address)
        assert shown.status_code == 200, address
        assert shown.text.count("aria-sort=") == len(lists), address
        assert rows_of(client.get(address)) == rows_of(shown)
        turned = sorted_heads(shown)
        for place, (_, query) in enumerate(turned):
            again = sorted_heads(client.get(path + unescape(query)))
            is_kept = [new[0] == old[0] for new, old in zip(again, turned, strict=True)]
            assert is_kept == [other != place for other in range(len(turned))]


def sorted_heads(answer):
    """(order, query of the next click) of each list on the page."""
    return re.findall(
        r'aria-sort="(\w+)"[^>]*><a class="sorted-head" href="([^"]+)"', answer.text
    )


@pytest.mark.parametrize("path", ["/billing/", "/operator/payments/"])
@pytest.mark.usefixtures("full")
def test_two_lists_of_a_page_are_told_apart_by_who_hears_it(people, path):
    payment, refund = Payment.objects.latest("pk"), Refund.objects.latest("pk")
    address = f"{path}?after={payment.pk}&refunds_after={refund.pk}"

    text = people.client(LISTS[path]).get(address).text

    pages = re.findall(r'<nav class="card-footer[^>]* aria-label="([^"]+)"', text)
    assert pages == ["Pages: Payments", "Pages: Refunds"]
    searches = re.findall(r'role="search" aria-label="([^"]+)"', text)
    assert len(searches) == len(set(searches)) > 0


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("sort=%00", 200),
        ("sort=password", 200),
        ("q=%00", 200),
        ("q=%25_'", 200),
        ("sort=x&q=" + "y" * 5_000, 200),
        ("after=x", 404),
        ("after=999999999999", 404),
        ("state=%00&status=%00&about=%00", 200),
    ],
)
def test_it_holds_on_whatever_is_asked(people, full, path, query, status):
    answer = people.client(LISTS[path]).get(f"{path.format(**full)}?{query}")

    assert answer.status_code == status


@pytest.mark.parametrize("path", LISTS.keys() - {"/settings/audit/"})
def test_a_search_that_finds_nothing_says_so_and_how_to_go_on(people, full, path):
    path = path.format(**full)
    page = people.client(
        LISTS[next(one for one in LISTS if one.format(**full) == path)]
    )
    text = page.get(f"{path}?q=nothing-like-it&sort=x").text

    assert "Nothing matches" in text
    assert 'value="nothing-like-it"' in text
    assert re.search(r'href="\?sort=x">\s*Show all', text)


def rows_of(answer):
    """Without the tokens of their forms, and the seconds that are left: both are others
    each time.
    """
    text = re.sub(r'value="\w{64}"', "", answer.text)
    text = re.sub(r'(<time class="countdown"[^>]*>)[^<]*', r"\1", text)
    return re.findall(r"<tr>.*?</tr>", text, flags=re.DOTALL)
