"""From where a key was last used, on its page and in the list."""

import socket
from datetime import timedelta

import msgspec
import pytest

from metering.wire import LastCaller, last_caller_key
from tenants.domain.roles import Role
from tenants.models import ApiKey, Member
from tests.factories import make_api_key

HERE, ELSEWHERE = "203.0.113.7", "2001:db8::7"


def tell(valkey, api_key, *, at, address=HERE, endpoint="", model=""):
    told = LastCaller(
        used_at_us=round(at.timestamp() * 1e6),
        address=address,
        endpoint=endpoint,
        model=model,
    )
    name = last_caller_key(api_key.tenant_id, api_key.pk)
    valkey.set(name, msgspec.json.encode(told))


@pytest.fixture
def silent_valkey(settings):
    """It takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        settings.VALKEY_URL = f"redis://127.0.0.1:{server.getsockname()[1]}"
        yield


def shown(people, path, *, by="owner"):
    page = people.client(by).get(path)
    assert page.status_code == 200
    return " ".join(page.content.decode().split())


def test_it_works(people, valkey, now):
    api_key = people.api_key
    tell(
        *(valkey, api_key),
        at=now - timedelta(minutes=3, seconds=5),
        endpoint="chat.completions",
        model="smollm2-135m-instruct",
    )
    for by in ("owner", "colleague"):
        page = shown(people, f"/keys/{api_key.pk}/", by=by)
        _, _, said = page.partition("Last used from</dt><dd>")
        said, _, _ = said.partition("</dd>")
        assert said.startswith(f"<code>{HERE}</code>, <time")
        assert ">3 minutes ago</time>" in said
        assert "chat.completions with smollm2-135m-instruct" in said
    assert f'from <span class="nowrap">{HERE}</span>, <time' in shown(people, "/keys/")


def test_a_use_that_is_not_metered(people, valkey, now):
    tell(valkey, people.api_key, at=now, address=ELSEWHERE)

    page = shown(people, f"/keys/{people.api_key.pk}/")
    assert f"<code>{ELSEWHERE}</code>" in page
    assert "without a metered call" in page
    assert ELSEWHERE in shown(people, "/keys/")


def test_a_revoked_key_still_tells(people, valkey, now):
    """Who revoked a key that leaked asks just then."""
    tell(valkey, people.api_key, at=now)
    ApiKey.objects.filter(pk=people.api_key.pk).update(revoked_at=now)

    assert HERE in shown(people, f"/keys/{people.api_key.pk}/")
    assert HERE in shown(people, "/keys/?state=ended")


def test_nothing_is_known(people, valkey, now):
    del valkey  # empty
    page = shown(people, f"/keys/{people.api_key.pk}/")
    assert "no use within 90 days is known" in page
    assert "not known right now" not in page + shown(people, "/keys/")

    of_page, _ = make_api_key(
        project=people.project,
        created_by=people.users["owner"],
        is_of_playground=True,
        expires_at=now,
    )
    page = shown(people, f"/keys/{of_page.pk}/")
    assert "Last used from</dt><dd><span" in page
    assert "the playground</span>" in page


@pytest.mark.parametrize("role", [Role.BILLING, Role.VIEWER])
def test_who_could_not_revoke_it_sees_no_address(people, valkey, now, role):
    tell(valkey, people.api_key, at=now)
    Member.objects.filter(user=people.users["colleague"]).update(role=role)

    page = shown(people, f"/keys/{people.api_key.pk}/", by="colleague")
    assert "Last used" in page
    for one in (page, shown(people, "/keys/", by="colleague")):
        assert HERE not in one
        assert "last used is not known" not in one
        assert "Last used from" not in one


def test_staff_who_look_on_see_no_address(people, valkey, now):
    tell(valkey, people.api_key, at=now)
    owner = Member.objects.get(user=people.users["owner"])
    staff = people.client("staff")
    address = f"/operator/tenants/{people.tenant.pk}/sign-in-as/"
    staff.post(address, {"member": owner.pk, "reason": "Ticket 12: keys"})

    page = staff.get(f"/keys/{people.api_key.pk}/").content.decode()
    assert people.api_key.name in page
    assert HERE not in page + staff.get("/keys/").content.decode()


@pytest.mark.usefixtures("silent_valkey")
def test_it_says_so_when_valkey_is_silent(people):
    page = shown(people, f"/keys/{people.api_key.pk}/")
    assert "Last used from</dt><dd><span" in page
    assert "not known right now" in page

    page = shown(people, "/keys/")
    assert people.api_key.name in page
    assert "From where keys were last used is not known right now." in page


def test_it_says_so_when_valkey_is_away(people, settings):
    settings.VALKEY_URL = "redis://127.0.0.1:1"

    assert "not known right now" in shown(people, f"/keys/{people.api_key.pk}/")
    assert "not known right now" in shown(people, "/keys/")


def test_the_list_asks_valkey_once(people, valkey, now):
    for number in range(20):
        api_key, _ = make_api_key(project=people.project, name=f"Key {number}")
        tell(valkey, api_key, at=now, address=f"203.0.113.{100 + number}")

    with valkey.monitor() as monitor:
        page = shown(people, "/keys/")
        valkey.echo("that was all")
        asked = []
        for said in monitor.listen():
            if "that was all" in said["command"]:
                break
            asked.append(said["command"])

    assert all(f"203.0.113.{100 + number}" in page for number in range(20))
    assert len([one for one in asked if "tokenfab:last_caller" in one]) == 1


def test_another_tenants_is_never_asked_for(people, valkey, now):
    """Though its row is under the id of this tenant's key, and the other way round."""
    tenant, theirs_too = people.strangers_tenant, people.strangers_key
    tell(valkey, theirs_too, at=now, address="198.51.100.1")
    said = valkey.get(last_caller_key(tenant.pk, theirs_too.pk))
    valkey.set(last_caller_key(tenant.pk, people.api_key.pk), said)

    theirs = f"/keys/{people.strangers_key.pk}/"
    assert people.client("owner").get(theirs).status_code == 404
    for path in ("/keys/", "/keys/?state=all", f"/keys/{people.api_key.pk}/"):
        assert "198.51.100.1" not in shown(people, path)
    assert "198.51.100.1" in shown(people, theirs, by="stranger")
