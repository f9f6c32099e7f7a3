"""Plans, what they would have cost, and the forecast."""

from django.urls import path

from frontend.plans.views import adviser, forecast, plan

urlpatterns = [
    path("billing/forecast/", forecast.forecast, name="forecast"),
    path("billing/forecast/forecast.csv", forecast.forecast_csv, name="forecast_csv"),
    path("plan/", plan.plan, name="plan"),
    path("plan/advice/", adviser.adviser, name="adviser"),
    path("plan/to/<slug:code>/", plan.change, name="change_plan"),
    path("plan/cancel/", plan.cancel, name="cancel_plan"),
    path("plan/keep/", plan.keep, name="keep_plan"),
    path("plan/coupon/", plan.redeem, name="redeem_coupon"),
]
