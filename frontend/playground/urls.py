"""The playground and its secret of minutes."""

from django.urls import path

from frontend.playground.views import playground

urlpatterns = [
    path("playground/", playground.playground, name="playground"),
    path("playground/secret/", playground.playground_secret, name="playground_secret"),
    path("playground/leave/", playground.leave_playground, name="leave_playground"),
]
