"""Who sells to whom: what the tax follows from, and what documents print."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from billing.domain.taxes import TaxQuestion
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


@dataclass(frozen=True, kw_only=True)
class Parties:
    """As they were when they were read."""

    seller: LegalEntity
    tenant: Tenant
    profile: TaxProfile | None
    """None: the tenant gave no billing details."""

    def tax_question(self, *, period_end: datetime) -> TaxQuestion:
        """With the rates of the last day that is billed. A tenant without billing
        details did not say where it is.
        """
        buyer = self.profile
        return TaxQuestion(
            seller_country=self.seller.country,
            seller_vat_id=self.seller.vat_id,
            buyer_country=buyer.country if buyer else "",
            buyer_vat_id=buyer.vat_id if buyer else "",
            buyer_is_business=buyer.is_business if buyer else False,
            on=(period_end - timedelta(microseconds=1)).astimezone(UTC).date(),
        )

    def describe_seller(self) -> dict[str, Any]:
        """As an issued document keeps it."""
        return {name: getattr(self.seller, name) for name in _SELLER}

    def describe_buyer(self) -> dict[str, Any]:
        """The same. A tenant without billing details is known by its name."""
        if self.profile is None:
            return {"name": self.tenant.name}
        return {name: getattr(self.profile, name) for name in _BUYER}


def read_parties(tenant: Tenant) -> Parties:
    """One query where the tenant says who sells to it, else two. Where there is no
    seller at all, one that is not kept yet.
    """
    profiles = TaxProfile.objects.select_related("legal_entity")
    profile = profiles.filter(tenant=tenant).first()
    chosen = profile.legal_entity if profile else None
    return Parties(seller=chosen or _first_seller(), tenant=tenant, profile=profile)


def keep_seller(seller: LegalEntity) -> LegalEntity:
    """In whose name something is issued; kept now, if it was not yet."""
    if seller.pk is not None:
        return seller
    kept, _ = LegalEntity.objects.get_or_create(
        number_prefix=seller.number_prefix, defaults={"name": seller.name}
    )
    return kept


def _first_seller() -> LegalEntity:
    first = LegalEntity.objects.order_by("pk").first()
    return first or LegalEntity(number_prefix="TF", name=_UNNAMED)
