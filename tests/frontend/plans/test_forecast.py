"""The page of the forecast, and the card of it on the overview and the billing page."""

from datetime import timedelta

import pytest

from metering.services import shipped_up_to as shipping
from tenants.wire import SpendPeriod
from tests.billing.credit import give
from tests.billing.money import seed
from tests.factories import make_budget
from tests.frontend.believable import call, record

PATH = "/billing/forecast/"
USD = 1_000_000_000


@pytest.fixture
def used(people, version, now):
    """About a dollar a day for twelve days."""
    record(
        [
            call(
                people.api_key,
                version,
                now - timedelta(days=n),
                output_tokens=2_500_000,
                cost_nanos=USD,
            )
            for n in range(12)
        ],
        now,
    )


@pytest.mark.usefixtures("used")
def test_it_works(people):
    response = people.client("colleague").get(PATH)

    text = response.content.decode()
    assert "likely between" in text
    assert "the last 7 days" in text
    assert "Output tokens, smollm2-135m-instruct" in text
    assert "No budget is set for all calls of a month." in text
    assert '<polygon class="forecast-cone"' in text
    assert response.context["page"].forecast.end is not None


@pytest.mark.usefixtures("used")
def test_it_says_when_the_budget_is_reached(people):
    make_budget(subject=people.tenant, amount_nanos=3 * USD, period=SpendPeriod.MONTH)

    text = people.client("owner").get(PATH).content.decode()

    assert "budget of" in text
    assert 'class="forecast-budget"' in text


@pytest.mark.usefixtures("used")
def test_the_overview_has_it_too(people):
    assert "likely between" in people.client("owner").get("/").content.decode()


@pytest.mark.usefixtures("used")
def test_the_billing_page_has_it_too(people):
    assert "likely between" in people.client("owner").get("/billing/").content.decode()


def test_without_use_it_says_what_it_needs(people):
    text = people.client("owner").get(PATH).content.decode()

    assert "Too little to go by" in text
    assert "Nothing to pay yet" in text


@pytest.mark.usefixtures("used")
def test_a_stranger_sees_none_of_it(people):
    page = people.client("stranger").get(PATH).context["page"]

    assert page.forecast.so_far_nanos == 0


@pytest.mark.usefixtures("used")
def test_the_file_has_a_line_for_each_day(people):
    response = people.client("owner").get(f"{PATH}forecast.csv")

    head, *rows = b"".join(response).decode().splitlines()
    assert head == "until_utc,is_forecast,nanos,low_nanos,high_nanos,calls_nanos"
    page = people.client("owner").get(PATH).context["page"]
    assert len(rows) == len(page.rows)


@pytest.fixture
def _counted(valkey, settings, tmp_path, monkeypatch):  # noqa: ARG001
    monkeypatch.setattr(shipping, "WRITE_MARGIN", timedelta(0))
    settings.JOURNAL_FOLDER = tmp_path


@pytest.mark.usefixtures("used", "_counted")
@pytest.mark.parametrize(("credit", "days"), [(312, 299), (13, 0), (9_000, None)])
def test_it_says_how_long_credit_lasts(people, now, credit, days):
    """Twelve dollars of it are spent, and each day takes one and a little."""
    people.tenant.is_prepaid = True
    people.tenant.save()
    give(people.tenant, credit * USD)
    seed()

    ends_at = people.client("owner").get(PATH).context["page"].credit_ends_at

    assert (None if ends_at is None else (ends_at - now).days) == days
