"""Usage by who made the keys."""

import csv
import io
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from frontend.usage.explorer import OTHERS, SERIES_MAX
from frontend.usage.makers import MAKERS_OFFERED
from tenants.models import Member
from tests.factories import make_api_key, make_member, make_user
from tests.frontend.believable import call, priced_second_model, record

OWNER, COLLEAGUE = "olga@acme.example", "carl@acme.example"
FORMER, OPERATOR = "No longer a member", "Operator or deleted user"
SPANS = ["range=24h", "range=30d"]


def key_of(people, user, name="Key", **fields):
    return make_api_key(project=people.project, name=name, created_by=user, **fields)[0]


@pytest.fixture
def keys(people, version, now):
    """Two of the owner, with three calls; one of the colleague, used by the playground,
    of somebody who left, and of nobody, with a call each.
    """
    left = make_user(email="lena@acme.example")
    colleague = people.users["colleague"]
    found = {
        "owner": people.api_key,
        "owners_other": key_of(people, people.users["owner"], "Batch"),
        "colleague": key_of(
            people,
            colleague,
            is_of_playground=True,
            expires_at=now + timedelta(minutes=5),
        ),
        "left": key_of(people, left),
        "nobody": key_of(people, None),
    }
    second = priced_second_model()
    calls = [call(key, version, now) for key in found.values()]
    record([*calls, call(people.api_key, second, now)], now)
    record([call(people.strangers_key, version, now)], now)
    return found


def member_of(people, name):
    return Member.objects.get(tenant=people.tenant, user=people.users[name])


def explored(people, query):
    return people.client("owner").get(f"/usage/?{query}").context["explored"]


def groups(people, query):
    return {one.title: one.total for one in explored(people, query).chart.groups}


@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize("span", SPANS)
def test_it_works(people, span):
    found = groups(people, f"{span}&by=member&show=requests")
    assert found == {OWNER: 3, COLLEAGUE: 1, FORMER: 1, OPERATOR: 1}
    assert next(iter(found)) == OWNER


@pytest.mark.parametrize("who", ["owner", "colleague"])
def test_minutes_are_counted_from_the_calls(people, keys, now, who):
    start = now.replace(second=0, microsecond=0)
    span = (
        f"from={start:%Y-%m-%dT%H:%M}&to={start + timedelta(minutes=1):%Y-%m-%dT%H:%M}"
    )
    found = explored(people, f"{span}&by=member&show=requests")
    assert found.chart.span.per == "minute"
    assert sum(one.total for one in found.chart.groups) == found.figures.requests == 6
    one = explored(people, f"{span}&member={member_of(people, who).pk}")
    assert one.figures.requests == {"owner": 3, "colleague": 1}[who]
    assert keys


@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize("span", SPANS)
@pytest.mark.parametrize("show", ["tokens", "requests", "cost"])
def test_members_add_up_to_the_whole(people, span, show):
    whole = explored(people, f"{span}&show={show}").chart
    by_member = explored(people, f"{span}&by=member&show={show}").chart
    assert sum(by_member.totals) == sum(whole.totals) > 0
    assert [row["sum"] for row in by_member.table] == [
        row["sum"] for row in whole.table
    ]


@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize("span", SPANS)
@pytest.mark.parametrize(
    ("who", "by_key"),
    [
        ("owner", {"Backend": 2, "Batch": 1}),
        ("colleague", {"Key": 1}),
        ("former", {"Key": 1}),
        ("operator", {"Key": 1}),
    ],
)
def test_it_is_narrowed_to_one(people, span, who, by_key):
    value = member_of(people, who).pk if who in people.users else who
    query = f"{span}&member={value}&show=requests"
    assert explored(people, query).figures.requests == sum(by_key.values())
    assert groups(people, f"{query}&by=key") == by_key
    assert list(groups(people, f"{query}&by=member").values()) == [sum(by_key.values())]
    assert sum(groups(people, f"{query}&by=model").values()) == sum(by_key.values())
    assert list(groups(people, f"{query}&by=project")) == ["Default"]


@pytest.mark.parametrize("span", SPANS)
def test_a_key_is_its_members(people, keys, span):
    query = f"{span}&key={keys['colleague'].pk}&show=requests"
    assert groups(people, f"{query}&by=member") == {COLLEAGUE: 1}
    owner = member_of(people, "owner")
    assert explored(people, f"{query}&member={owner.pk}").figures.requests == 0


def test_who_leaves_is_no_member_any_more(people, keys):
    member_of(people, "colleague").delete()
    found = groups(people, "range=24h&by=member&show=requests")
    assert found == {OWNER: 3, FORMER: 2, OPERATOR: 1}
    assert keys


def test_the_period_before_is_beside_it(people, version, now):
    earlier = now - timedelta(days=7)
    other = key_of(people, people.users["colleague"])
    record([call(people.api_key, version, at) for at in (now, now, earlier)], now)
    record([call(other, version, earlier)], now)
    owner = member_of(people, "owner").pk
    query = f"range=7d&show=requests&compare=1&member={owner}&by=member"
    found = explored(people, query)
    assert (found.figures.requests, found.before.requests) == (2, 1)
    (row,) = found.chart.table
    assert (row["requests"], row["before"]) == (2, 1)


