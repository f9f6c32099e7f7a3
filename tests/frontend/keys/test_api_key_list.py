"""The list of keys: found, sorted and paged, however many there are."""

import re
from datetime import timedelta

import pytest

from tenants.models import ApiKey
from tests.factories import make_api_key, make_project
from tests.frontend.people import client_of

DAY = timedelta(days=1)


def names(client, query=""):
    page = client.get(f"/keys/{query}").content.decode()
    return re.findall(r'data-label="Name"><a href="[^"]+">([^<]+)</a>', page)


@pytest.fixture
def many(people, now):
    """Beside the one of `people`: 120 keys, one a day, used the other way round."""
    ApiKey.objects.bulk_create(
        ApiKey(
            tenant=people.tenant,
            project=people.project,
            name=f"Worker {number:03}",
            prefix=f"tf_live_{number:04}",
            digest=bytes([number]) * 32,
            created_at=now - DAY * number,
            last_used_at=now - DAY * (200 - number),
        )
        for number in range(1, 121)
    )


@pytest.mark.usefixtures("many")
def test_it_works(people):
    owner = client_of(people.users["owner"])
    seen, query = [], ""
    while True:
        page = owner.get(f"/keys/{query}")
        shown = [key.name for key in page.context["page"].keys]
        seen += shown
        after = page.context["page"].next_after
        if after is None:
            break
        query = f"?after={after}"
    workers = [f"Worker {number:03}" for number in range(1, 121)]
    assert [name for name in seen if name != "Backend"] == workers  # the newest first
    assert len(seen) == len(set(seen)) == 121


@pytest.mark.usefixtures("many")
def test_it_is_sorted_and_found(people):
    owner = client_of(people.users["owner"])
    assert names(owner, "?sort=name")[:2] == ["Backend", "Worker 001"]
    assert names(owner, "?sort=-name")[0] == "Worker 120"
    assert names(owner, "?sort=-used")[0] == "Worker 120"
    assert names(owner, "?sort=used")[0] == "Backend"  # never used
    assert names(owner, "?q=worker+07") == [
        f"Worker 07{number}" for number in range(10)
    ]
    assert names(owner, f"?q={people.api_key.prefix}") == ["Backend"]
    assert names(owner, f"?q={people.secret}") == ["Backend"]
    assert names(owner, "?q=olga@") == ["Backend"]
    assert "No key matches" in owner.get("/keys/?q=xyzzy").content.decode()


def test_those_that_ended_are_asked_for(people, now):
    other = make_project(tenant=people.tenant, name="Other")
    make_api_key(project=people.project, name="Revoked", revoked_at=now)
    make_api_key(project=other, name="Expired", expires_at=now - DAY)
    owner = people.client("owner")
    assert names(owner) == ["Backend"]
    assert set(names(owner, "?state=ended")) == {"Revoked", "Expired"}
    assert set(names(owner, "?state=all")) == {"Revoked", "Expired", "Backend"}
    assert names(owner, f"?state=all&project={other.pk}") == ["Expired"]


def test_it_refuses_a_place_of_another_tenant(people):
    owner = people.client("owner")
    for place in (people.strangers_key.pk, "x", "9" * 30):
        assert owner.get(f"/keys/?after={place}").status_code == 404


def test_a_page_of_many_keys_asks_as_often(people, now, django_assert_max_num_queries):
    owner = people.client("owner")
    owner.get("/keys/")
    for number in range(40):
        made = make_project(tenant=people.tenant, name=f"P {number}")
        make_api_key(project=made, name=f"K {number}", created_at=now)
    with django_assert_max_num_queries(12):
        owner.get("/keys/")
