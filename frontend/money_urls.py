"""Plans, what they would have cost, and what is likely to be paid; cards."""

from django.urls import path

from frontend.views import adviser, billing, budgets, forecast, plan

urlpatterns = [
    path("billing/", billing.billing, name="billing"),
    path("billing/forecast/", forecast.forecast, name="forecast"),
    path("billing/forecast/forecast.csv", forecast.forecast_csv, name="forecast_csv"),
    path("billing/cards/new/", billing.add_card, name="add_card"),
    path("billing/portal/", billing.portal, name="billing_portal"),
    path("billing/cards/added/", billing.card_added, name="card_added"),
    path("billing/cards/<int:card_id>/", billing.change_card, name="change_card"),
    path("billing/invoices/<int:invoice_id>/pay/", billing.pay, name="pay_invoice"),
    path("billing/payments/<int:payment_id>/", billing.paid, name="paid"),
    path("budgets/", budgets.budgets, name="budgets"),
    path("plan/", plan.plan, name="plan"),
    path("plan/advice/", adviser.adviser, name="adviser"),
    path("plan/to/<slug:code>/", plan.change, name="change_plan"),
    path("plan/cancel/", plan.cancel, name="cancel_plan"),
    path("plan/keep/", plan.keep, name="keep_plan"),
    path("plan/coupon/", plan.redeem, name="redeem_coupon"),
]
