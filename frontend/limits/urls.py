"""Limits and budgets."""

from django.urls import path

from frontend.limits.views import budgets, limits

urlpatterns = [
    path("keys/<int:api_key_id>/limits/", limits.key_limits, name="key_limits"),
    path("limits/", limits.limits, name="limits"),
    path("limits/spend/", limits.spend_limit, name="spend_limit"),
    path("limits/spend/remove/", limits.remove_limit, name="remove_spend_limit"),
    path("limits/budget/", limits.budget, name="budget"),
    path("limits/budget/remove/", limits.remove_budget_of, name="remove_budget"),
    path("budgets/", budgets.budgets, name="budgets"),
]
