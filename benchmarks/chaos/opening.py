"""Opens the tenants of a chaos run by the real services; run in `manage.py shell`."""

import json

from django.utils import timezone

from tenants.models import Project, Tenant
from tenants.services.issue_api_key import issue_api_key
from tenants.services.open_tenant import open_tenant
from tenants.services.set_rate_limits import set_rate_limits
from tenants.services.set_spend_limit import set_spend_limit
from tenants.services.set_terms import set_terms
from tenants.wire import LimitKind, SpendPeriod


def open_all(wanted: str) -> None:
    """`wanted`: JSON, a list of `WantedTenant`. Prints their ids and keys."""
    print(json.dumps([_open(**one) for one in json.loads(wanted)]))


def raise_spend_limit(tenant_id: int, amount_nanos: int) -> None:
    set_spend_limit(
        subject=Tenant.objects.get(pk=tenant_id),
        period=SpendPeriod.DAY,
        amount_nanos=amount_nanos,
    )


def _open(
    *,
    name: str,
    is_prepaid: bool,
    refuses_without_limiter: bool,
    day_nanos: int | None,
    limits: dict[str, int],
    lanes: int,
) -> dict[str, object]:
    tenant = open_tenant(name=name, owner=None, now=timezone.now())
    set_terms(
        tenant_id=tenant.pk,
        is_prepaid=is_prepaid,
        are_cached_tokens_limited=False,
        refuses_without_limiter=refuses_without_limiter,
    )
    if day_nanos is not None:
        raise_spend_limit(tenant.pk, day_nanos)
    set_rate_limits(
        subject=tenant,
        limits={(LimitKind(kind), None): amount for kind, amount in limits.items()},
    )
    project = tenant.projects.order_by("pk")[0]
    keys = [_issue(project, number) for number in range(lanes)]
    return {"name": name, "tenant_id": tenant.pk, "keys": keys}


def _issue(project: Project, number: int) -> dict[str, object]:
    issued = issue_api_key(
        project=project,
        name=f"Lane {number}",
        created_by=None,
        now=timezone.now(),
        requests_per_minute=None,
        tokens_per_minute=None,
    )
    return {"api_key_id": issued.api_key.pk, "secret": issued.secret}
