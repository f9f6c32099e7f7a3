"""What refuses to boot."""

import pytest
from django.core.checks import run_checks

from billing.stripe_sync.client import STRIPE_BASE


def found(settings, key: str, base: str, *, has_secret: bool = True) -> list[str]:
    settings.STRIPE_API_KEY, settings.STRIPE_API_BASE = key, base
    settings.STRIPE_WEBHOOK_SECRET = "whsec_x" if has_secret else ""
    return [one.id for one in run_checks() if one.id and one.id.startswith("billing.")]


@pytest.mark.parametrize(
    ("key", "base"),
    [
        ("", STRIPE_BASE),
        ("sk_live_1", STRIPE_BASE),
        ("sk_test_1", STRIPE_BASE),
        ("sk_test_1", "http://127.0.0.1:1"),
    ],
)
def test_it_works(settings, key, base):
    assert found(settings, key, base) == []


@pytest.mark.parametrize("key", ["sk_live_1", "rk_live_1"])
def test_it_refuses_a_live_key_before_a_simulator(settings, key):
    assert found(settings, key, "http://127.0.0.1:1") == ["billing.E001"]


def test_it_refuses_a_key_without_the_webhooks_secret(settings):
    assert found(settings, "sk_test_1", STRIPE_BASE, has_secret=False) == [
        "billing.E002"
    ]
