from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse
from django.utils import timezone

from tenants.wire import SNAPSHOT_KIND
from tests.factories import make_api_key, make_project, make_tenant, make_user
from tests.published import published


@pytest.fixture
def operator(client):
    user = make_user(is_staff=True, is_superuser=True)
    client.force_login(user)
    return client


@pytest.mark.django_db
@pytest.mark.parametrize("model", ["tenant", "apikey", "user"])
def test_it_works(operator, model):
    user = make_user(email="ada@example.com")
    tenant = make_tenant(name="Acme", owner=user)
    api_key, _ = make_api_key(project=make_project(tenant=tenant))
    row: Any = {"tenant": tenant, "apikey": api_key, "user": user}[model]

    listed = operator.get(reverse(f"admin:tenants_{model}_changelist"))
    shown = operator.get(reverse(f"admin:tenants_{model}_change", args=[row.pk]))

    for page in (listed, shown):
        assert page.status_code == 200
        text = page.content.decode()
        assert tenant.cache_salt not in text
        assert bytes(api_key.digest).hex() not in text
        assert user.password not in text


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("state", "shown"), [("active", "Live"), ("expired", "Old"), ("revoked", "Gone")]
)
def test_keys_are_filtered_by_state(operator, state, shown):
    project, now = make_project(), timezone.now()
    make_api_key(project=project, name="Live")
    make_api_key(project=project, name="Old", expires_at=now)
    make_api_key(project=project, name="Gone", revoked_at=now)

    page = operator.get(reverse("admin:tenants_apikey_changelist"), {"state": state})

    assert [row.name for row in page.context["cl"].result_list] == [shown]


INLINES = ("ratelimits", "spendlimits", "budgets", "members", "projects")


def without_rows():
    return {
        f"{prefix}-{which}_FORMS": "0"
        for prefix in INLINES
        for which in ("TOTAL", "INITIAL")
    }


def act(client, model, action, row):
    return client.post(
        reverse(f"admin:tenants_{model}_changelist"),
        {"action": action, "_selected_action": [row.pk]},
    )


@pytest.mark.django_db(transaction=True)
def test_it_revokes_through_the_service(operator, valkey):
    api_key, _ = make_api_key()

    assert act(operator, "apikey", "revoke", api_key).status_code == 302

    api_key.refresh_from_db()
    assert api_key.revoked_at is not None
    assert published(valkey, SNAPSHOT_KIND).items[0]["state"] == "revoked"


@pytest.mark.django_db
def test_it_refuses_to_revoke_for_staff_who_may_only_look(client):
    looker = make_user(is_staff=True)
    looker.user_permissions.add(Permission.objects.get(codename="view_apikey"))
    client.force_login(looker)
    api_key, _ = make_api_key()

    act(client, "apikey", "revoke", api_key)

    api_key.refresh_from_db()
    assert api_key.revoked_at is None


@pytest.mark.django_db
@pytest.mark.parametrize("model", ["tenant", "apikey"])
def test_it_refuses_to_add_rename_or_delete(operator, model):
    tenant = make_tenant(name="Acme")
    api_key, _ = make_api_key(project=make_project(tenant=tenant))
    row: Any = {"tenant": tenant, "apikey": api_key}[model]

    pages = [
        operator.get(reverse(f"admin:tenants_{model}_add")),
        operator.post(reverse(f"admin:tenants_{model}_delete", args=[row.pk])),
    ]

    assert [page.status_code for page in pages] == [403, 403]
    saved = operator.post(
        reverse(f"admin:tenants_{model}_change", args=[row.pk]),
        {"name": "Changed", **without_rows()},
    )
    assert saved.status_code == 302
    row.refresh_from_db()
    assert row.name != "Changed"


@pytest.mark.django_db
def test_it_refuses_to_let_staff_make_themselves_superusers(client):
    staff = make_user(is_staff=True)
    staff.user_permissions.add(
        *Permission.objects.filter(codename__in=["view_user", "change_user"])
    )
    client.force_login(staff)

    client.post(
        reverse("admin:tenants_user_change", args=[staff.pk]),
        {"is_active": "on", "is_staff": "on", "is_superuser": "on"},
    )

    staff.refresh_from_db()
    assert not staff.is_superuser


@pytest.mark.django_db
def test_it_refuses_users_who_are_no_staff(client):
    client.force_login(make_user())

    assert client.get(reverse("admin:index")).status_code in {302, 403}


@pytest.mark.django_db
def test_its_sign_in_is_the_portals(client):
    """Which counts failed attempts; the admin's own form would not."""
    answer = client.get(reverse("admin:login"))

    assert answer.status_code == 302
    assert answer.url.startswith("/accounts/login/")
