"""The five who try every page: owner, colleague, stranger, anonymous, staff."""

from dataclasses import dataclass, field
from datetime import timedelta

from django.test import Client
from django.utils import timezone

from tenants.models import ApiKey, Project, Tenant, User
from tests.factories import (
    make_api_key,
    make_member,
    make_project,
    make_tenant,
    make_user,
)

HOST = "127.0.0.1"
NAMES = ("owner", "colleague", "stranger", "anonymous", "staff")


def client_of(user: User | None) -> Client:
    client = Client(headers={"host": HOST})
    if user:
        client.force_login(
            user, backend="allauth.account.auth_backends.AuthenticationBackend"
        )
    return client


@dataclass(kw_only=True)
class People:
    tenant: Tenant
    project: Project
    api_key: ApiKey
    secret: str
    users: dict[str, User | None]
    strangers_tenant: Tenant
    strangers_key: ApiKey
    _clients: dict[str, Client] = field(default_factory=dict)

    @classmethod
    def gather(cls) -> "People":
        owner = make_user(email="olga@acme.example")
        colleague = make_user(email="carl@acme.example")
        stranger = make_user(email="stefan@other.example")
        staff = make_user(email="staff@tokenfab.example", is_staff=True)
        tenant = make_tenant(name="Acme", owner=owner)
        make_member(tenant=tenant, user=colleague)
        project = make_project(tenant=tenant)
        api_key, secret = make_api_key(
            project=project,
            name="Backend",
            created_by=owner,
            created_at=timezone.now() - timedelta(days=45),
        )
        strangers_tenant = make_tenant(name="Other", owner=stranger)
        strangers_project = make_project(tenant=strangers_tenant)
        strangers_key, _ = make_api_key(project=strangers_project, name="Secret plan")
        return cls(
            tenant=tenant,
            project=project,
            api_key=api_key,
            secret=secret,
            users={
                "owner": owner,
                "colleague": colleague,
                "stranger": stranger,
                "anonymous": None,
                "staff": staff,
            },
            strangers_tenant=strangers_tenant,
            strangers_key=strangers_key,
        )

    def client(self, name: str) -> Client:
        if name not in self._clients:
            self._clients[name] = client_of(self.users[name])
        return self._clients[name]
