"""The way to Stripe, or to the simulator that the tests run in its place."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import stripe
from django.conf import settings
from stripe._base_address import BaseAddresses

from billing.errors import (
    CardPaymentsOffError,
    ProviderRefusedError,
    ProviderUnavailableError,
)

API_VERSION = "2026-10-28.endive"
"""The SDK is pinned to the same; docs/operations.md says how to raise both."""
STRIPE_BASE = "https://api.stripe.com"
TIMEOUT_SECONDS = 10
NETWORK_RETRIES = 2
_logger = logging.getLogger(__name__)


def is_on() -> bool:
    """Whether cards can be charged at all; without a key, tenants pay by transfer."""
    return bool(settings.STRIPE_API_KEY)


def open_client() -> stripe.StripeClient:
    """Raises CardPaymentsOffError."""
    if not is_on():
        raise CardPaymentsOffError("Cards cannot be charged here.")
    return _client(settings.STRIPE_API_KEY, settings.STRIPE_API_BASE, os.getpid())


@cache
def _client(key: str, base: str, _process: int) -> stripe.StripeClient:
    """One per process: a connection must not be shared over a fork."""
    # Without all four, the SDK would keep Stripe's own host for the rest.
    addresses = BaseAddresses(api=base, files=base, connect=base, meter_events=base)
    return stripe.StripeClient(
        key,
        base_addresses=None if base == STRIPE_BASE else addresses,
        stripe_version=API_VERSION,
        max_network_retries=NETWORK_RETRIES,
        http_client=stripe.RequestsClient(timeout=TIMEOUT_SECONDS),
    )


@contextmanager
def asking_stripe() -> Iterator[None]:
    """Raises ProviderUnavailableError for what another try may mend, and
    ProviderRefusedError for what none will. A declined card passes as it is.
    """
    try:
        yield
    except (stripe.APIConnectionError, stripe.RateLimitError) as error:
        raise ProviderUnavailableError("Stripe did not answer.") from error
    except (stripe.InvalidRequestError, stripe.IdempotencyError) as error:
        raise ProviderRefusedError(f"Stripe refused: {error.user_message}") from error
    except (stripe.AuthenticationError, stripe.PermissionError) as error:
        _logger.error("Stripe does not take our key")  # noqa: TRY400  no secret in logs
        raise ProviderUnavailableError("Stripe does not take our key.") from error
    except stripe.CardError:
        raise
    except stripe.StripeError as error:
        raise ProviderUnavailableError("Stripe had an error of its own.") from error
