from django.urls import path, register_converter

from billing.api.v1 import (
    billing_details,
    budgets,
    coupons,
    credit,
    credit_notes,
    disputes,
    exports,
    invoice_acts,
    invoices,
    openapi,
    payments,
    plans,
    price_books,
    prices,
    refunds,
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
    path(
        "prices/<int:price_version_id>/end",
        prices.PriceEnd.as_view(),
        name="end_price",
    ),
    path("price_books", price_books.PriceBooks.as_view(), name="price_books"),
    path("invoices", invoices.Invoices.as_view(), name="invoices"),
    path("invoices/<int:invoice_id>", invoices.OneInvoice.as_view(), name="invoice"),
    path(
        "invoices/<int:invoice_id>/receipts",
        invoices.InvoiceReceiptsFile.as_view(),
        name="receipts",
    ),
    path("invoices/close", invoice_acts.PeriodClose.as_view(), name="close_period"),
    path(
        "invoices/<int:invoice_id>/issue",
        invoice_acts.InvoiceIssue.as_view(),
        name="issue_invoice",
    ),
    path(
        "invoices/<int:invoice_id>/credit_notes",
        credit_notes.InvoiceCredit.as_view(),
        name="credit_invoice",
    ),
    path(
        "invoices/<int:invoice_id>/void",
        invoice_acts.InvoiceVoid.as_view(),
        name="void_invoice",
    ),
    path(
        "invoices/<int:invoice_id>/write_off",
        invoice_acts.InvoiceWriteOff.as_view(),
        name="write_off_invoice",
    ),
    path("disputes", disputes.Disputes.as_view(), name="disputes"),
    path(
        "disputes/<int:dispute_id>/resolve",
        disputes.DisputeResolution.as_view(),
        name="resolve_dispute",
    ),
    path(
        "billing_details",
        billing_details.BillingDetailsOfTenant.as_view(),
        name="billing_details",
    ),
    path("credit_notes", credit_notes.CreditNotes.as_view(), name="credit_notes"),
    path(
        "credit_notes/<int:note_id>",
        credit_notes.OneCreditNote.as_view(),
        name="credit_note",
    ),
    path("plans", plans.Plans.as_view(), name="plans"),
    path(
        "plans/<slug:code>/withdraw",
        plans.PlanWithdrawal.as_view(),
        name="withdraw_plan",
    ),
    path("coupons", coupons.Coupons.as_view(), name="coupons"),
    path("coupons/<slug:code>/end", coupons.CouponEnd.as_view(), name="end_coupon"),
    path("subscriptions", plans.Subscriptions.as_view(), name="subscriptions"),
    path(
        "subscriptions/preview",
        plans.SubscriptionPreview.as_view(),
        name="preview_plan",
    ),
    path(
        "subscriptions/cancel",
        plans.SubscriptionEnd.as_view(),
        name="cancel_subscription",
    ),
    path(
        "coupon_redemptions",
        plans.CouponRedemptions.as_view(),
        name="coupon_redemptions",
    ),
    path("payments", payments.Payments.as_view(), name="payments"),
    path(
        "payments/<int:payment_id>/refunds",
        refunds.PaymentRefund.as_view(),
        name="refund_payment",
    ),
    path("refunds", refunds.Refunds.as_view(), name="refunds"),
    path("top_ups", payments.TopUps.as_view(), name="top_ups"),
    path("bank_transfers", payments.BankTransfers.as_view(), name="bank_transfers"),
    path("auto_recharge", payments.AutomaticRecharge.as_view(), name="auto_recharge"),
    path("usage_events", exports.UsageEvents.as_view(), name="usage_events"),
    path("exports/<export:export>", exports.ExportFile.as_view(), name="export"),
    path("usage", usage.Usage.as_view(), name="usage"),
    path("credit", credit.Credit.as_view(), name="credit"),
    path("credit_threshold", credit.LowCredit.as_view(), name="credit_threshold"),
    path("credit_grants", credit.CreditGrants.as_view(), name="credit_grants"),
    path(
        "credit_grants/<int:grant_id>/withdraw",
        credit.CreditWithdraw.as_view(),
        name="withdraw_credit",
    ),
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
