"""Every page, light and dark, wide and narrow, as pictures for people to look at."""

import json
import time
from datetime import timedelta

import pytest
from django.core.mail import send_mail
from django.utils import timezone

from billing.domain.spend_counters import Spender, held_key, spent_key
from billing.models.invoices import Invoice
from billing.services.credit.grant_credit import grant_credit
from billing.services.invoices.issue_invoice import issue_invoice
from inference.cached_prompt_models import CachedPrompt
from inference.lease_models import Lease
from inference.models import Engine
from metering.domain.limit_keys import (
    day_of,
    limit_key,
    month_of,
    requests_day_key,
    requests_month_key,
)
from metering.services import shipped_up_to as shipping
from tenants.wire import LimitKind, Scope, SpendPeriod
from tests.billing.money import seed, spend
from tests.factories import (
    make_api_key,
    make_budget,
    make_engine,
    make_rate_limit,
    make_spend_limit,
)
from tests.frontend.believable import (
    a_month_of_calls,
    call,
    priced_second_model,
    record,
)
from tests.frontend.believable_leases import leases_in_every_state
from tests.frontend.believable_prompts import (
    calls_with,
    make_capacities,
    prompts_in_every_state,
)
from tests.frontend.browser.axe import barriers

pytestmark = pytest.mark.browser

USD = 1_000_000_000
LOADING = {
    "state": "loading",
    "step": 3,
    "steps": 4,
    "title": "Loading smollm2-135m-instruct",
    "fraction": 0.4,
    "overall": 0.72,
    "eta_seconds": 48,
    "message": "vLLM is reading the weights into memory.",
    "error": None,
    "model": "smollm2-135m-instruct",
    "is_simulator": False,
}


@pytest.fixture
def limited(people, valkey, settings, tmp_path, monkeypatch):
    """A prepaid tenant with limits and budgets of every kind, and use of each."""
    monkeypatch.setattr(shipping, "WRITE_MARGIN", timedelta(0))
    settings.JOURNAL_FOLDER = tmp_path
    tenant, key = people.tenant, people.api_key
    tenant.is_prepaid = True
    tenant.save()
    grant_credit(
        tenant=tenant,
        amount_nanos=250 * USD,
        reason="bank transfer",
        idempotency_key="1",
        now=timezone.now(),
    )
    make_spend_limit(subject=tenant, amount_nanos=200 * USD)
    make_spend_limit(subject=key, period=SpendPeriod.DAY, amount_nanos=20 * USD)
    make_budget(subject=people.project, amount_nanos=90 * USD)
    make_rate_limit(subject=tenant, amount=3000)
    make_rate_limit(subject=tenant, kind=LimitKind.REQUESTS_PER_MONTH, amount=100_000)
    make_rate_limit(subject=people.project, kind=LimitKind.REQUESTS_PER_DAY, amount=500)
    make_rate_limit(subject=key, amount=600)
    make_rate_limit(subject=key, kind=LimitKind.TOKENS_PER_MINUTE, amount=1_000_000)
    make_rate_limit(subject=key, amount=20, model="qwen3-32b")
    seed()
    spend(valkey, key, 18_372_450_000)
    valkey.hset(held_key(tenant.pk), mapping={"tenant": 4_210_000, "key:0": 1})
    of_tenant = Spender(Scope.TENANT, tenant.pk)
    for spender in (of_tenant, Spender(Scope.PROJECT, people.project.pk)):
        month = spent_key(tenant.pk, spender, SpendPeriod.MONTH, timezone.now())
        valkey.set(month, 91_204_118_302)
    of_project = limit_key(tenant.pk, "project", people.project.pk, None)
    valkey.set(requests_day_key(of_project, day_of(timezone.now())), 411)
    of_all = limit_key(tenant.pk, "tenant", tenant.pk, None)
    valkey.set(requests_month_key(of_all, month_of(timezone.now())), 38_114)


