"""Amounts typed into the portal's forms, in the language of the page."""

import pytest
from django.forms import ValidationError
from django.utils import translation

from billing.models.event_cursors import CreditThreshold
from frontend.operator.invoice_forms import CentsField as InvoiceCentsField
from frontend.plans.plan_forms import BasisPointsField
from frontend.plans.plan_forms import CentsField as PlanCentsField
from tenants.money_field import MoneyField

GERMAN = {"accept-language": "de"}
ENGLISH = {"accept-language": "en"}
PATH = "/limits/credit/"


@pytest.fixture
def owner(people):
    people.tenant.is_prepaid = True
    people.tenant.save()
    return people.client("owner")


@pytest.mark.parametrize("language", [GERMAN, ENGLISH])
@pytest.mark.parametrize(
    ("typed", "nanos"),
    [
        ("12,50", 12_500_000_000),
        ("12.50", 12_500_000_000),
        ("1.234,50", 1_234_500_000_000),
        ("1,234.50", 1_234_500_000_000),
    ],
)
def test_it_works(owner, typed, nanos, language):
    answer = owner.post(PATH, {"amount_nanos": typed}, headers=language)

    assert answer.status_code == 302
    assert CreditThreshold.objects.get().amount_nanos == nanos


@pytest.mark.parametrize(
    ("typed", "language", "words"),
    [
        ("1.234", GERMAN, "1.234 kann 1234 oder 1,234 heißen"),
        ("1,234", ENGLISH, "1,234 may mean 1234 or 1.234"),
    ],
)
def test_it_refuses_what_may_mean_two_amounts(owner, typed, language, words):
    answer = owner.post(PATH, {"amount_nanos": typed}, headers=language)

    assert answer.status_code == 422
    assert words in answer.text
    assert f'value="{typed}"' in answer.text
    assert not CreditThreshold.objects.exists()


@pytest.mark.parametrize(("typed", "language"), [("1,234", GERMAN), ("1.234", ENGLISH)])
def test_decimals_of_the_language_are_never_thousands(owner, typed, language):
    owner.post(PATH, {"amount_nanos": typed}, headers=language)

    assert CreditThreshold.objects.get().amount_nanos == 1_234_000_000


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (MoneyField(), 1_234_000_000),
        (MoneyField(), 1_234_567_890_000_000),
        (PlanCentsField(), 1_234_50),
    ],
)
@pytest.mark.parametrize("language", ["de", "en"])
def test_what_a_form_shows_is_read_back_as_the_same(field, value, language):
    with translation.override(language):
        assert field.clean(field.prepare_value(value)) == value


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (InvoiceCentsField(), 1_250),
        (PlanCentsField(), 1_250),
        (BasisPointsField(), 1_250),
    ],
)
def test_every_field_takes_a_comma(field, value):
    with translation.override("de"):
        assert field.clean("12,50") == value
        with pytest.raises(ValidationError, match="heißen"):
            field.clean("1.234")
