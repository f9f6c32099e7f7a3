"""The management API, asked by those who may and those who may not."""

import json
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from billing.services.api_access.issue_staff_token import issue_staff_token
from tenants.domain.roles import Role
from tenants.models import Tenant
from tests.factories import (
    make_api_key,
    make_member,
    make_project,
    make_tenant,
    make_user,
)

_numbers = count(1)


@dataclass
class Caller:
    """Asks as one of those whom the API knows; `ask` gives the answer."""

    client: Client
    headers: dict[str, str] = field(default_factory=dict)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        given = self.headers | {k.replace("_", "-"): v for k, v in headers.items()}
        if method == "POST":
            given.setdefault("idempotency-key", f"test-{next(_numbers)}")
        return self.client.generic(
            method,
            f"/api/v1/{path}",
            "" if body is None else json.dumps(body),
            content_type="application/json",
            headers={name: value for name, value in given.items() if value},
        )

    def get(self, path: str, **headers: str) -> Any:
        return self.ask("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.ask("POST", path, body, **headers)


@dataclass
class Callers:
    tenant: Tenant
    key: Caller
    owner: Caller
    colleague: Caller
    stranger: Caller
    """A key of another tenant."""
    staff: Caller
    """A staff token that names the tenant."""
    nobody: Caller


def key_of(tenant: Tenant) -> Caller:
    project = tenant.projects.first() or make_project(tenant=tenant)
    _, secret = make_api_key(project=project)
    return Caller(Client(), {"authorization": f"Bearer {secret}"})


def signed_in(tenant: Tenant, role: Role) -> Caller:
    user = make_user()
    make_member(tenant=tenant, user=user, role=role)
    client = Client()
    client.force_login(user)
    return Caller(client)


@pytest.fixture
def callers(tenant, valkey) -> Callers:
    del valkey  # empty: nothing is known of what is spent
    cache.clear()
    now = timezone.now()
    secret = issue_staff_token(
        name="books", now=now, expires_at=now + timedelta(days=1)
    )
    return Callers(
        tenant=tenant,
        key=key_of(tenant),
        owner=signed_in(tenant, Role.OWNER),
        colleague=signed_in(tenant, Role.DEVELOPER),
        stranger=key_of(make_tenant(name="Other")),
        staff=Caller(
            Client(),
            {"authorization": f"Bearer {secret}", "tokenfab-tenant": tenant.slug},
        ),
        nobody=Caller(Client()),
    )
