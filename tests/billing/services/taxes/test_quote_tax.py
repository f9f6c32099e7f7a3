"""With the rates that the migrations enter."""

from dataclasses import replace
from datetime import date

import pytest
from django.db import IntegrityError, transaction

from billing.domain.taxes import (
    EU_COUNTRIES,
    REVERSE_CHARGE,
    TaxCategory,
    TaxQuestion,
    TaxTreatment,
)
from billing.errors import NoTaxRateError, TaxEngineError
from billing.models.tax_rates import TaxRate
from billing.services.taxes.quote_tax import quote_tax

TO_FRANCE = TaxQuestion(
    seller_country="DE",
    seller_vat_id="DE136695976",
    buyer_country="FR",
    buyer_vat_id="",
    buyer_is_business=False,
    on=date(2026, 11, 30),
)


def test_it_works(db):  # noqa: ARG001  opens the database
    assert quote_tax(TO_FRANCE) == TaxTreatment(
        category=TaxCategory.STANDARD, rate_basis_points=2000, country="FR"
    )
    business = replace(TO_FRANCE, buyer_is_business=True, buyer_vat_id="FR40303265045")
    assert quote_tax(business) == REVERSE_CHARGE


def test_the_rate_is_that_of_the_day(db):  # noqa: ARG001  opens the database
    to_romania = replace(TO_FRANCE, buyer_country="RO", on=date(2025, 7, 31))
    assert quote_tax(to_romania).rate_basis_points == 1900
    a_day_later = replace(to_romania, on=date(2025, 8, 1))
    assert quote_tax(a_day_later).rate_basis_points == 2100


def test_every_member_of_the_eu_has_a_rate(db):  # noqa: ARG001  opens the database
    today = TaxRate.objects.on(date(2026, 11, 30))
    assert set(today.values_list("country", flat=True)) == EU_COUNTRIES
    assert all(1500 <= one.rate_basis_points <= 2700 for one in today)


def test_it_refuses_a_day_without_a_rate(db):  # noqa: ARG001  opens the database
    with pytest.raises(NoTaxRateError, match="FR on 2020-01-01"):
        quote_tax(replace(TO_FRANCE, on=date(2020, 1, 1)))


def test_two_rates_of_a_country_never_hold_at_once(db):  # noqa: ARG001  opens the database
    with pytest.raises(IntegrityError), transaction.atomic():
        TaxRate.objects.create(
            country="FR", rate_basis_points=2100, effective_from=date(2026, 1, 1)
        )


class EngineOfSomebodyElse:
    def treat(self, question: TaxQuestion) -> TaxTreatment:
        return TaxTreatment(
            category=TaxCategory.EXEMPT, reason=f"charity in {question.buyer_country}"
        )


class EngineThatIsDown:
    def treat(self, question: TaxQuestion) -> TaxTreatment:
        raise TimeoutError(f"no answer about {question.on} in 5 s")


def test_another_engine_may_decide(settings):
    settings.TAX_ENGINE = f"{__name__}.EngineOfSomebodyElse"
    assert quote_tax(TO_FRANCE).reason == "charity in FR"


def test_it_refuses_when_the_engine_is_down(settings):
    settings.TAX_ENGINE = f"{__name__}.EngineThatIsDown"
    with pytest.raises(TaxEngineError, match="no answer about 2026-11-30"):
        quote_tax(TO_FRANCE)
