"""Webhook endpoints and their messages."""

from django.urls import path

from frontend.webhooks.views import webhook_log, webhooks

urlpatterns = [
    path("webhooks/", webhooks.webhooks, name="webhooks"),
    path("webhooks/new/", webhooks.add_webhook, name="add_webhook"),
    path("webhooks/<uuid:endpoint_id>/", webhook_log.webhook, name="webhook"),
    path(
        "webhooks/<uuid:endpoint_id>/change/",
        webhooks.change_webhook,
        name="change_webhook",
    ),
    path(
        "webhooks/<uuid:endpoint_id>/rotate/",
        webhooks.rotate_webhook,
        name="rotate_webhook",
    ),
    path(
        "webhooks/<uuid:endpoint_id>/remove/",
        webhooks.remove_webhook,
        name="remove_webhook",
    ),
    path("webhooks/<uuid:endpoint_id>/ping/", webhook_log.ping, name="ping_webhook"),
    path(
        "webhooks/<uuid:endpoint_id>/replay/",
        webhook_log.replay,
        name="replay_webhooks",
    ),
    path(
        "webhooks/<uuid:endpoint_id>/messages/<slug:message_id>/",
        webhook_log.message,
        name="webhook_message",
    ),
    path(
        "webhooks/<uuid:endpoint_id>/messages/<slug:message_id>/replay/",
        webhook_log.replay_message,
        name="replay_webhook_message",
    ),
]
