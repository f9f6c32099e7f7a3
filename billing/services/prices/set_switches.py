"""Switch something on or off for all tenants."""

from django.db import transaction

from billing.services.prices.publish_price_vectors import publish_price_vectors
from tenants.services.note_staff_act import note_staff_act
from tenants.services.read_switches import forget_switches
from tenants.switches_models import THE_ROW, Switches

FIELDS = (
    "sign_ups",
    "has_playground",
    "sells_leases",
    "sells_cached_prompts",
    "banner_text",
    "banner_url",
)


@transaction.atomic
def set_switches(wanted: Switches) -> list[str]:
    """Names of what changed; each is in the log of staff. Processes go by it within
    seconds, and proxies are told at commit whether leases are sold.
    """
    Switches.objects.get_or_create(pk=THE_ROW)
    row = Switches.objects.select_for_update().get(pk=THE_ROW)
    changed = [name for name in FIELDS if getattr(row, name) != getattr(wanted, name)]
    for name in changed:
        setattr(row, name, getattr(wanted, name))
        words = f"{name}: {getattr(row, name) or 'none'}"
        note_staff_act("switches.set", about=row, words=words)
    row.save(update_fields=changed or None)
    transaction.on_commit(forget_switches)
    if "sells_leases" in changed:
        transaction.on_commit(publish_price_vectors, robust=True)
    return changed