@pytest.fixture
def full(people, version, now, settings, tmp_path):
    """The tenant after a busy month; an invoice is issued, a draft is open."""
    first = make_engine(
        served_model=version.served_model, name="engine-1", checked_at=now
    )
    second = priced_second_model()
    make_engine(served_model=second.served_model, name="engine-2", checked_at=now)
    owner = people.users["owner"]
    staging, _ = make_api_key(
        project=people.project,
        name="Staging",
        mode="test",
        created_by=people.users["colleague"],
        created_at=now - timedelta(days=12),
        expires_at=now + timedelta(days=20),
        allowed_models=["smollm2-135m-instruct"],
        requests_per_minute=60,
    )
    make_api_key(
        project=people.project,
        name="Laptop of last summer",
        created_by=owner,
        created_at=now - timedelta(days=140),
        revoked_at=now - timedelta(days=3),
    )
    people.project.api_keys.update(last_used_at=now - timedelta(minutes=4))
    calls = a_month_of_calls([people.api_key, staging], [version, second], now)
    record([*calls, call(people.strangers_key, version, now)], now)
    leases_in_every_state(people.api_key, version, first, now)
    ready, *_ = prompts_in_every_state(people.api_key, version.served_model, first, now)
    record(calls_with(ready, people.api_key, version, now), now)
    make_capacities(first, now)
    settings.ENGINE_PROGRESS_FILE = tmp_path / "engine_progress.json"
    mine = Invoice.objects.filter(tenant=people.tenant).order_by("period_start")
    *earlier, current = mine
    for invoice in earlier:
        issue_invoice(invoice.pk, now=now)
    return current


def take(visit, user, folder, pages, **options):
    """A picture of each page, which nothing is too wide for or in anybody's way on."""
    faults = []
    with visit(user, **options) as seen:
        for name, path in pages.items():
            seen.open(path)
            seen.screenshot(folder, name)
            found = seen.overflow() + barriers(seen.page)
            faults += [f"{path} ({folder}): {fault}" for fault in found]
    assert not faults, "\n".join(faults)


LOOKS = [
    {"scheme": scheme, "width": width}
    for scheme in ("light", "dark")
    for width in (1440, 390)
]


def folder_of(look):
    return f"{look['width']}-{look['scheme']}"


@pytest.mark.parametrize("look", LOOKS, ids=folder_of)
def test_every_page_can_be_shown(visit, people, full, mail_folder, look):
    folder = folder_of(look)
    send_mail(
        "Your Tokenfab code: A1B2C3",
        "Your code is\n\n    A1B2C3\n",
        None,
        ["olga@acme.example"],
    )
    mail = next(mail_folder.glob("*.log")).name
    issued = Invoice.objects.exclude(status="draft").first()
    entrance = {
        "landing": "/",
        "sign-up": "/accounts/signup/",
        "sign-in": "/accounts/login/",
        "password-reset": "/accounts/password/reset/",
        "password-reset-sent": "/accounts/password/reset/done/",
        "spent-link": "/accounts/password/reset/key/1-nothing/",
        "status-public": "/status/",
        "mailbox": "/dev/mailbox/",
        "mail": f"/dev/mailbox/{mail}:0/",
    }
    take(visit, None, folder, entrance, **look)
    key = people.api_key.pk
    ready, degraded, warming, ended = CachedPrompt.objects.order_by("pk")
    lease = Lease.objects.held().values_list("lease_id", flat=True)[0]
    portal = {
        "overview": "/",
        "keys": "/keys/",
        "key-create": "/keys/new/",
        "key": f"/keys/{key}/",
        "key-revoke": f"/keys/{key}/revoke/",
        "usage-24h": "/usage/?range=24h",
        "usage-7d": "/usage/",
        "usage-30d-by-model": "/usage/?range=30d&by=model",
        "calls": "/usage/calls/",
        "calls-filtered": "/usage/calls/?outcome=client_gone&range=30d",
        "calls-none": "/usage/calls/?ms=80000000",
        "leases": "/leases/",
        "prompts": "/prompts/",
        "prompt-create": "/prompts/new/",
        "prompt-ready": f"/prompts/{ready.public_id}/",
        "prompt-degraded": f"/prompts/{degraded.public_id}/",
        "prompt-warming": f"/prompts/{warming.public_id}/",
        "prompt-ended": f"/prompts/{ended.public_id}/",
        "prompt-extend": f"/prompts/{ready.public_id}/extend/",
        "prompt-delete": f"/prompts/{ready.public_id}/delete/",
        "lease-extend": f"/leases/{lease}/extend/",
        "lease-release": f"/leases/{lease}/release/",
        "invoices": "/invoices/",
        "invoice-draft": f"/invoices/{full.pk}/",
        "settings": "/settings/",
        "retention": f"/settings/projects/{people.project.pk}/leases/",
        "text-retention": f"/settings/projects/{people.project.pk}/texts/",
        "sign-out": "/accounts/logout/",
        "password-change": "/accounts/password/change/",
    }
    if issued:
        portal["invoice-issued"] = f"/invoices/{issued.pk}/"
    take(visit, people.users["owner"], folder, portal, **look)
    operator = {
        "operator": "/operator/",
        "operator-tenant": f"/operator/tenants/{people.tenant.pk}/",
        "operator-invoices": "/operator/invoices/",
        "operator-now": "/operator/now/",
        "operator-log": "/operator/log/",
        "operator-engines": "/operator/engines/",
        "operator-margin": "/operator/margin/",
        "operator-engine": f"/operator/engines/{Engine.objects.earliest('pk').pk}/",
    }
    take(visit, people.users["staff"], folder, operator, **look)


