from django.urls import path

from metering import api

app_name = "metering"
urlpatterns = [
    path("v1/usage/requests/<str:request_id>", api.usage_of_request, name="request"),
]
