"""Who may ask, and for whom."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from billing.services.api_access.revoke_staff_token import revoke_staff_token
from tenants.domain.roles import Role
from tenants.models import ApiKey
from tests.billing.api.v1.conftest import Caller, signed_in
from tests.factories import make_tenant, make_user


@pytest.mark.parametrize("name", ["key", "owner", "colleague", "staff"])
def test_it_works(callers, name):
    answer = getattr(callers, name).get("credit")
    assert answer.status_code == 200
    assert answer["content-type"] == "application/json"


def test_it_refuses_nobody(callers):
    answer = callers.nobody.get("credit")
    assert answer.status_code == 401
    assert answer["www-authenticate"] == 'Bearer realm="Tokenfab"'
    assert answer.json()["error"]["code"] == "authentication_required"


@pytest.mark.parametrize(
    "secret", ["", "tf_live_x", "tf_staff_x", "tf_staff_", "\xff", "x y z"]
)
def test_it_refuses_a_secret_that_is_none(callers, secret):
    answer = callers.nobody.get("credit", authorization=f"Bearer {secret}")
    assert answer.status_code == 401
    assert answer.json()["error"] == {
        "message": "This key cannot be used.",
        "type": "authentication_error",
        "param": None,
        "code": "invalid_api_key",
    }


@pytest.mark.parametrize("field", ["revoked_at", "expires_at"])
def test_it_refuses_a_key_that_has_ended(callers, field):
    ApiKey.objects.filter(tenant=callers.tenant).update(
        **{field: timezone.now() - timedelta(seconds=1)}
    )
    assert callers.key.get("credit").status_code == 401


def test_it_refuses_a_key_whose_scopes_leave_it_out(callers):
    keys = ApiKey.objects.filter(tenant=callers.tenant)
    keys.update(scopes=["generate"])
    answer = callers.key.get("credit")
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "scope_missing"
    assert answer.json()["error"]["type"] == "permission_error"
    keys.update(scopes=["account"])
    assert callers.key.get("credit").status_code == 200


def test_it_refuses_a_revoked_staff_token(callers):
    revoke_staff_token("books", now=timezone.now())
    assert callers.staff.get("credit").status_code == 401


def test_staff_name_the_tenant_that_they_mean(callers):
    without = callers.staff.get("credit", tokenfab_tenant="")
    assert without.status_code == 400
    assert without.json()["error"]["code"] == "tenant_required"
    assert callers.staff.get("credit", tokenfab_tenant="nobody").status_code == 404


def test_others_reach_no_tenant_but_their_own(callers):
    other = make_tenant()
    for caller in (callers.key, callers.owner, callers.stranger):
        answer = caller.get("credit", tokenfab_tenant=other.slug)
        assert answer.status_code == 404
    own = callers.key.get("credit", tokenfab_tenant=callers.tenant.slug)
    assert own.status_code == 200


def test_a_member_of_two_tenants_names_the_second(callers):
    other = make_tenant()
    member = callers.tenant.members.get(role=Role.OWNER)
    other.members.create(
        user=member.user, role=Role.DEVELOPER, created_at=timezone.now()
    )
    callers.owner.post("webhook_endpoints", {"url": "https://example.com/"})
    (mine,) = callers.owner.get("webhook_endpoints").json()["data"]
    second = callers.owner.get("webhook_endpoints", tokenfab_tenant=other.slug)
    assert mine["url"] == "https://example.com/"
    assert second.json()["data"] == []


def test_staff_are_known_by_their_session_too(callers):
    client = Client()
    client.force_login(make_user(is_staff=True))
    staff = Caller(client)
    assert staff.get("credit").status_code == 400
    slug = callers.tenant.slug
    assert staff.get("credit", tokenfab_tenant=slug).status_code == 200


def test_somebody_without_a_tenant_sees_nothing(callers):
    client = Client()
    client.force_login(make_user())
    assert Caller(client).get("prices").status_code == 404
    assert callers.key.get("prices").status_code == 200


def test_it_refuses_changes_of_another_site(callers):
    """A cookie goes along with any request; the CSRF token does not."""
    owner = signed_in(callers.tenant, Role.OWNER)
    owner.client.handler.enforce_csrf_checks = True
    answer = owner.post("webhook_endpoints", {"url": "https://example.com/"})
    assert answer.status_code == 403
    assert "CSRF" in answer.json()["error"]["message"]
    assert not callers.tenant.webhook_endpoints.exists()


def test_it_refuses_too_many_requests(callers, settings):
    settings.API_REQUESTS_PER_MINUTE = 3
    answers = [callers.key.get("prices") for _ in range(8)]
    refused = [one for one in answers if one.status_code == 429]
    # Two minutes at most were counted in.
    assert 2 <= len(refused) <= 5
    assert 0 < int(refused[0]["retry-after"]) <= 60
    assert callers.stranger.get("prices").status_code == 200


def test_a_path_that_is_not_there_is_refused_in_our_words(callers):
    answer = callers.key.get("teapots")
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "not_found"


def test_it_refuses_a_method_that_is_not_there(callers):
    answer = callers.key.ask("DELETE", "prices")
    assert answer.status_code == 405
    assert "GET" in answer["allow"]
    assert answer.json()["error"]["code"] == "method_not_allowed"
