"""Which of thousands of keys a form offers to choose from."""

from django.db.models import F, QuerySet

from tenants.models import ApiKey

KEYS_OFFERED = 100
"""Those used last. Others are reached from their pages."""


def offered_keys(keys: QuerySet[ApiKey], chosen: ApiKey | None) -> list[ApiKey]:
    """By name; with the chosen one, whenever it was used."""
    latest = keys.order_by(F("last_used_at").desc(nulls_last=True), "-pk")
    found = list(latest[:KEYS_OFFERED])
    if chosen and chosen not in found:
        found.append(chosen)
    return sorted(found, key=lambda key: (key.name, key.pk))


def find_key(keys: QuerySet[ApiKey], number: str) -> ApiKey | None:
    """The one whose id that is, as it comes from a form."""
    if not number.isdecimal() or len(number) > 18:  # noqa: PLR2004  fits a bigint
        return None
    return keys.filter(pk=int(number)).first()
