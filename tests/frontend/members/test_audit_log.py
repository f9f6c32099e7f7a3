"""The audit log: each act through the portal or the API is in it, with who did it."""

import csv
import io

import pytest
from django.urls import reverse

from frontend.members.audit_log import TITLES
from frontend.tables import ROWS
from tenants.audit_models import AuditEntry
from tenants.domain.actors import ActorKind
from tenants.services.note_act import note_act

PAGE = "/settings/audit/"


def entries(people):
    return AuditEntry.objects.filter(tenant=people.tenant).order_by("pk")


def write(people, count, action="tenant.renamed"):
    for number in range(count):
        note_act(
            action, tenant_id=people.tenant.pk, about=people.tenant, words=f"n{number}."
        )


def page_of(people, query="", name="owner"):
    return people.client(name).get(PAGE + query).content.decode()


def test_it_works(people):
    key = people.api_key
    people.client("owner").post(f"/keys/{key.pk}/revoke/")
    entry = entries(people).get()
    assert (entry.actor_kind, entry.actor_name) == ("user", "olga@acme.example")
    assert (entry.action, entry.about_id) == ("api_key.revoked", str(key.pk))
    page = page_of(people)
    assert "api_key.revoked" in page
    assert key.prefix in page
    assert "api_key.revoked" not in page_of(people, name="stranger")


def test_a_second_press_is_no_second_act(people):
    for _ in range(2):
        people.client("owner").post(f"/keys/{people.api_key.pk}/revoke/")
    assert entries(people).count() == 1


def test_a_secret_is_not_in_it(people):
    form = people.client("owner").get("/keys/new/").context["form"]
    answer = people.client("owner").post(
        "/keys/new/", {"form_id": form["form_id"].value(), "name": "New"}
    )
    entry = entries(people).get(action="api_key.issued")
    assert answer.context["secret"] not in entry.words
    assert "New" in entry.words


def test_what_a_key_does_is_by_the_key(people):
    answer = people.client("anonymous").post(
        "/api/v1/webhook_endpoints",
        {"url": "https://acme.example/hook"},
        content_type="application/json",
        headers={
            "authorization": f"Bearer {people.secret}",
            "idempotency-key": "once",
        },
    )
    assert answer.status_code == 201, answer.content
    entry = entries(people).get()
    assert (entry.actor_kind, entry.actor_id) == (ActorKind.KEY, people.api_key.pk)
    assert entry.action == "webhook.added"


def test_what_staff_do_is_by_staff(people):
    staff = people.users["staff"]
    staff.is_superuser = True
    staff.save()
    address = reverse("frontend:operator_credit", args=[people.tenant.pk])
    form = people.client("staff").get(address).context["form"]
    given = {bound.html_name: bound.value() or "" for bound in form}
    answer = people.client("staff").post(
        address,
        {**given, "kind": "purchased", "amount_nanos": "5", "reason": "Welcome"},
    )
    assert answer.status_code == 302
    entry = entries(people).get(action="credit.granted")
    assert (entry.actor_kind, entry.actor_name) == ("staff", staff.email)
    assert entry.words == "5: Welcome"


def test_it_pages_from_newest_to_oldest(people):
    write(people, ROWS + 3)
    first = page_of(people)
    last = entries(people)[3]
    assert f"n{ROWS + 2}." in first
    assert ">n2.<" not in first
    assert f"after={last.pk}" in first
    write(people, 1, action="tenant.later")
    second = page_of(people, f"?after={last.pk}")
    assert ">n2.<" in second
    assert "tenant.later" not in second
    assert "Next" not in second


@pytest.mark.parametrize(
    ("query", "is_there"),
    [
        ("?about=tenant.", True),
        ("?about=api_key.", False),
        ("?who=Tokenfab", True),
        ("?who=olga", False),
        ("?since=2020-01-01&until=2099-01-01", True),
        ("?since=2099-01-01", False),
        ("?until=2020-01-01", False),
        ("?since=yesterday&sort=x&about=nothing", True),
    ],
)
def test_it_filters(people, query, is_there):
    write(people, 1)
    assert (">n0.<" in page_of(people, query)) == is_there


def test_it_says_that_nothing_matches(people):
    assert "Nothing yet" in page_of(people)
    assert "Nothing matches" in page_of(people, "?who=olga")


def test_the_csv_has_what_the_filter_lets_through(people):
    write(people, 2)
    write(people, 1, action="plan.changed")
    client = people.client("owner")
    answer = client.get(PAGE + "audit.csv?about=tenant.")
    rows = list(csv.reader(io.StringIO(answer.getvalue().decode())))
    assert rows[0] == ["at", "who", "as", "action", "id", "words"]
    assert [row[5] for row in rows[1:]] == ["n1.", "n0."]
    assert rows[1][1:4] == ["Tokenfab", "system", "tenant.renamed"]


def test_every_family_of_actions_has_a_filter(people):
    client = people.client("owner")
    client.post("/settings/", {"name": "Acme Two"})
    client.post("/settings/members/", {"email": "n@acme.example", "role": "viewer"})
    families = {entry.action.partition(".")[0] for entry in entries(people)}
    assert families == {"tenant", "member"}
    assert {f"{one}." for one in families} <= set(TITLES)
