"""Credit, buying it, and when owners are told."""

from django.urls import path

from frontend.credit.views import credit, credit_threshold

urlpatterns = [
    path("limits/credit/", credit_threshold.credit_threshold, name="credit_threshold"),
    path("credit/", credit.credit, name="credit"),
    path("credit/top-up/", credit.top_up, name="top_up"),
    path("credit/top-up/<int:payment_id>/", credit.pay_top_up, name="pay_top_up"),
    path("credit/auto/", credit.auto_recharge, name="auto_recharge"),
    path("credit/auto/stop/", credit.stop_auto_recharge, name="stop_auto_recharge"),
]
