"""Who sells and who buys, as an issued document keeps them."""

from typing import Any

from billing.models.taxes import LegalEntity, TaxProfile
from tenants.models import Tenant

_UNNAMED = "Tokenfab"
_SELLER = (
    *("name", "address", "postcode", "city", "country"),
    *("vat_id", "email", "iban", "bic"),
)
_BUYER = (
    *("name", "address", "postcode", "city", "country"),
    *("is_business", "vat_id", "email", "reference"),
)


def find_seller(tenant_id: int) -> LegalEntity:
    """The tenant's, or else the first one, which is made where there is none."""
    chosen = LegalEntity.objects.filter(tenants__tenant_id=tenant_id).first()
    chosen = chosen or LegalEntity.objects.order_by("pk").first()
    if chosen:
        return chosen
    made, _ = LegalEntity.objects.get_or_create(
        number_prefix="TF", defaults={"name": _UNNAMED}
    )
    return made


def describe_parties(
    tenant: Tenant, seller: LegalEntity
) -> tuple[dict[str, Any], dict[str, Any]]:
    """(seller, buyer). A tenant without billing details is known by its name."""
    profile = TaxProfile.objects.filter(tenant=tenant).first()
    buyer = (
        {name: getattr(profile, name) for name in _BUYER}
        if profile
        else {"name": tenant.name}
    )
    return {name: getattr(seller, name) for name in _SELLER}, buyer
