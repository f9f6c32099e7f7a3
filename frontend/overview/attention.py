"""What a tenant should look at now: each with where it is put right."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from billing.models.budget_alerts import BudgetAlert
from billing.models.credit import CreditGrant
from billing.models.event_cursors import CreditAlert
from billing.models.invoices import Invoice
from billing.models.payments import Payment, PaymentStatus
from billing.models.taxes import TaxProfile
from billing.models.webhooks import WebhookEndpoint
from frontend.access import Access
from frontend.formatting import amount_of_cents, short_amount
from frontend.invoices.invoice_list import sum_up
from frontend.lazy import lazy
from inference.cached_prompt_models import CachedPrompt, CachedPromptStatus
from tenants.models import Budget, Member, Restriction, Tenant
from tenants.services.publish_key_policies import published_api_keys

KEY_EXPIRES_WITHIN = timedelta(days=7)
STARTING = timedelta(days=30)
"""So long after its opening a tenant is shown what is left to set up."""
_RESTRICTED = {
    Restriction.WARNED: lazy("Nothing changes yet."),
    Restriction.NO_NEW_KEYS: lazy("No new keys can be made."),
    Restriction.NO_CALLS: lazy("Calls are refused."),
}


@dataclass(frozen=True, kw_only=True)
class Notice:
    text: str
    act: str
    """What helps, as the link says it."""
    url: str
    is_bad: bool = False


@dataclass(frozen=True, kw_only=True)
class SetUpStep:
    title: str
    url: str
    is_done: bool


def count_things(tenant: Tenant, *, now: datetime) -> Any:
    """The tenant, and of each thing that may need somebody how many there are: one
    question for all of them.
    """
    mine = {"tenant": OuterRef("pk")}
    declined = Payment.objects.filter(
        **mine, status=PaymentStatus.FAILED, invoice__status="issued"
    )
    degraded = CachedPrompt.objects.filter(**mine, status=CachedPromptStatus.DEGRADED)
    expiring = published_api_keys(now).filter(
        **mine,
        revoked_at=None,
        is_of_playground=False,
        expires_at__gt=now,
        expires_at__lte=now + KEY_EXPIRES_WITHIN,
    )
    webhooks = WebhookEndpoint.objects.in_use().filter(**mine, is_enabled=False)
    return Tenant.objects.annotate(
        declined_payments=_number(declined),
        degraded_prompts=_number(degraded),
        expiring_keys=_number(expiring),
        webhooks_off=_number(webhooks),
        budget_count=_number(Budget.objects.filter(**mine)),
        profile_count=_number(TaxProfile.objects.filter(**mine)),
        member_count=_number(Member.objects.filter(**mine)),
    ).get(pk=tenant.pk)


def _number(rows: QuerySet[Any]) -> Coalesce:
    counted = rows.order_by().values("tenant").annotate(number=Count("*"))
    return Coalesce(Subquery(counted.values("number")), Value(0))


def find_notices(things: Any, *, now: datetime) -> list[Notice]:
    """The worst first. `things`: of `count_things`."""
    found = [
        *_about_invoices(things, now),
        *_about_credit(things),
        *_about_budgets(things, now),
        *_about_webhooks(things.webhooks_off),
        *_about_prompts(things.degraded_prompts),
        *_about_keys(things.expiring_keys),
    ]
    return sorted(found, key=lambda one: not one.is_bad)


def _about_invoices(tenant: Any, now: datetime) -> Iterator[Notice]:
    mine = Invoice.objects.filter(tenant=tenant)
    overdue = sum_up(mine, now=now).overdue_cents
    url = f"{reverse('frontend:invoices')}?status=open"
    if overdue > 0:
        follows = _RESTRICTED.get(Restriction(tenant.restriction), "")
        text = _("%(amount)s of your invoices is overdue.") % {
            "amount": amount_of_cents(overdue)
        }
        yield Notice(
            text=f"{text} {follows}".strip(), act=_("Pay"), url=url, is_bad=True
        )
        return
    if tenant.declined_payments:
        yield Notice(
            text=_("A card payment of an open invoice was declined."),
            act=_("See the card"),
            url=reverse("frontend:billing"),
            is_bad=True,
        )


def _about_credit(tenant: Tenant) -> Iterator[Notice]:
    if not tenant.is_prepaid:
        return
    grants = CreditGrant.objects.filter(tenant=tenant)
    last = grants.order_by("-granted_at", "-pk").first()
    if last is None or CreditAlert.objects.filter(tenant=tenant, grant=last).exists():
        text = _("Your credit runs low.") if last else _("You have no credit yet.")
        url = reverse("frontend:top_up")
        yield Notice(text=text, act=_("Buy credit"), url=url, is_bad=last is None)


def _about_budgets(tenant: Tenant, now: datetime) -> Iterator[Notice]:
    month = now.date().replace(day=1)
    passed = BudgetAlert.objects.filter(
        tenant=tenant, period_starts_on=month, budget__period="month"
    )
    alert = passed.order_by("-threshold_percent").first()
    if alert is not None:
        yield Notice(
            text=_("%(percent)s %% of a budget of %(amount)s a month is spent.")
            % {
                "percent": alert.threshold_percent,
                "amount": short_amount(alert.amount_nanos),
            },
            act=_("Limits and spend"),
            url=reverse("frontend:limits"),
            is_bad=alert.threshold_percent >= 100,  # noqa: PLR2004  all of it
        )


def _about_webhooks(count: int) -> Iterator[Notice]:
    if count:
        yield Notice(
            text=ngettext(
                "A webhook is switched off: its messages did not arrive.",
                "%(count)s webhooks are switched off: their messages did not arrive.",
                count,
            )
            % {"count": count},
            act=_("Webhooks"),
            url=reverse("frontend:webhooks"),
        )


def _about_prompts(count: int) -> Iterator[Notice]:
    if count:
        yield Notice(
            text=ngettext(
                "A cached prompt is not held by all of its engines.",
                "%(count)s cached prompts are not held by all of their engines.",
                count,
            )
            % {"count": count},
            act=_("Cached prompts"),
            url=reverse("frontend:cached_prompts"),
        )


def _about_keys(count: int) -> Iterator[Notice]:
    if count:
        yield Notice(
            text=ngettext(
                "An API key expires within a week.",
                "%(count)s API keys expire within a week.",
                count,
            )
            % {"count": count},
            act=_("API keys"),
            url=reverse("frontend:api_keys"),
        )


def find_set_up(access: Access, things: Any, *, now: datetime) -> list[SetUpStep]:
    """What is left to do after the first call; none later, or when all is done. Only
    what the member may do.
    """
    if now - things.created_at > STARTING:
        return []
    steps = [SetUpStep(title=_("Make the first call"), url="", is_done=True)]
    if access.may_limit:
        url = reverse("frontend:budget")
        steps.append(
            SetUpStep(title=_("Set a budget"), url=url, is_done=things.budget_count > 0)
        )
    if access.may_pay:
        url = reverse("frontend:billing_details")
        steps.append(
            SetUpStep(
                title=_("Say who pays"), url=url, is_done=things.profile_count > 0
            )
        )
    if access.may_manage:
        url = reverse("frontend:members")
        steps.append(
            SetUpStep(
                title=_("Invite a colleague"), url=url, is_done=things.member_count > 1
            )
        )
    return [] if all(step.is_done for step in steps) else steps
