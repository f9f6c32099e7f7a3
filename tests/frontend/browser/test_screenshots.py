"""States of pages, light and dark, wide and narrow, as pictures to look at."""

import json
import time
from datetime import timedelta

import pytest
from django.utils import timezone

from billing.domain.spend_counters import Spender, held_key, spent_key
from billing.services.credit.grant_credit import grant_credit
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
    make_budget,
    make_rate_limit,
    make_spend_limit,
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
