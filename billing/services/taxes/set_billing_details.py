"""Keep what a tenant says of itself for its invoices."""

from dataclasses import dataclass

from django.db import transaction

from billing.models.taxes import TaxProfile
from billing.services.taxes.check_vat_id import check_vat_id
from tenants.models import Tenant
from tenants.services.note_act import note_act


@dataclass(frozen=True, kw_only=True)
class BillingDetails:
    name: str
    """Legal name."""
    address: str
    postcode: str
    city: str
    country: str
    """ISO 3166-1, two letters."""
    is_business: bool
    vat_id: str
    """As typed; empty: none."""
    email: str
    reference: str


@transaction.atomic
def set_billing_details(tenant: Tenant, details: BillingDetails) -> TaxProfile:
    """From the next invoice on; those issued keep what they say. Raises
    InvalidVatIdError.
    """
    vat_id = details.vat_id and check_vat_id(details.vat_id, country=details.country)
    profile, _ = TaxProfile.objects.update_or_create(
        tenant=tenant, defaults={**vars(details), "vat_id": vat_id}
    )
    words = f"{profile.name}, {profile.country}"
    note_act("billing.details_set", tenant_id=tenant.pk, about=profile, words=words)
    return profile
