"""`manage.py open_tenant NAME --email E --issue-key`"""

from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.core.validators import validate_email
from django.db import transaction
from django.utils import timezone

from tenants.domain.currency import checked_currency
from tenants.domain.names import clean_name
from tenants.errors import TenantsError
from tenants.models import Tenant, User
from tenants.services.issue_api_key import issue_api_key
from tenants.services.make_user_if_needed import make_user_if_needed
from tenants.services.open_tenant import open_tenant
from tenants.services.publish_key_policies import publish_key_policies

_KEY_NAME = "Issued by open_tenant"


class Command(BaseCommand):
    help = (
        "Opens a tenant. With --issue-key the last line printed is a secret that "
        "works at once; if the owner's tenant of that name exists, it gets a further "
        "key."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name")
        parser.add_argument("--email", help="the owner; made if there is none")
        parser.add_argument("--issue-key", action="store_true")
        parser.add_argument("--currency", help="of all its money, such as EUR")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 Django's
        try:
            secret = self._open(
                options["name"],
                options["email"],
                wants_key=options["issue_key"],
                currency=options["currency"],
            )
        except TenantsError as error:
            raise CommandError(str(error)) from error
        if secret:
            # The service publishes too, but only logs a failure; this key must work.
            publish_key_policies()
            self.stdout.write(secret)

    @transaction.atomic
    def _open(
        self, name: str, email: str | None, *, wants_key: bool, currency: str | None
    ) -> str | None:
        owner = make_user_if_needed(_checked(email)) if email else None
        tenant = _existing(name, owner)
        if tenant and not wants_key:
            raise CommandError(f"The tenant {name!r} exists (slug {tenant.slug}).")
        if tenant and currency and checked_currency(currency) != tenant.currency:
            raise CommandError(f"The tenant {name!r} pays in {tenant.currency}.")
        if tenant:
            self.stdout.write(f"The tenant exists (slug {tenant.slug}); a further key:")
        else:
            tenant = open_tenant(
                name=name, owner=owner, now=timezone.now(), currency=currency
            )
            self.stdout.write(f"Opened the tenant {tenant.name} (slug {tenant.slug}).")
        return _issue(tenant, owner) if wants_key else None


def _checked(email: str) -> str:
    try:
        validate_email(email)
    except ValidationError as error:
        raise CommandError(f"{email!r} is no e-mail address.") from error
    return email


def _existing(name: str, owner: User | None) -> Tenant | None:
    """The tenant of that name, if it is the owner's.

    A stranger may have signed up under any name: his tenant must not get the key, and
    neither must two tenants be mistaken for one.
    """
    namesakes = Tenant.objects.filter(name=clean_name(name) or "")
    mine = list((namesakes.filter(members__user=owner) if owner else namesakes)[:2])
    if len(mine) == 1:
        return mine[0]
    if mine:
        raise CommandError(f"Several tenants are named {name!r}; issue keys by pages.")
    if namesakes.exists():
        raise CommandError(
            f"The tenant {name!r} exists and belongs to somebody else; "
            "choose another name."
        )
    return None


def _issue(tenant: Tenant, owner: User | None) -> str:
    project = tenant.projects.order_by("id").first()
    if project is None:
        raise CommandError(f"The tenant {tenant.slug} has no project to hold a key.")
    issued = issue_api_key(
        project=project, name=_KEY_NAME, created_by=owner, now=timezone.now()
    )
    return issued.secret
