import pytest

from billing.domain.taxes import EU_COUNTRIES
from billing.errors import InvalidVatIdError
from billing.services.taxes.check_vat_id import check_vat_id

# Numbers that the registers' own documents and python-stdnum give as examples.
VALID = {
    "AT": "ATU13585627",
    "BE": "BE0428759497",
    "DE": "DE136695976",
    "DK": "DK13585628",
    "EE": "EE100931558",
    "ES": "ESA78304516",
    "FI": "FI20774740",
    "FR": "FR40303265045",
    "GR": "EL094259216",
    "IE": "IE6433435F",
    "IT": "IT00743110157",
    "LU": "LU15027442",
    "NL": "NL004495445B01",
    "PL": "PL8567346215",
    "PT": "PT501964843",
    "SE": "SE123456789701",
}


@pytest.mark.parametrize(("country", "vat_id"), VALID.items())
def test_it_works(country, vat_id):
    assert check_vat_id(vat_id, country=country) == vat_id
    assert check_vat_id(vat_id[2:], country=country) == vat_id
    spaced = f" {vat_id[:2].lower()} {vat_id[2:5]} {vat_id[5:]} "
    assert check_vat_id(spaced, country=country) == vat_id


def test_greece_goes_by_either_prefix():
    assert check_vat_id("GR 094259216", country="GR") == "EL094259216"


@pytest.mark.parametrize("country", sorted(EU_COUNTRIES))
def test_it_refuses_what_no_country_gives(country):
    with pytest.raises(InvalidVatIdError):
        check_vat_id("12", country=country)


def test_it_refuses_a_mistyped_digit():
    with pytest.raises(InvalidVatIdError, match="begins with DE"):
        check_vat_id("DE136695977", country="DE")


def test_it_refuses_the_id_of_another_country():
    with pytest.raises(InvalidVatIdError):
        check_vat_id("DE136695976", country="FR")


def test_elsewhere_only_the_form_counts():
    assert check_vat_id("che-123.456.788", country="CH") == "CHE-123.456.788"
    with pytest.raises(InvalidVatIdError):
        check_vat_id("<b>", country="US")
