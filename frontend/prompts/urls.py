"""Cached prompts."""

from django.urls import path

from frontend.prompts.views import cached_prompts

urlpatterns = [
    path("prompts/", cached_prompts.cached_prompts, name="cached_prompts"),
    path("prompts/new/", cached_prompts.create, name="create_cached_prompt"),
    path(
        "prompts/<uuid:public_id>/", cached_prompts.cached_prompt, name="cached_prompt"
    ),
    path(
        "prompts/<uuid:public_id>/extend/",
        cached_prompts.extend,
        name="extend_cached_prompt",
    ),
    path(
        "prompts/<uuid:public_id>/renew/",
        cached_prompts.renew,
        name="renew_cached_prompt",
    ),
    path(
        "prompts/<uuid:public_id>/delete/",
        cached_prompts.delete,
        name="delete_cached_prompt",
    ),
]
