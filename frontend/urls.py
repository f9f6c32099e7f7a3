from django.templatetags.static import static
from django.urls import path
from django.views.generic import RedirectView

from frontend.views import (
    api_keys,
    billing,
    billing_details,
    cached_prompts,
    credit,
    healthz,
    invoice_files,
    invoice_lines,
    invoices,
    leases,
    limits,
    mailbox,
    operator,
    operator_coupons,
    operator_credit,
    operator_documents,
    operator_login,
    operator_payments,
    operator_plans,
    operator_prices,
    overview,
    plan,
    prices,
    receipts,
    settings,
    status,
    usage,
    webhook_log,
    webhooks,
)

app_name = "frontend"
urlpatterns = [
    path("healthz", healthz.healthz, name="healthz"),
    path("favicon.ico", RedirectView.as_view(url=static("frontend/favicon.svg"))),
    path("", overview.home, name="overview"),
    path("keys/", api_keys.api_keys, name="api_keys"),
    path("keys/new/", api_keys.create_api_key, name="create_api_key"),
    path("keys/<int:api_key_id>/", api_keys.api_key, name="api_key"),
    path("keys/<int:api_key_id>/rename/", api_keys.rename, name="rename_api_key"),
    path("keys/<int:api_key_id>/revoke/", api_keys.revoke, name="revoke_api_key"),
    path("keys/<int:api_key_id>/first-call/", api_keys.first_call, name="first_call"),
    path("keys/<int:api_key_id>/limits/", limits.key_limits, name="key_limits"),
    path("limits/", limits.limits, name="limits"),
    path("limits/spend/", limits.spend_limit, name="spend_limit"),
    path("limits/spend/remove/", limits.remove_limit, name="remove_spend_limit"),
    path("limits/budget/", limits.budget, name="budget"),
    path("limits/budget/remove/", limits.remove_budget_of, name="remove_budget"),
    path("usage/", usage.usage, name="usage"),
    path("usage/calls/", usage.calls, name="calls"),
    path("usage/usage.csv", usage.usage_csv, name="usage_csv"),
    path("leases/", leases.leases, name="leases"),
    path("leases/<uuid:lease_id>/extend/", leases.extend, name="extend_lease"),
    path("leases/<uuid:lease_id>/release/", leases.release, name="release_lease"),
    path("prompts/", cached_prompts.cached_prompts, name="cached_prompts"),
    path("prompts/new/", cached_prompts.create, name="create_cached_prompt"),
    path(
        "prompts/<uuid:public_id>/", cached_prompts.cached_prompt, name="cached_prompt"
    ),
    path(
        "prompts/<uuid:public_id>/extend/",
        cached_prompts.extend,
        name="extend_cached_prompt",
    ),
    path(
        "prompts/<uuid:public_id>/renew/",
        cached_prompts.renew,
        name="renew_cached_prompt",
    ),
    path(
        "prompts/<uuid:public_id>/delete/",
        cached_prompts.delete,
        name="delete_cached_prompt",
    ),
    path("invoices/", invoices.invoices, name="invoices"),
    path("invoices/<int:invoice_id>/", invoices.invoice, name="invoice"),
    path(
        "invoices/<int:invoice_id>/pdf/", invoice_files.invoice_pdf, name="invoice_pdf"
    ),
    path(
        "invoices/<int:invoice_id>/csv/", invoice_files.invoice_csv, name="invoice_csv"
    ),
    path(
        "invoices/<int:invoice_id>/json/",
        invoice_files.invoice_json,
        name="invoice_json",
    ),
    path("credit/", credit.credit, name="credit"),
    path("credit/top-up/", credit.top_up, name="top_up"),
    path("credit/top-up/<int:payment_id>/", credit.pay_top_up, name="pay_top_up"),
    path("credit/auto/", credit.auto_recharge, name="auto_recharge"),
    path("credit/auto/stop/", credit.stop_auto_recharge, name="stop_auto_recharge"),
    path(
        "invoices/<int:invoice_id>/receipts/",
        receipts.invoice_receipts,
        name="invoice_receipts",
    ),
    path(
        "invoices/<int:invoice_id>/lines/<int:line_id>/",
        invoice_lines.invoice_line,
        name="invoice_line",
    ),
    path(
        "invoices/<int:invoice_id>/lines/<int:line_id>/check/",
        invoice_lines.check_line,
        name="check_line",
    ),
    path(
        "invoices/<int:invoice_id>/lines/<int:line_id>/days/<slug:day>/",
        invoice_lines.line_day,
        name="line_day",
    ),
    path(
        "invoices/<int:invoice_id>/lines/<int:line_id>/hours/<slug:hour>/",
        invoice_lines.line_hour,
        name="line_hour",
    ),
    path("receipts/<int:sequence>/", receipts.receipt, name="receipt"),
    path("receipts/<int:sequence>/json/", receipts.receipt_json, name="receipt_json"),
    path("credit-notes/<int:note_id>/", invoices.credit_note, name="credit_note"),
    path(
        "credit-notes/<int:note_id>/pdf/",
        invoice_files.credit_note_pdf,
        name="credit_note_pdf",
    ),
    path(
        "credit-notes/<int:note_id>/json/",
        invoice_files.credit_note_json,
        name="credit_note_json",
    ),
    path("billing/", billing.billing, name="billing"),
    path("billing/cards/new/", billing.add_card, name="add_card"),
    path("billing/cards/added/", billing.card_added, name="card_added"),
    path("billing/cards/<int:card_id>/", billing.change_card, name="change_card"),
    path("billing/invoices/<int:invoice_id>/pay/", billing.pay, name="pay_invoice"),
    path("billing/payments/<int:payment_id>/", billing.paid, name="paid"),
    path("prices/", prices.prices, name="prices"),
    path("plan/", plan.plan, name="plan"),
    path("plan/to/<slug:code>/", plan.change, name="change_plan"),
    path("plan/cancel/", plan.cancel, name="cancel_plan"),
    path("plan/keep/", plan.keep, name="keep_plan"),
    path("plan/coupon/", plan.redeem, name="redeem_coupon"),
    path("webhooks/", webhooks.webhooks, name="webhooks"),
    path("webhooks/new/", webhooks.add_webhook, name="add_webhook"),
    path("webhooks/<uuid:endpoint_id>/", webhook_log.webhook, name="webhook"),
    path(
        "webhooks/<uuid:endpoint_id>/change/",
        webhooks.change_webhook,
        name="change_webhook",
    ),
    path(
        "webhooks/<uuid:endpoint_id>/rotate/",
        webhooks.rotate_webhook,
        name="rotate_webhook",
    ),
    path(
        "webhooks/<uuid:endpoint_id>/remove/",
        webhooks.remove_webhook,
        name="remove_webhook",
    ),
    path("webhooks/<uuid:endpoint_id>/ping/", webhook_log.ping, name="ping_webhook"),
    path(
        "webhooks/<uuid:endpoint_id>/replay/",
        webhook_log.replay,
        name="replay_webhooks",
    ),
    path(
        "webhooks/<uuid:endpoint_id>/messages/<slug:message_id>/",
        webhook_log.message,
        name="webhook_message",
    ),
    path(
        "webhooks/<uuid:endpoint_id>/messages/<slug:message_id>/replay/",
        webhook_log.replay_message,
        name="replay_webhook_message",
    ),
    path("settings/", settings.settings, name="settings"),
    path("settings/billing/", billing_details.billing_details, name="billing_details"),
    path(
        "settings/projects/<int:project_id>/leases/",
        settings.retention,
        name="retention",
    ),
    path("status/", status.status, name="status"),
    path("dev/mailbox/", mailbox.mailbox, name="mailbox"),
    path("dev/mailbox/<str:name>/", mailbox.mail, name="mail"),
    path("operator/", operator.tenants, name="operator"),
    path(
        "operator/login/<str:uidb64>/<str:token>/",
        operator_login.operator_login,
        name="operator_login",
    ),
    path("operator/invoices/", operator.invoices, name="operator_invoices"),
    path(
        "operator/invoices/<int:invoice_id>/", operator.invoice, name="operator_invoice"
    ),
    path(
        "operator/invoices/<int:invoice_id>/pdf/",
        invoice_files.operator_invoice_pdf,
        name="operator_invoice_pdf",
    ),
    path("operator/prices/", operator_prices.prices, name="operator_prices"),
    path(
        "operator/prices/set/", operator_prices.set_a_price, name="operator_set_price"
    ),
    path(
        "operator/prices/books/", operator_prices.open_book, name="operator_open_book"
    ),
    path(
        "operator/prices/<int:price_version_id>/end/",
        operator_prices.end_a_price,
        name="operator_end_price",
    ),
    path(
        "operator/tenants/<int:tenant_id>/prices/",
        operator_prices.tenant_prices,
        name="operator_tenant_prices",
    ),
    path("operator/payments/", operator_payments.payments, name="operator_payments"),
    path(
        "operator/payments/events/<int:event_id>/replay/",
        operator_payments.replay,
        name="operator_replay_event",
    ),
    path(
        "operator/invoices/<int:invoice_id>/transfer/",
        operator_payments.record_transfer,
        name="operator_record_transfer",
    ),
    path("operator/blocked/", operator_documents.blocked, name="operator_blocked"),
    path(
        "operator/invoices/<int:invoice_id>/issue/",
        operator_documents.issue,
        name="operator_issue_invoice",
    ),
    path(
        "operator/invoices/<int:invoice_id>/credit/",
        operator_documents.credit,
        name="operator_credit_invoice",
    ),
    path(
        "operator/invoices/<int:invoice_id>/void/",
        operator_documents.void,
        name="operator_void_invoice",
    ),
    path(
        "operator/invoices/<int:invoice_id>/write-off/",
        operator_documents.write_off,
        name="operator_write_off_invoice",
    ),
    path("operator/plans/", operator_plans.plans, name="operator_plans"),
    path("operator/plans/new/", operator_plans.create, name="operator_create_plan"),
    path(
        "operator/plans/<int:plan_id>/withdraw/",
        operator_plans.withdraw,
        name="operator_withdraw_plan",
    ),
    path(
        "operator/tenants/<int:tenant_id>/plan/",
        operator_plans.plan_of_tenant,
        name="operator_tenant_plan",
    ),
    path("operator/coupons/", operator_coupons.coupons, name="operator_coupons"),
    path(
        "operator/coupons/new/", operator_coupons.create, name="operator_create_coupon"
    ),
    path(
        "operator/coupons/<int:coupon_id>/",
        operator_coupons.coupon,
        name="operator_coupon",
    ),
    path(
        "operator/coupons/<int:coupon_id>/end/",
        operator_coupons.end,
        name="operator_end_coupon",
    ),
    path("operator/engines/", operator.engines, name="operator_engines"),
    path("operator/tenants/<int:tenant_id>/", operator.tenant, name="operator_tenant"),
    path(
        "operator/tenants/<int:tenant_id>/credit/",
        operator_credit.tenant_credit,
        name="operator_credit",
    ),
    path(
        "operator/credit/<int:grant_id>/withdraw/",
        operator_credit.withdraw,
        name="withdraw_credit",
    ),
]
