"""Every address of the portal; each folder lists its own."""

from django.templatetags.static import static
from django.urls import path
from django.views.generic import RedirectView

from frontend.accounts import urls as accounts
from frontend.calls import urls as calls
from frontend.credit import urls as credit
from frontend.docs import urls as docs
from frontend.invoices import urls as invoices
from frontend.keys import urls as keys
from frontend.leases import urls as leases
from frontend.limits import urls as limits
from frontend.members import urls as members
from frontend.operator import urls as operator
from frontend.overview import urls as overview
from frontend.payments import urls as payments
from frontend.plans import urls as plans
from frontend.playground import urls as playground
from frontend.prices import urls as prices
from frontend.prompts import urls as prompts
from frontend.status import urls as status
from frontend.usage import urls as usage
from frontend.webhooks import urls as webhooks

app_name = "frontend"
urlpatterns = [
    path("favicon.ico", RedirectView.as_view(url=static("frontend/favicon.svg"))),
    *accounts.urlpatterns,
    *calls.urlpatterns,
    *credit.urlpatterns,
    *docs.urlpatterns,
    *invoices.urlpatterns,
    *keys.urlpatterns,
    *leases.urlpatterns,
    *limits.urlpatterns,
    *members.urlpatterns,
    *operator.urlpatterns,
    *overview.urlpatterns,
    *payments.urlpatterns,
    *plans.urlpatterns,
    *playground.urlpatterns,
    *prices.urlpatterns,
    *prompts.urlpatterns,
    *status.urlpatterns,
    *usage.urlpatterns,
    *webhooks.urlpatterns,
]
