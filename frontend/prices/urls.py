"""Price lists."""

from django.urls import path

from frontend.prices.views import prices

urlpatterns = [
    path("prices/", prices.prices, name="prices"),
]
