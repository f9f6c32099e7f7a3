"""Tenants, health, deliveries, switches and the public status page, as pictures."""

import json
from datetime import timedelta

import pytest

from billing.models.webhooks import WebhookMessage
from billing.services.plans.start_subscription import start_subscription
from billing.services.webhooks.ping_webhook import ping_webhook
from metering.domain.components import API, PORTAL, USAGE, Health
from metering.services.report_incident import update_incident
from metering.status_models import ComponentDay, Impact, Phase
from tenants.mail_models import SentMail
from tenants.models import Restriction
from tenants.services.publish_key_policies import publish_key_policies
from tenants.services.suspend_tenant import suspend_tenant
from tenants.services.task_runs import TaskRun, note_task_run
from tenants.switches_models import Switches
from tests.billing.plans import make_plan
from tests.billing.webhooks import make_endpoint
from tests.factories import (
    make_engine,
    make_rate_limit,
    make_spend_limit,
    make_tenant,
    make_user,
)
from tests.frontend.believable import a_month_of_calls, record
from tests.frontend.browser.test_screenshots import LOOKS, folder_of, take
from tests.frontend.incidents import make_incident

pytestmark = pytest.mark.browser
USD = 1_000_000_000


@pytest.fixture
def tenants(people, version, now):
    record(a_month_of_calls([people.api_key], [version], now), now)
    plan = make_plan(code="scale", name="Scale")
    start_subscription(tenant_id=people.tenant.pk, plan=plan, now=now)
    make_rate_limit(subject=people.tenant, amount=3000)
    make_spend_limit(subject=people.tenant, amount_nanos=200 * USD)
    names = ("Brandt Analytics", "Cloudberry Labs", "Døgn AS", "Ångström Imaging")
    for days, name in enumerate(names):
        owner = make_user(email=f"owner{days}@tenants.example")
        begun = now - timedelta(days=40 * days + 3)
        make_tenant(name=name, owner=owner, now=begun)
    people.strangers_tenant.restriction = Restriction.NO_NEW_KEYS
    people.strangers_tenant.save()
    suspend_tenant(tenant_id=people.strangers_tenant.pk, reason="Stolen cards", now=now)
    return people


@pytest.fixture
def deliveries(people, now):
    endpoint = make_endpoint(people.tenant, url="https://acme.example/hooks/tokenfab")
    for _ in range(4):
        ping_webhook(endpoint, now=now)
    first, second, third, _ = WebhookMessage.objects.order_by("pk")
    rows = WebhookMessage.objects
    rows.filter(pk=first.pk).update(delivered_at=now, next_try_at=None, attempts=1)
    rows.filter(pk=second.pk).update(failed_at=now, next_try_at=None, attempts=9)
    rows.filter(pk=third.pk).update(next_try_at=now + timedelta(minutes=20), attempts=4)
    first.tries.create(
        tenant=people.tenant, attempted_at=now, duration_ms=87, status=204, answer=""
    )
    mails = [
        ("invitation", "nora@acme.example", "", ""),
        ("invoice", "olga@acme.example", "document:1", ""),
        ("dunning", "olga@acme.example", "", ""),
        ("budget", "olga@acme.example", "", "(421, b'4.3.2 Try again later')"),
        ("confirmation", "stefan@other.example", "", ""),
    ]
    for kind, to, about, error in mails:
        tenant = None if kind == "confirmation" else people.tenant
        SentMail.objects.create(
            kind=kind, recipient=to, about=about, error=error, tenant=tenant
        )
    return first


@pytest.fixture
def measured(version, now, settings, tmp_path):
    """90 days with two bad ones, an incident that goes on and one that is over."""
    make_engine(served_model=version.served_model, name="engine-1", checked_at=now)
    ready = {"state": "ready", "overall": 1, "step": 4, "steps": 4, "title": "Ready"}
    settings.ENGINE_PROGRESS_FILE = tmp_path / "progress.json"
    settings.ENGINE_PROGRESS_FILE.write_text(json.dumps(ready | {"updated_at": 1}))
    for component in (API, PORTAL, USAGE, f"model:{version.served_model.name}"):
        ComponentDay.objects.bulk_create(
            ComponentDay(
                component=component,
                day=now.date() - timedelta(days=days),
                probes=1440,
                degraded=12 if (component, days) == (USAGE, 8) else 0,
                failed=31 if component != PORTAL and days == 21 else 0,
                health=Health.UP,
                probed_at=now,
            )
            for days in range(75)
        )
    over = make_incident(
        now - timedelta(days=21),
        title="Calls failed after an upgrade",
        impact=Impact.MAJOR,
    )
    update_incident(
        over,
        phase=Phase.RESOLVED,
        text="The engines were started anew with the version before.",
        now=now - timedelta(days=21) + timedelta(minutes=31),
    )
    return make_incident(
        now - timedelta(minutes=12),
        title="Slower first tokens",
        phase=Phase.IDENTIFIED,
        text="One engine is being replaced. Calls are answered by the others.",
    )


@pytest.fixture
def working(people, valkey, now):
    del people, valkey
    publish_key_policies()
    for name, error in {
        "metering.tasks.roll_up_usage": "",
        "billing.tasks.rate_usage": "",
        "billing.tasks.send_document_mails": "TimeoutError: the mail server",
    }.items():
        run = TaskRun(ended_at=now, seconds=0.042, worker="tokenfab:81", error=error)
        note_task_run(name, run)


@pytest.mark.usefixtures("working")
@pytest.mark.parametrize("look", LOOKS, ids=folder_of)
def test_what_operators_look_after(visit, tenants, deliveries, measured, look):
    folder, tenant = folder_of(look), tenants.tenant.pk
    other = tenants.strangers_tenant.pk
    operator = make_user(email="root@x.example", is_staff=True, is_superuser=True)
    pages = {
        "operator-tenants-found": "/operator/?currency=USD&sort=-opened",
        "operator-tenants-none": "/operator/?q=nobody",
        "operator-tenant-served": f"/operator/tenants/{tenant}/",
        "operator-tenant-suspended": f"/operator/tenants/{other}/",
        "operator-tenant-limits": f"/operator/tenants/{tenant}/limits/",
        "operator-suspend": f"/operator/tenants/{tenant}/suspend/",
        "operator-health": "/operator/health/",
        "operator-mails": "/operator/deliveries/",
        "operator-mails-none": "/operator/deliveries/?q=nobody",
        "operator-webhooks": "/operator/deliveries/webhooks/",
        "operator-webhook": f"/operator/deliveries/webhooks/{deliveries.message_id}/",
        "operator-incidents": "/operator/incidents/",
        "operator-incident": f"/operator/incidents/{measured.pk}/",
        "operator-switches": "/operator/switches/",
        "operator-status": "/status/",
    }
    take(visit, operator, folder, pages, **look)


@pytest.mark.parametrize("look", LOOKS, ids=folder_of)
def test_what_everybody_sees(visit, people, measured, look):
    del measured
    Switches.objects.create(
        sign_ups="invited",
        has_playground=False,
        banner_text="On Sunday from 06:00 UTC engines are upgraded.",
        banner_url="https://status.example/upgrade",
    )
    folder = folder_of(look)
    pages = {
        "status-measured": "/status/",
        "sign-up-by-invitation": "/accounts/signup/",
        "landing-by-invitation": "/",
    }
    take(visit, None, folder, pages, **look)
    suspend_tenant(
        tenant_id=people.tenant.pk,
        reason="Payment details could not be verified; write to billing@x.example.",
        now=people.tenant.created_at,
    )
    pages = {"suspended": "/keys/"}
    take(visit, people.users["owner"], folder, pages, **look)
