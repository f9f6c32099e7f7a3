"""The one task that spans the apps: renew what the data plane believes."""

from celery import shared_task

from billing.services.prices.publish_price_vectors import publish_price_vectors
from inference.services.publish_cached_prompts import publish_cached_prompts
from inference.services.publish_routes import publish_routes
from tenants.services.publish_key_policies import publish_key_policies


@shared_task
def publish_snapshots() -> None:
    """Renews every snapshot before it expires, and restores one that Valkey lost."""
    publish_key_policies()
    publish_routes()
    publish_price_vectors()
    publish_cached_prompts()