@pytest.mark.parametrize("width", [360, 2560])
def test_pages_fit_the_smallest_and_the_widest_window(visit, people, full, width):
    pages = {
        "overview": "/",
        "usage": "/usage/?range=30d&by=model",
        "calls": "/usage/calls/",
        "leases": "/leases/",
        "members": "/settings/members/",
        "invoice": f"/invoices/{full.pk}/",
        "key-create": "/keys/new/",
    }
    take(visit, people.users["owner"], f"{width}-light", pages, width=width)
    operator = {"operator": "/operator/", "operator-invoices": "/operator/invoices/"}
    take(visit, people.users["staff"], f"{width}-light", operator, width=width)


@pytest.mark.usefixtures("limited")
@pytest.mark.parametrize("look", LOOKS, ids=folder_of)
def test_limits_and_spend_can_be_shown(visit, people, settings, look):
    key, folder = people.api_key.pk, folder_of(look)
    pages = {
        "limits": "/limits/",
        "spend-limit": f"/limits/spend/?subject=key:{key}&period=day",
        "budget": "/limits/budget/",
        "key-limits": f"/keys/{key}/limits/",
        "key-with-limits": f"/keys/{key}/",
        "credit": "/credit/",
        "auto-recharge": "/credit/auto/",
    }
    take(visit, people.users["owner"], folder, pages, **look)
    take(visit, people.users["colleague"], folder, {"limits-seen": "/limits/"}, **look)
    operator = {"operator-credit": f"/operator/tenants/{people.tenant.pk}/credit/"}
    take(visit, people.users["staff"], folder, operator, **look)
    settings.VALKEY_URL = "redis://127.0.0.1:1"
    take(visit, people.users["owner"], folder, {"limits-unknown": "/limits/"}, **look)


@pytest.mark.parametrize("look", LOOKS, ids=folder_of)
def test_the_first_hour_can_be_shown(visit, people, settings, tmp_path, look):
    """Nothing used, no key, and the engine still loading."""
    people.tenant.api_keys.all().delete()
    settings.ENGINE_IS_SIMULATOR = True
    settings.ENGINE_PROGRESS_FILE = tmp_path / "engine_progress.json"
    settings.ENGINE_PROGRESS_FILE.write_text(
        json.dumps({**LOADING, "updated_at": time.time()})
    )
    pages = {
        "empty-overview": "/",
        "empty-keys": "/keys/",
        "empty-usage": "/usage/",
        "empty-limits": "/limits/",
        "empty-calls": "/usage/calls/",
        "empty-leases": "/leases/",
        "empty-prompts": "/prompts/",
        "prompt-create-without-a-key": "/prompts/new/",
        "empty-invoices": "/invoices/",
        "empty-status": "/status/",
    }
    take(visit, people.users["owner"], folder_of(look), pages, **look)


def test_a_page_that_is_not_there(visit, people):
    with visit(people.users["owner"]) as seen:
        seen.open("/invoices/987654/")
        seen.screenshots("not-found")
        (complaint,) = seen.complaints
        assert "404" in complaint  # the browser's own note of the status
        seen.complaints.clear()
