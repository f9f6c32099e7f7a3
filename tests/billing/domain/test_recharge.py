"""When credit is bought by itself."""

from dataclasses import replace

import pytest

from billing.domain.recharge import (
    RechargeSoFar,
    RechargeTerms,
    is_recharge_due,
    no_card_mail,
)

CENT = 10_000_000
TERMS = RechargeTerms(
    threshold_nanos=500 * CENT, amount_cents=1_000, monthly_max_cents=2_500
)
SO_FAR = RechargeSoFar(this_month_cents=0, is_one_open=False, has_failed_lately=False)


@pytest.mark.parametrize(
    ("left", "is_due"),
    [(500 * CENT, True), (500 * CENT + 1, False), (0, True), (-CENT, True)],
)
def test_it_is_due_at_the_threshold(left, is_due):
    assert is_recharge_due(TERMS, SO_FAR, left_nanos=left) is is_due


@pytest.mark.parametrize(
    ("so_far", "is_due"),
    [
        # A third would make 30 USD of at most 25.
        ({"this_month_cents": 1_500}, True),
        ({"this_month_cents": 1_501}, False),
        ({"is_one_open": True}, False),
        ({"has_failed_lately": True}, False),
    ],
)
def test_what_was_bought_before_counts(so_far, is_due):
    assert is_recharge_due(TERMS, replace(SO_FAR, **so_far), left_nanos=0) is is_due


def test_the_mail_says_what_to_do():
    mail = no_card_mail(
        tenant_name="Acme",
        currency="EUR",
        left_nanos=-5,
        url="https://portal.example/credit/",
    )

    assert str(mail.subject) == "Acme has no card to buy credit with"
    assert "0.00 EUR of credit left" in mail.text
    assert "https://portal.example/credit/" in mail.text
