"""Every page and every act, tried by a member of each role."""

import pytest
from django.db import transaction
from django.urls import URLPattern, reverse

from frontend.urls import urlpatterns
from tenants.domain.roles import PERMISSIONS, Permission, Role
from tests.factories import make_member, make_user
from tests.frontend.people import client_of

# What a POST needs, by the names of `frontend.urls`.
ACTS = {
    "create_api_key": Permission.BUILD,
    "rename_api_key": Permission.BUILD,
    "revoke_api_key": Permission.BUILD,
    "rotate_api_key": Permission.BUILD,
    "end_overlap": Permission.BUILD,
    "take_rotation_back": Permission.BUILD,
    "key_leaked": Permission.BUILD,
    "restore_api_key": Permission.BUILD,
    "leaks": Permission.MANAGE,
    "create_cached_prompt": Permission.BUILD,
    "extend_cached_prompt": Permission.BUILD,
    "renew_cached_prompt": Permission.BUILD,
    "delete_cached_prompt": Permission.BUILD,
    "playground_secret": Permission.BUILD,
    "leave_playground": Permission.BUILD,
    "extend_lease": Permission.BUILD,
    "release_lease": Permission.BUILD,
    "save_view": Permission.VIEW,
    "rename_view": Permission.VIEW,
    "delete_view": Permission.VIEW,
    "add_webhook": Permission.BUILD,
    "change_webhook": Permission.BUILD,
    "rotate_webhook": Permission.BUILD,
    "remove_webhook": Permission.BUILD,
    "ping_webhook": Permission.BUILD,
    "replay_webhooks": Permission.BUILD,
    "replay_webhook_message": Permission.BUILD,
    "key_limits": Permission.LIMIT,
    "spend_limit": Permission.LIMIT,
    "remove_spend_limit": Permission.LIMIT,
    "budget": Permission.PAY,
    "remove_budget": Permission.PAY,
    "retention": Permission.LIMIT,
    "text_retention": Permission.MANAGE,
    "credit_threshold": Permission.PAY,
    "top_up": Permission.PAY,
    "auto_recharge": Permission.PAY,
    "stop_auto_recharge": Permission.PAY,
    "add_card": Permission.PAY,
    "billing_portal": Permission.PAY,
    "change_card": Permission.PAY,
    "pay_invoice": Permission.PAY,
    "change_plan": Permission.PAY,
    "cancel_plan": Permission.PAY,
    "keep_plan": Permission.PAY,
    "redeem_coupon": Permission.PAY,
    "billing_details": Permission.PAY,
    "settings": Permission.MANAGE,
    "projects": Permission.MANAGE,
    "rename_project": Permission.MANAGE,
    "archive_project": Permission.MANAGE,
    "members": Permission.MANAGE,
    "change_role": Permission.MANAGE,
    "resend_invitation": Permission.MANAGE,
    "revoke_invitation": Permission.MANAGE,
    "remove_member": Permission.VIEW,  # oneself; of others the service decides
    "undo": Permission.VIEW,  # each act asks for its own
    "check_line": Permission.VIEW,
    "switch_tenant": Permission.VIEW,
}
# Pages that are seen by those alone who may act on them; their acts are above.
SEEN_BY_ALL = {"leaks", "settings", "projects", "members"}
# Pages that change nothing, and still are not for everybody.
PAGES = {
    "pay_top_up": Permission.PAY,
    "playground": Permission.BUILD,
    "audit_log": Permission.MANAGE,
    "audit_csv": Permission.MANAGE,
}
# In front of the door: they know no tenant.
OUTSIDE = {
    "leaked_keys",
    "report_leaked_keys",
    "healthz",
    "overview",
    "status",
    "status_json",
    "mailbox",
    "mail",
    "invitation",
    "choose_language",
    "texts",
}
_SHAPES = {
    "code": "pro",
    "member_id": 2**40,
    "day": "2026-11-01",
    "hour": "2026-11-01T10",
    "message_id": "none",
    "endpoint_id": "00000000-0000-7000-8000-000000000000",
    "lease_id": "00000000-0000-7000-8000-000000000000",
    "public_id": "00000000-0000-7000-8000-000000000000",
}


def tenant_routes() -> dict[str, str]:
    """Name of each tenant's page -> its address, with ids that nobody has."""
    routes = {}
    for pattern in urlpatterns:
        assert isinstance(pattern, URLPattern)
        name = pattern.name
        path = str(pattern.pattern)
        if name is None or path.startswith("operator/") or name in OUTSIDE:
            continue
        given = {key: _SHAPES.get(key, 1) for key in pattern.pattern.converters}
        routes[name] = reverse(f"frontend:{name}", kwargs=given)
    return routes


@pytest.fixture
def client(people, role):
    user = people.users["owner"]
    if role != Role.OWNER:
        user = make_user(email=f"{role}@acme.example")
        make_member(tenant=people.tenant, user=user, role=role)
    client = client_of(user)
    client.raise_request_exception = True
    return client


def status_of(client, method, address):
    """What was changed is taken back."""
    with transaction.atomic():
        status = getattr(client, method)(address).status_code
        transaction.set_rollback(True)
    return status


@pytest.mark.parametrize("role", Role)
def test_an_act_is_refused_to_roles_without_its_permission(client, role):
    for name, address in tenant_routes().items():
        status = status_of(client, "post", address)
        if name not in ACTS:
            assert status == 405, f"{name} takes a POST: say in ACTS what it needs"
        else:
            is_allowed = ACTS[name] in PERMISSIONS[role]
            assert (status != 403) == is_allowed, (name, status)


@pytest.mark.parametrize("role", Role)
def test_a_page_is_shown_to_roles_with_its_permission(client, role):
    for name, address in tenant_routes().items():
        status = status_of(client, "get", address)
        needed = PAGES.get(name) or ACTS.get(name, Permission.VIEW)
        is_allowed = name in SEEN_BY_ALL or needed in PERMISSIONS[role]
        assert is_allowed or status in {403, 405}, (name, status)
        assert not is_allowed or status != 403, name


@pytest.mark.parametrize("role", [Role.DEVELOPER])
def test_no_act_is_named_that_is_gone(client, role):
    del client, role
    assert ACTS.keys() | PAGES.keys() <= tenant_routes().keys()
