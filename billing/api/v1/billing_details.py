"""`/api/v1/billing_details`: what invoices say of the tenant, and taxes follow from."""

from typing import Annotated

import msgspec
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django_countries import countries
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api.v1.document import documented
from billing.api.v1.refusals import RefusedError
from billing.api.v1.texts import NO_NUL, FilledText, Name, Text
from billing.api.v1.view import ApiView
from billing.models.taxes import TaxProfile
from billing.services.taxes.set_billing_details import (
    BillingDetails,
    set_billing_details,
)
from tenants.domain.roles import Permission


class BillingDetailsDocument(msgspec.Struct, frozen=True, kw_only=True):
    """What was not said is empty."""

    name: str
    """Legal name."""
    address: str
    postcode: str
    city: str
    country: str
    """ISO 3166-1, two letters."""
    is_business: bool
    vat_id: str
    """With its country's prefix."""
    email: str
    """Where invoices are sent; empty: to the owners."""
    reference: str
    """The tenant's own, such as a number of an order."""


class BillingDetailsBody(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """All of them; what is left out is empty from then on."""

    name: FilledText
    address: FilledText
    city: Name
    country: Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{2}$")]
    postcode: Annotated[str, msgspec.Meta(max_length=20, pattern=NO_NUL)] = ""
    is_business: bool = False
    vat_id: Annotated[str, msgspec.Meta(max_length=30, pattern=NO_NUL)] = ""
    email: Text = ""
    reference: Annotated[str, msgspec.Meta(max_length=100, pattern=NO_NUL)] = ""


class BillingDetailsOfTenant(ApiView):
    @documented(
        name="show_billing_details",
        summary="Show what invoices say of the tenant",
        tag="invoices",
        answer=BillingDetailsDocument,
    )
    def get(self, request: Request) -> Response:
        del request
        profile = TaxProfile.objects.filter(tenant=self.tenant).first()
        if profile is None:
            # As an invoice would say it today.
            profile = TaxProfile(name=self.tenant.name, is_business=False)
        return Response(_describe(profile))

    @documented(
        name="set_billing_details",
        summary="Set what the next invoices say of the tenant (by role, and staff)",
        tag="invoices",
        body=BillingDetailsBody,
        answer=BillingDetailsDocument,
    )
    def put(self, request: Request) -> Response:
        del request
        self.refuse_unless(Permission.PAY)
        body = self.read_body(BillingDetailsBody)
        _check(body)
        details = BillingDetails(**msgspec.structs.asdict(body))
        return Response(_describe(set_billing_details(self.tenant, details)))


def _check(body: BillingDetailsBody) -> None:
    """Raises RefusedError."""
    if body.country not in countries:
        raise _wrong("country", f"{body.country} is no country of ISO 3166-1.")
    try:
        if body.email:
            validate_email(body.email)
    except ValidationError:
        raise _wrong("email", "This is no e-mail address.") from None


def _wrong(param: str, message: str) -> RefusedError:
    return RefusedError(message, code="invalid_value", param=param)


def _describe(profile: TaxProfile) -> BillingDetailsDocument:
    names = BillingDetailsDocument.__struct_fields__
    return BillingDetailsDocument(**{name: getattr(profile, name) for name in names})
