"""Cards and paying an invoice."""

from django.urls import path

from frontend.payments.views import billing

urlpatterns = [
    path("billing/", billing.billing, name="billing"),
    path("billing/cards/new/", billing.add_card, name="add_card"),
    path("billing/portal/", billing.portal, name="billing_portal"),
    path("billing/cards/added/", billing.card_added, name="card_added"),
    path("billing/cards/<int:card_id>/", billing.change_card, name="change_card"),
    path("billing/invoices/<int:invoice_id>/pay/", billing.pay, name="pay_invoice"),
    path("billing/payments/<int:payment_id>/", billing.paid, name="paid"),
]
