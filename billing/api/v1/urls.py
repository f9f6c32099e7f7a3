from django.urls import path, register_converter

from billing.api.v1 import (
    budgets,
    credit,
    exports,
    invoices,
    openapi,
    prices,
    unknown,
    usage,
    webhook_messages,
    webhooks,
)

app_name = "api_v1"


class ExportConverter:
    """Any other name is no path."""

    regex = "|".join(exports.Export)

    def to_python(self, value: str) -> exports.Export:
        return exports.Export(value)

    def to_url(self, value: exports.Export) -> str:
        return str(value)


register_converter(ExportConverter, "export")
_ENDPOINT = "webhook_endpoints/<uuid:endpoint_id>"
urlpatterns = [
    path("openapi.json", openapi.openapi, name="openapi"),
    path("prices", prices.Prices.as_view(), name="prices"),
    path("invoices", invoices.Invoices.as_view(), name="invoices"),
    path("invoices/<int:invoice_id>", invoices.OneInvoice.as_view(), name="invoice"),
    path("usage_events", exports.UsageEvents.as_view(), name="usage_events"),
    path("exports/<export:export>", exports.ExportFile.as_view(), name="export"),
    path("usage", usage.Usage.as_view(), name="usage"),
    path("credit", credit.Credit.as_view(), name="credit"),
    path("credit_grants", credit.CreditGrants.as_view(), name="credit_grants"),
    path("budgets", budgets.Budgets.as_view(), name="budgets"),
    path("budgets/<int:budget_id>", budgets.OneBudget.as_view(), name="budget"),
    path(
        "webhook_endpoints",
        webhooks.WebhookEndpoints.as_view(),
        name="webhook_endpoints",
    ),
    path(_ENDPOINT, webhooks.OneWebhookEndpoint.as_view(), name="webhook_endpoint"),
    path(
        f"{_ENDPOINT}/rotate_secret",
        webhooks.WebhookSecretRotation.as_view(),
        name="rotate_webhook_secret",
    ),
    path(
        f"{_ENDPOINT}/ping", webhook_messages.WebhookPing.as_view(), name="ping_webhook"
    ),
    path(
        f"{_ENDPOINT}/replay",
        webhook_messages.WebhookReplay.as_view(),
        name="replay_webhooks",
    ),
    path(
        f"{_ENDPOINT}/messages",
        webhook_messages.WebhookMessages.as_view(),
        name="webhook_messages",
    ),
    path(
        f"{_ENDPOINT}/messages/<slug:message_id>",
        webhook_messages.OneWebhookMessage.as_view(),
        name="webhook_message",
    ),
    path("<path:rest>", unknown.UnknownPath.as_view(), name="unknown"),
]