@pytest.mark.parametrize("span", SPANS)
def test_more_members_than_colours_are_summed_into_one(people, version, now, span):
    calls = []
    for number in range(SERIES_MAX + 2):
        user = make_user(email=f"m{number}@acme.example")
        make_member(tenant=people.tenant, user=user)
        key = key_of(people, user)
        calls += [call(key, version, now) for _ in range(number + 1)]
    record(calls, now)
    for show in ("requests", "tokens"):
        found = list(groups(people, f"{span}&by=member&show={show}"))
        assert found == [f"m{n}@acme.example" for n in range(7, 1, -1)] + [OTHERS]
    assert groups(people, f"{span}&by=member&show=requests")[OTHERS] == 2 + 1


def test_hours_of_many_days_are_days(people):
    span = "range=7d&per=hour"
    assert explored(people, span).chart.span.per == "hour"
    for query in ("by=member", f"member={member_of(people, 'owner').pk}"):
        response = people.client("owner").get(f"/usage/?{span}&{query}")
        assert response.context["chart"].span.per == "day"
        assert ">By hour<" not in response.content.decode()
    assert ">By hour<" in people.client("owner").get(f"/usage/?{span}").content.decode()


def test_another_tenants_member_is_not_there(people):
    stranger = Member.objects.get(user=people.users["stranger"])
    mine = member_of(people, "colleague").pk
    for page in ("/usage/", "/usage/chart.csv", "/usage/usage.csv"):
        owner = people.client("owner")
        assert owner.get(f"{page}?member={mine}").status_code == 200
        for value in (stranger.pk, people.users["owner"].pk + 10**6, "x", "-1"):
            assert owner.get(f"{page}?member={value}").status_code == 404


@pytest.mark.usefixtures("keys")
def test_a_line_leads_to_its_member(people):
    page = people.client("owner").get("/usage/?range=24h&by=member&show=cost")
    html = page.content.decode()
    for value in (member_of(people, "owner").pk, "former", "operator"):
        assert f'href="?range=24h&amp;show=cost&amp;member={value}"' in html


@pytest.mark.usefixtures("keys")
def test_the_files_have_it(people):
    owner = people.client("owner")
    response = owner.get("/usage/chart.csv?range=7d&by=member&show=requests")
    rows = list(csv.reader(io.StringIO(b"".join(response.streaming_content).decode())))
    assert rows[0][:3] == ["start_utc", "requests", OWNER]
    assert sum(int(row[2]) for row in rows[1:]) == 3

    response = owner.get(f"/usage/usage.csv?member={member_of(people, 'owner').pk}")
    text = b"".join(response.streaming_content).decode()
    found = {
        (row["api_key_name"], row["api_key_made_by"])
        for row in csv.DictReader(io.StringIO(text))
    }
    assert found == {("Backend", OWNER), ("Batch", OWNER)}


def test_a_saved_view_keeps_it(people):
    query = f"range=30d&by=key&member={member_of(people, 'colleague').pk}&compare=1"
    owner = people.client("owner")
    said = {"name": "Carl", "query": query}
    assert owner.post("/usage/views/save/", said)["Location"] == f"/usage/?{query}"
    page = owner.get(f"/usage/?{query}").content.decode()
    assert f'value="{member_of(people, "colleague").pk}" selected>{COLLEAGUE}<' in page


def test_of_many_members_those_whose_keys_were_used_last_are_offered(people, now):
    for number in range(MAKERS_OFFERED + 5):
        user = make_user(email=f"m{number:03}@acme.example")
        make_member(tenant=people.tenant, user=user)
        key_of(people, user, last_used_at=now - timedelta(minutes=number))
    owner = people.client("owner")
    page = owner.get("/usage/").content.decode()
    assert f">m{MAKERS_OFFERED - 1:03}@acme.example<" in page
    assert f">m{MAKERS_OFFERED:03}@acme.example<" not in page
    last = Member.objects.get(user=user)
    page = owner.get(f"/usage/?member={last.pk}").content.decode()
    assert f'value="{last.pk}" selected>{user.email}<' in page


@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize("span", SPANS)
def test_keys_are_not_written_out_in_questions(people, version, now, span):
    """However many a member has: they are thousands."""

    def asked():
        with CaptureQueriesContext(connection) as queries:
            for query in (
                "by=member",
                f"member={member}&by=member",
                f"member={member}",
            ):
                assert owner.get(f"/usage/?{span}&{query}").status_code == 200
        return [len(one["sql"]) for one in queries]

    owner, member = people.client("owner"), member_of(people, "owner").pk
    owner.get("/usage/")
    before = asked()
    for number in range(40):
        key_of(people, people.users["owner"], f"Key {number}")
    record([call(people.api_key, version, now)], now)
    after = asked()
    assert len(after) <= len(before)
    assert sum(after) <= sum(before) + 3_000
