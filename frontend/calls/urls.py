"""The request log and the texts of calls."""

from django.urls import path

from frontend.calls.views import calls, texts

urlpatterns = [
    path("usage/calls/", calls.calls, name="calls"),
    path("usage/calls/calls.csv", calls.calls_csv, name="calls_csv"),
    path("usage/calls/<slug:request_id>/", calls.call, name="call"),
    path(
        "settings/projects/<int:project_id>/texts/",
        texts.text_retention,
        name="text_retention",
    ),
]
