"""The public status page, and whether this process serves."""

from django.urls import path

from frontend.status.views import healthz, status

urlpatterns = [
    path("healthz", healthz.healthz, name="healthz"),
    path("status/", status.status, name="status"),
    path("status/status.json", status.status_json, name="status_json"),
]
