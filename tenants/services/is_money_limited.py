"""Whether the proxies hold money for each call of a key before it runs."""

from django.db.models import Q

from tenants.models import ApiKey, SpendLimit


def is_money_limited(api_key: ApiKey) -> bool:
    """Prepaid credit, or a spend limit of the key, its project or its tenant."""
    if api_key.tenant.is_prepaid:
        return True
    of_tenant = Q(project=None, api_key=None)
    its_own = Q(api_key=api_key.pk) | Q(project=api_key.project_id)
    limits = SpendLimit.objects.filter(tenant=api_key.tenant_id)
    return limits.filter(of_tenant | its_own).exists()
