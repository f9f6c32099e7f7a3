"""Configurations that cannot work, found before anything starts."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error

from billing.stripe_sync.client import STRIPE_BASE


def check_stripe(**_: Any) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    key, base = settings.STRIPE_API_KEY, settings.STRIPE_API_BASE
    if "_live_" in key and base != STRIPE_BASE:
        found.append(
            Error(
                f"STRIPE_API_KEY is a live key, but STRIPE_API_BASE is {base}.",
                hint="Leave STRIPE_API_BASE out, or take a test key.",
                id="billing.E001",
            )
        )
    if key and not settings.STRIPE_WEBHOOK_SECRET:
        found.append(
            Error(
                "STRIPE_API_KEY is set without STRIPE_WEBHOOK_SECRET, so no event of"
                " Stripe's could be believed.",
                hint="It is the signing secret of the webhook endpoint (whsec_…).",
                id="billing.E002",
            )
        )
    return found
