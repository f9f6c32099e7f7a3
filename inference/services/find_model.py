"""The model that a call of a key names."""

from django.utils.translation import gettext

from inference.errors import (
    EndpointNotOfferedError,
    ModelNotAllowedError,
    ModelNotFoundError,
)
from inference.models import ServedModel
from inference.wire import Task
from tenants.models import ApiKey

_DEFAULT = "default"


def find_model(name: str, *, api_key: ApiKey) -> ServedModel:
    """By its public name, or `default`. Raises CachedPromptError."""
    rows = ServedModel.objects.filter(engines__isnull=False).distinct()
    is_wanted = {"is_default": True} if name == _DEFAULT else {"name": name}
    model = rows.filter(**is_wanted).first()
    if model is None:
        raise ModelNotFoundError(
            gettext("There is no model %(name)s. GET /v1/models lists them.")
            % {"name": name},
            param="model",
        )
    allowed = api_key.allowed_models
    if allowed is not None and model.name not in allowed:
        raise ModelNotAllowedError(
            gettext("This API key may not use the model %(name)s.")
            % {"name": model.name},
            param="model",
        )
    if model.task != Task.GENERATE:
        raise EndpointNotOfferedError(
            gettext("The model %(name)s does not generate: it has no prompts to cache.")
            % {"name": model.name},
            param="model",
        )
    return model
