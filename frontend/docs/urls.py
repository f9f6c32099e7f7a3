"""The documentation and the reference of the management API."""

from django.urls import path

from frontend.docs.views import api_docs, docs

urlpatterns = [
    path("docs/", docs.docs, name="docs"),
    path("docs/search/", docs.docs_search, name="docs_search"),
    path("docs/openapi.json", docs.model_openapi, name="model_openapi"),
    path("docs/guides/<slug:slug>/", docs.guide, name="guide"),
    path("docs/endpoints/<slug:slug>/", docs.endpoint, name="endpoint"),
    path("docs/api/", api_docs.api_docs, name="api_docs"),
    path("docs/api/<slug:slug>/", api_docs.api_topic, name="api_topic"),
]
