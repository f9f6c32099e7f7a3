"""The usage explorer and its saved views."""

from django.urls import path

from frontend.usage.views import saved_views, usage

urlpatterns = [
    path("usage/", usage.usage, name="usage"),
    path("usage/views/", saved_views.saved_views, name="saved_views"),
    path("usage/views/save/", saved_views.save, name="save_view"),
    path("usage/views/<int:view_id>/rename/", saved_views.rename, name="rename_view"),
    path("usage/views/<int:view_id>/delete/", saved_views.delete, name="delete_view"),
    path("usage/chart.csv", usage.chart_csv, name="chart_csv"),
    path("usage/usage.csv", usage.usage_csv, name="usage_csv"),
]
