"""Ask which tax a sale bears: our own rules, or an engine of somebody else's."""

from django.conf import settings
from django.utils.module_loading import import_string

from billing.domain.taxes import (
    TaxEngine,
    TaxQuestion,
    TaxTreatment,
    countries_asked,
    treat,
)
from billing.errors import NoTaxRateError, TaxEngineError
from billing.models.tax_rates import TaxRate


class OwnTaxEngine:
    """The rules of `billing.domain.taxes` with the rates that staff entered."""

    def treat(self, question: TaxQuestion) -> TaxTreatment:
        rates = TaxRate.objects.on(question.on).filter(
            country__in=countries_asked(question)
        )
        return treat(question, dict(rates.values_list("country", "rate_basis_points")))


def quote_tax(question: TaxQuestion) -> TaxTreatment:
    """How the sale is to be taxed; amounts are ours to compute.

    To be called before the tenant is locked, since an engine may be asked over the
    network: whoever holds the lock compares the question it finds with the one asked.
    Raises NoTaxRateError, and TaxEngineError when the engine cannot be reached.
    """
    try:
        return _engine().treat(question)
    except OSError as error:
        raise TaxEngineError(f"the tax engine cannot be reached: {error}") from error


def preview_tax(question: TaxQuestion) -> TaxTreatment | None:
    """The same for a page, which waits for nobody. None: it is known at the issue."""
    engine = _engine()
    if not isinstance(engine, OwnTaxEngine):
        return None
    try:
        return engine.treat(question)
    except NoTaxRateError:
        return None


def _engine() -> TaxEngine:
    engine: TaxEngine = import_string(settings.TAX_ENGINE)()
    return engine
