"""Where the operator looks after the engines."""

from django.urls import path
from django.views.generic import RedirectView

from frontend.views import (
    operator_engines,
    operator_log,
    operator_margin,
    operator_now,
)

urlpatterns = [
    path("operator/now/", operator_now.now, name="operator_now"),
    path("operator/log/", operator_log.log, name="operator_log"),
    path("operator/margin/", operator_margin.margin, name="operator_margin"),
    path(
        "operator/margin/margin.csv",
        operator_margin.margin_csv,
        name="operator_margin_csv",
    ),
    path(
        "operator/engines/<int:engine_id>/cost/",
        operator_margin.engine_cost,
        name="operator_engine_cost",
    ),
    path("operator/engines/", operator_engines.engines, name="operator_engines"),
    path(
        "operator/workers/",
        RedirectView.as_view(pattern_name="frontend:operator_engines"),
    ),
    path(
        "operator/engines/<int:engine_id>/",
        operator_engines.engine,
        name="operator_engine",
    ),
    path(
        "operator/engines/<int:engine_id>/drain/",
        operator_engines.drain,
        name="operator_drain_engine",
    ),
    path(
        "operator/engines/<int:engine_id>/resume/",
        operator_engines.resume,
        name="operator_resume_engine",
    ),
]
