"""Where the operator looks after tenants, money, engines and the installation."""

from django.urls import path
from django.views.generic import RedirectView

from frontend.operator.views import (
    coupons,
    credit,
    currency,
    deliveries,
    documents,
    engines,
    health,
    incidents,
    invoices,
    log,
    login,
    margin,
    now,
    payments,
    plan_books,
    plans,
    prices,
    sign_in_as,
    suspend,
    switches,
    tenants,
)

urlpatterns = [
    path(
        "operator/login/<str:uidb64>/<str:token>/",
        login.operator_login,
        name="operator_login",
    ),
    path("operator/invoices/", invoices.invoices, name="operator_invoices"),
    path(
        "operator/invoices/<int:invoice_id>/", invoices.invoice, name="operator_invoice"
    ),
    path("operator/prices/", prices.prices, name="operator_prices"),
    path("operator/prices/set/", prices.set_a_price, name="operator_set_price"),
    path("operator/prices/books/", prices.open_book, name="operator_open_book"),
    path(
        "operator/prices/<int:price_version_id>/end/",
        prices.end_a_price,
        name="operator_end_price",
    ),
    path(
        "operator/tenants/<int:tenant_id>/prices/",
        prices.tenant_prices,
        name="operator_tenant_prices",
    ),
    path("operator/payments/", payments.payments, name="operator_payments"),
    path(
        "operator/payments/events/<int:event_id>/replay/",
        payments.replay,
        name="operator_replay_event",
    ),
    path(
        "operator/invoices/<int:invoice_id>/transfer/",
        payments.record_transfer,
        name="operator_record_transfer",
    ),
    path("operator/blocked/", documents.blocked, name="operator_blocked"),
    path(
        "operator/invoices/<int:invoice_id>/issue/",
        documents.issue,
        name="operator_issue_invoice",
    ),
    path(
        "operator/invoices/<int:invoice_id>/credit/",
        documents.credit,
        name="operator_credit_invoice",
    ),
    path(
        "operator/invoices/<int:invoice_id>/void/",
        documents.void,
        name="operator_void_invoice",
    ),
    path(
        "operator/invoices/<int:invoice_id>/write-off/",
        documents.write_off,
        name="operator_write_off_invoice",
    ),
    path("operator/plans/", plans.plans, name="operator_plans"),
    path("operator/plans/new/", plans.create, name="operator_create_plan"),
    path(
        "operator/plans/<int:plan_id>/prices/",
        plan_books.plan_book,
        name="operator_plan_book",
    ),
    path(
        "operator/plans/<int:plan_id>/withdraw/",
        plans.withdraw,
        name="operator_withdraw_plan",
    ),
    path(
        "operator/tenants/<int:tenant_id>/currency/",
        currency.tenant_currency,
        name="operator_tenant_currency",
    ),
    path(
        "operator/tenants/<int:tenant_id>/plan/",
        plans.plan_of_tenant,
        name="operator_tenant_plan",
    ),
    path("operator/coupons/", coupons.coupons, name="operator_coupons"),
    path("operator/coupons/new/", coupons.create, name="operator_create_coupon"),
    path(
        "operator/coupons/<int:coupon_id>/",
        coupons.coupon,
        name="operator_coupon",
    ),
    path(
        "operator/coupons/<int:coupon_id>/end/",
        coupons.end,
        name="operator_end_coupon",
    ),
    path(
        "operator/tenants/<int:tenant_id>/credit/",
        credit.tenant_credit,
        name="operator_credit",
    ),
    path(
        "operator/credit/<int:grant_id>/withdraw/",
        credit.withdraw,
        name="withdraw_credit",
    ),
    path("operator/", tenants.tenants, name="operator"),
    path("operator/tenants/", RedirectView.as_view(url="/operator/")),
    path(
        "operator/tenants/<int:tenant_id>/",
        tenants.tenant,
        name="operator_tenant",
    ),
    path(
        "operator/tenants/<int:tenant_id>/limits/",
        tenants.tenant_limits,
        name="operator_tenant_limits",
    ),
    path(
        "operator/tenants/<int:tenant_id>/suspend/",
        suspend.suspend,
        name="operator_suspend",
    ),
    path(
        "operator/tenants/<int:tenant_id>/lift/",
        suspend.lift,
        name="operator_lift",
    ),
    path(
        "operator/tenants/<int:tenant_id>/sign-in-as/",
        sign_in_as.sign_in_as,
        name="operator_sign_in_as",
    ),
    path("operator/sign-in-as/stop/", sign_in_as.stop, name="stop_sign_in_as"),
    path("operator/health/", health.health, name="operator_health"),
    path("operator/incidents/", incidents.incidents, name="operator_incidents"),
    path(
        "operator/incidents/<int:incident_id>/",
        incidents.incident,
        name="operator_incident",
    ),
    path("operator/switches/", switches.switches, name="operator_switches"),
    path("operator/deliveries/", deliveries.mails, name="operator_deliveries"),
    path(
        "operator/deliveries/mails/<int:mail_id>/resend/",
        deliveries.resend_mail,
        name="operator_resend_mail",
    ),
    path(
        "operator/deliveries/webhooks/",
        deliveries.webhooks,
        name="operator_webhooks",
    ),
    path(
        "operator/deliveries/webhooks/<slug:message_id>/",
        deliveries.webhook,
        name="operator_webhook",
    ),
    path(
        "operator/deliveries/webhooks/<slug:message_id>/replay/",
        deliveries.replay,
        name="operator_replay_webhook",
    ),
    path("operator/now/", now.now, name="operator_now"),
    path("operator/now/speeds.csv", now.speeds_csv, name="operator_speeds_csv"),
    path(
        "operator/now/engines.csv",
        now.engines_csv,
        name="operator_engines_csv",
    ),
    path("operator/log/", log.log, name="operator_log"),
    path("operator/margin/", margin.margin, name="operator_margin"),
    path(
        "operator/margin/margin.csv",
        margin.margin_csv,
        name="operator_margin_csv",
    ),
    path(
        "operator/engines/<int:engine_id>/cost/",
        margin.engine_cost,
        name="operator_engine_cost",
    ),
    path("operator/engines/", engines.engines, name="operator_engines"),
    path(
        "operator/workers/",
        RedirectView.as_view(pattern_name="frontend:operator_engines"),
    ),
    path(
        "operator/engines/<int:engine_id>/",
        engines.engine,
        name="operator_engine",
    ),
    path(
        "operator/engines/<int:engine_id>/drain/",
        engines.drain,
        name="operator_drain_engine",
    ),
    path(
        "operator/engines/<int:engine_id>/resume/",
        engines.resume,
        name="operator_resume_engine",
    ),
]
