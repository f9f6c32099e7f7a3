"""One tenant of the demo: its people, projects, keys, and what they once set up."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from allauth.account.models import EmailAddress

from billing.models.plans import Plan, Subscription
from billing.models.taxes import TaxProfile
from billing.models.webhooks import WebhookEndpoint
from billing.services.plans.change_plan import change_plan
from billing.services.plans.start_subscription import start_subscription
from billing.services.taxes.set_billing_details import (
    BillingDetails,
    set_billing_details,
)
from billing.services.webhooks.add_webhook_endpoint import add_webhook_endpoint
from config.demo.catalogue import Shelf, seller_of_demo
from config.demo.characters import Character, KeyPlan
from tenants.domain.actors import Actor, ActorKind
from tenants.domain.roles import Role
from tenants.models import ApiKey, Project, Tenant, User
from tenants.services.accept_invitation import accept_invitation
from tenants.services.create_project import create_project
from tenants.services.invite_member import invite_member
from tenants.services.issue_api_key import issue_api_key
from tenants.services.open_tenant import DEFAULT_PROJECT_NAME, open_tenant
from tenants.services.revoke_api_key import revoke_api_key
from tenants.services.save_view import save_view
from tenants.services.set_budget import set_budget
from tenants.services.set_rate_limits import set_rate_limits
from tenants.services.set_retention import set_retention
from tenants.services.set_spend_limit import set_spend_limit
from tenants.wire import KvTier, LimitKind, OnFull, Retention, SpendPeriod

NANOS = 1_000_000_000
_VIEWS = (
    ("Cached share by model", "range=month&by=model"),
    ("Spend by key", "range=month&by=key&show=cost"),
)


@dataclass(kw_only=True)
class Company:
    character: Character
    shelf: Shelf
    password: str | None
    """Of all its people; None: nobody can sign in as them."""
    tenant: Tenant = field(init=False)
    owner: User = field(init=False)
    projects: dict[str, Project] = field(default_factory=dict)
    keys: dict[str, tuple[ApiKey, KeyPlan]] = field(default_factory=dict)

    @property
    def actor(self) -> Actor:
        """The owner; before there is one, by the address."""
        owner_id = self.owner.pk if hasattr(self, "owner") else None
        name = self.character.address_of("owner")
        return Actor(kind=ActorKind.USER, id=owner_id, name=name)

    def open(self, now: datetime) -> None:
        character = self.character
        self.owner = self._user("owner", now)
        self.tenant = open_tenant(
            name=character.name,
            owner=self.owner,
            now=now,
            currency=character.currency,
        )
        self.projects[DEFAULT_PROJECT_NAME] = self.tenant.projects.get()
        for name in character.projects:
            if name not in self.projects:
                self.projects[name] = create_project(
                    tenant=self.tenant, name=name, now=now
                )
        self._choose_plan(now)

    def _choose_plan(self, now: datetime) -> None:
        plan = Plan.objects.get(code=self.character.plan)
        has_plan = Subscription.objects.filter(tenant=self.tenant).exists()
        act = change_plan if has_plan else start_subscription
        act(tenant_id=self.tenant.pk, plan=plan, now=now)
        self.tenant.refresh_from_db()

    def say_who_pays(self, now: datetime) -> None:  # noqa: ARG002  as every act
        character = self.character
        set_billing_details(
            self.tenant,
            BillingDetails(
                name=character.name,
                address=character.address,
                postcode=character.postcode,
                city=character.city,
                country=character.country,
                is_business=True,
                vat_id="",
                email=character.address_of("finance"),
                reference="PO 2207" if character.country == "DE" else "",
            ),
        )
        TaxProfile.objects.filter(tenant=self.tenant).update(
            legal_entity=seller_of_demo(self.tenant)
        )

    def issue_key(self, plan: KeyPlan, now: datetime) -> None:
        issued = issue_api_key(
            project=self.projects[plan.project],
            name=plan.name,
            created_by=self.owner,
            now=now,
        )
        self.keys[plan.name] = (issued.api_key, plan)

    def revoke_key(self, plan: KeyPlan, now: datetime) -> None:
        api_key, _ = self.keys.pop(plan.name)
        revoke_api_key(api_key_id=api_key.pk, tenant=self.tenant, now=now)

    def let_join(self, role: Role, number: int, now: datetime) -> None:
        address = self.character.address_of(f"{role.value}{number or ''}")
        invited = invite_member(
            tenant=self.tenant, email=address, role=role, by=self.owner, now=now
        )
        user = self._user(f"{role.value}{number or ''}", now)
        accept_invitation(
            secret=invited.secret, user=user, now=now + timedelta(hours=3)
        )

    def invite_one_more(self, now: datetime) -> None:
        """Who has not answered yet."""
        invited = invite_member(
            tenant=self.tenant,
            email=self.character.address_of("new-colleague"),
            role=Role.DEVELOPER,
            by=self.owner,
            now=now,
        )
        invited.invitation.sent_at = now
        invited.invitation.save(update_fields=["sent_at"])

    def set_limits(self, now: datetime) -> None:  # noqa: ARG002  as every act
        set_rate_limits(
            subject=self.tenant,
            limits={
                (LimitKind.REQUESTS_PER_MINUTE, None): 3_000,
                (LimitKind.CONCURRENT_REQUESTS, None): 200,
            },
        )
        set_budget(
            subject=self.tenant, period=SpendPeriod.MONTH, amount_nanos=250 * NANOS
        )
        first = next(iter(self.keys.values()))[0]
        set_spend_limit(subject=first, period=SpendPeriod.DAY, amount_nanos=150 * NANOS)

    def keep_conversations(self, project: str, now: datetime) -> None:  # noqa: ARG002
        set_retention(
            project_id=self.projects[project].pk,
            tenant_id=self.tenant.pk,
            retention=Retention(
                timeout_seconds=600,
                tier=KvTier.AUTO,
                on_full=OnFull.DEGRADE,
                honours_cache_hints=True,
            ),
        )

    def listen(self, now: datetime) -> None:
        """By webhook; `tidy.deliver` says how each delivery went."""
        add_webhook_endpoint(
            tenant=self.tenant,
            url=f"https://{self.character.slug}.example/hooks/tokenfab",
            description="Books and alerts",
            types=None,
            now=now,
        )

    def save_views(self, now: datetime) -> None:  # noqa: ARG002  as every act
        for name, query in _VIEWS:
            save_view(tenant=self.tenant, user=self.owner, name=name, query=query)

    @property
    def endpoints(self) -> list[WebhookEndpoint]:
        return list(self.tenant.webhook_endpoints.all())

    def _user(self, local: str, now: datetime) -> User:
        address = self.character.address_of(local)
        user = User.objects.create_user(address, self.password, date_joined=now)
        EmailAddress.objects.create(
            user=user, email=address, verified=True, primary=True
        )
        return user
