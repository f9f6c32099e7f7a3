from dataclasses import replace

import pytest

from billing.errors import InvalidVatIdError
from billing.models.taxes import LegalEntity, TaxProfile
from billing.services.taxes.set_billing_details import (
    BillingDetails,
    set_billing_details,
)

DETAILS = BillingDetails(
    name="Acme SARL",
    address="1 rue de la Paix",
    postcode="69001",
    city="Lyon",
    country="FR",
    is_business=True,
    vat_id="fr 40 303265045",
    email="accounts@acme.example",
    reference="PO 7",
)


def test_it_works(tenant):
    set_billing_details(tenant, DETAILS)
    profile = TaxProfile.objects.get(tenant=tenant)
    assert (profile.name, profile.city) == ("Acme SARL", "Lyon")
    assert profile.vat_id == "FR40303265045"


def test_a_second_call_changes_the_same_row_and_nothing_else(tenant):
    first = set_billing_details(tenant, DETAILS)
    entity = LegalEntity.objects.create(name="Seller")
    TaxProfile.objects.filter(pk=first.pk).update(legal_entity=entity)
    set_billing_details(tenant, replace(DETAILS, city="Paris", vat_id=""))
    profile = TaxProfile.objects.get(tenant=tenant)
    assert (profile.pk, profile.city, profile.vat_id) == (first.pk, "Paris", "")
    assert profile.legal_entity == entity


def test_it_refuses_a_vat_id_of_another_country(tenant):
    with pytest.raises(InvalidVatIdError):
        set_billing_details(tenant, replace(DETAILS, country="DE"))
    assert not TaxProfile.objects.exists()
