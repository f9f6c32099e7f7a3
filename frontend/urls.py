from django.urls import path

from frontend.views.healthz import healthz

app_name = "frontend"
urlpatterns = [
    path("healthz", healthz, name="healthz"),
]
