import pytest

from billing.models.taxes import TaxProfile

FIELDS = {
    "name": "Acme SARL",
    "address": "1 rue de la Paix",
    "postcode": "69001",
    "city": "Lyon",
    "country": "FR",
    "is_business": "on",
    "vat_id": "40303265045",
    "email": "",
    "reference": "PO 7",
}
PATH = "/settings/billing/"


def test_it_works(people):
    owner = people.client("owner")
    response = owner.post(PATH, FIELDS)
    assert response.status_code == 302
    profile = TaxProfile.objects.get(tenant=people.tenant)
    assert profile.vat_id == "FR40303265045"
    assert profile.is_business
    assert "FR40303265045" in owner.get("/settings/").content.decode()
    shown = owner.get(PATH).content.decode()
    assert 'value="FR40303265045"' in shown
    assert '<option value="FR" selected>France</option>' in shown


def test_it_refuses_a_vat_id_of_another_country_in_clear_words(people):
    response = people.client("owner").post(PATH, {**FIELDS, "country": "DE"})
    assert response.status_code == 422
    text = response.content.decode()
    assert "is not a VAT id of DE: it begins with DE" in text
    assert 'value="Lyon"' in text
    assert not TaxProfile.objects.exists()


@pytest.mark.parametrize("name", ["name", "address", "city", "country"])
def test_it_refuses_to_leave_out_what_an_invoice_must_say(people, name):
    response = people.client("owner").post(PATH, {**FIELDS, name: ""})
    assert response.status_code == 422
    assert not TaxProfile.objects.exists()


def test_it_refuses_a_colleague(people):
    assert people.client("colleague").post(PATH, FIELDS).status_code == 403
    assert not TaxProfile.objects.exists()


def test_a_stranger_changes_its_own(people):
    people.client("stranger").post(PATH, FIELDS)
    assert TaxProfile.objects.get().tenant == people.strangers_tenant
