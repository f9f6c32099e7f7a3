"""Where the operator looks after tenants, deliveries and the installation itself."""

from django.urls import path
from django.views.generic import RedirectView

from frontend.views import (
    operator_deliveries,
    operator_health,
    operator_incidents,
    operator_sign_in_as,
    operator_suspend,
    operator_switches,
    operator_tenants,
)

urlpatterns = [
    path("operator/", operator_tenants.tenants, name="operator"),
    path("operator/tenants/", RedirectView.as_view(url="/operator/")),
    path(
        "operator/tenants/<int:tenant_id>/",
        operator_tenants.tenant,
        name="operator_tenant",
    ),
    path(
        "operator/tenants/<int:tenant_id>/limits/",
        operator_tenants.tenant_limits,
        name="operator_tenant_limits",
    ),
    path(
        "operator/tenants/<int:tenant_id>/suspend/",
        operator_suspend.suspend,
        name="operator_suspend",
    ),
    path(
        "operator/tenants/<int:tenant_id>/lift/",
        operator_suspend.lift,
        name="operator_lift",
    ),
    path(
        "operator/tenants/<int:tenant_id>/sign-in-as/",
        operator_sign_in_as.sign_in_as,
        name="operator_sign_in_as",
    ),
    path("operator/sign-in-as/stop/", operator_sign_in_as.stop, name="stop_sign_in_as"),
    path("operator/health/", operator_health.health, name="operator_health"),
    path(
        "operator/incidents/", operator_incidents.incidents, name="operator_incidents"
    ),
    path(
        "operator/incidents/<int:incident_id>/",
        operator_incidents.incident,
        name="operator_incident",
    ),
    path("operator/switches/", operator_switches.switches, name="operator_switches"),
    path("operator/deliveries/", operator_deliveries.mails, name="operator_deliveries"),
    path(
        "operator/deliveries/mails/<int:mail_id>/resend/",
        operator_deliveries.resend_mail,
        name="operator_resend_mail",
    ),
    path(
        "operator/deliveries/webhooks/",
        operator_deliveries.webhooks,
        name="operator_webhooks",
    ),
    path(
        "operator/deliveries/webhooks/<slug:message_id>/",
        operator_deliveries.webhook,
        name="operator_webhook",
    ),
    path(
        "operator/deliveries/webhooks/<slug:message_id>/replay/",
        operator_deliveries.replay,
        name="operator_replay_webhook",
    ),
]
