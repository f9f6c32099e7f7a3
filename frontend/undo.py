"""What was just ended comes back at one press of a button, for ten minutes.

The message that says so carries what is needed, signed: whose it is, what was done and
what was there before. Nothing is kept for it on the server.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib import messages
from django.core import signing
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from billing.services.webhooks.restore_webhook_endpoint import restore_webhook_endpoint
from frontend.access import Access
from frontend.limits.limit_forms import subjects_of
from tenants.domain.roles import Permission
from tenants.errors import InvalidLimitError, NameTakenError
from tenants.models import Budget, SpendLimit
from tenants.saved_view_models import SavedView
from tenants.services.restore_api_key import restore_api_key
from tenants.services.restore_invitation import restore_invitation
from tenants.services.restore_project import restore_project
from tenants.services.save_view import save_view
from tenants.services.set_budget import set_budget
from tenants.services.set_spend_limit import set_spend_limit
from tenants.services.subject import Subject, columns_of
from tenants.wire import SpendPeriod

UNDO_FOR = timedelta(minutes=10)
_SALT = "frontend.undo"
Facts = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Act:
    needs: Permission
    page: str
    """Where it is seen that it is back."""
    undo: Callable[[Access, Facts], str]
    """Its words are for the page. Raises TenantsError or BillingError."""


def offer_undo(
    request: HttpRequest, access: Access, told: str, *, act: str, **facts: Any
) -> None:
    """Says what was done, with a button beside it."""
    whose = {"user": access.user.pk, "tenant": access.tenant.pk}
    plain = {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in facts.items()
    }
    token = signing.dumps(
        {**whose, "act": act, "facts": plain}, salt=_SALT, compress=True
    )
    messages.success(request, told, extra_tags=token)


def read_undo(token: str, access: Access) -> tuple[Act, Facts] | None:
    """None: too late, or none that this user was offered in this tenant."""
    try:
        offered = signing.loads(token, salt=_SALT, max_age=UNDO_FOR)
    except signing.BadSignature:
        return None
    if (offered["user"], offered["tenant"]) != (access.user.pk, access.tenant.pk):
        return None
    return _ACTS[offered["act"]], offered["facts"]


def _project(access: Access, facts: Facts) -> str:
    archived_at = datetime.fromisoformat(facts["at"])
    found = restore_project(
        project_id=facts["id"], tenant=access.tenant, archived_at=archived_at
    )
    return _("%s is back, and its keys work again.") % found.name


def _api_key(access: Access, facts: Facts) -> str:
    found = restore_api_key(
        api_key_id=facts["id"], tenant=access.tenant, now=timezone.now()
    )
    return _("%s works again.") % found.name


def _invitation(access: Access, facts: Facts) -> str:
    found = restore_invitation(
        tenant=access.tenant,
        invitation_id=facts["id"],
        revoked_at=datetime.fromisoformat(facts["at"]),
        by=access.user,
    )
    return _("The invitation of %s holds: its link works again.") % found.email


def _webhook(access: Access, facts: Facts) -> str:
    found = restore_webhook_endpoint(
        tenant=access.tenant,
        endpoint_id=facts["id"],
        removed_at=datetime.fromisoformat(facts["at"]),
        now=timezone.now(),
    )
    return _("%s is told again what happens.") % found.url


def _view(access: Access, facts: Facts) -> str:
    mine = SavedView.objects.filter(tenant=access.tenant, user=access.user)
    if mine.filter(name=facts["name"]).exists():
        raise NameTakenError(_("There is a view of this name by now."))
    save_view(tenant=access.tenant, user=access.user, **facts)
    return str(_("The view %s is back.") % facts["name"])


def _budget(access: Access, facts: Facts) -> str:
    subject, period = _limited(access, facts, Budget)
    set_budget(
        subject=subject,
        period=period,
        amount_nanos=facts["amount_nanos"],
        thresholds_percent=facts["thresholds_percent"],
    )
    return _("The budget is back.")


def _spend_limit(access: Access, facts: Facts) -> str:
    subject, period = _limited(access, facts, SpendLimit)
    set_spend_limit(subject=subject, period=period, amount_nanos=facts["amount_nanos"])
    return _("The spend limit is back.")


def _limited(access: Access, facts: Facts, model: Any) -> tuple[Subject, SpendPeriod]:
    """Whose it was. Raises InvalidLimitError when that is gone, or has another."""
    named = subjects_of(access.tenant, named=facts["subject"]).get(facts["subject"])
    if named is None:
        raise InvalidLimitError(_("What it was of is gone."))
    rows = model.objects.filter(**columns_of(named[1]), period=facts["period"])
    if rows.exists():
        raise InvalidLimitError(_("Another one is in its place by now."))
    return named[1], SpendPeriod(facts["period"])


_ACTS = {
    "project": Act(needs=Permission.MANAGE, page="projects", undo=_project),
    "api_key": Act(needs=Permission.BUILD, page="api_keys", undo=_api_key),
    "invitation": Act(needs=Permission.MANAGE, page="members", undo=_invitation),
    "webhook": Act(needs=Permission.BUILD, page="webhooks", undo=_webhook),
    "view": Act(needs=Permission.VIEW, page="saved_views", undo=_view),
    "budget": Act(needs=Permission.PAY, page="budgets", undo=_budget),
    "spend_limit": Act(needs=Permission.LIMIT, page="limits", undo=_spend_limit),
}
