from django.urls import include, path

from billing.api import cached_prompts, kv_quotes, receipt_keys, stripe_webhook

app_name = "billing"
urlpatterns = [
    path(
        ".well-known/tokenfab-receipt-keys.json",
        receipt_keys.receipt_keys,
        name="receipt_keys",
    ),
    path("api/v1/", include("billing.api.v1.urls")),
    path("v1/cached_prompts", cached_prompts.collection, name="cached_prompts"),
    path("v1/cached_prompts/<str:name>", cached_prompts.one, name="cached_prompt"),
    path(
        "v1/cached_prompts/<str:name>/events",
        cached_prompts.events,
        name="cached_prompt_events",
    ),
    path("v1/kv_quotes", kv_quotes.quotes, name="kv_quotes"),
    path("stripe/webhook", stripe_webhook.stripe_webhook, name="stripe_webhook"),
]
