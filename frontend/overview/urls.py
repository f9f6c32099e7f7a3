"""The first page."""

from django.urls import path

from frontend.overview.views import overview

urlpatterns = [
    path("", overview.home, name="overview"),
]
