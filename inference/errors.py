"""What the services of this app refuse, and why; `code` is stable, the text is not."""

from typing import Any, ClassVar


class InferenceError(Exception):
    """Base of every refusal. The text may be shown to the operator who asked."""

    code: ClassVar[str]


class InvalidEngineError(InferenceError):
    """The address or the name cannot be one of an engine."""

    code = "invalid_engine"


class InvalidServedModelError(InferenceError):
    code = "invalid_served_model"


class EngineNotFoundError(InferenceError):
    code = "engine_not_found"


class NotConvertibleError(InferenceError):
    """The model's tokenizer or chat template is of a kind that is not counted here."""

    code = "not_convertible"


class NotCountableError(InferenceError):
    """Only the engine itself can count such a prompt."""

    code = "not_countable"


class EngineSilentError(InferenceError):
    """The engine did not answer in time, or with what is no answer."""

    code = "engine_unavailable"


class LeaseNotFoundError(InferenceError):
    """Also for another tenant's: nobody learns that it exists."""

    code = "kv_lease_not_found"


class LeaseEndedError(InferenceError):
    code = "kv_lease_ended"


class LeaseNotExtendedError(InferenceError):
    """Money limits apply, so that nothing may be sold that was not held for before."""

    code = "kv_lease_not_extended"


class LeasesUnavailableError(InferenceError):
    """The engine, or Valkey, does not answer; the act may be tried again."""

    code = "kv_leases_unavailable"


class CachedPromptError(InferenceError):
    """What a caller who asks for a cached prompt is told."""

    code = "invalid_value"

    def __init__(self, message: str, *, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param


class MissingParameterError(CachedPromptError):
    code = "missing_required_parameter"


class PromptTooLargeError(CachedPromptError):
    code = "body_too_large"


class PromptNotReadableError(CachedPromptError):
    """The engine itself refuses the messages or tools."""

    code = "invalid_request"


class PromptTooLongError(CachedPromptError):
    code = "context_length_exceeded"


class ModelNotFoundError(CachedPromptError):
    code = "model_not_found"


class EndpointNotOfferedError(CachedPromptError):
    """The model does something else than to generate."""

    code = "endpoint_not_offered"


class ModelNotAllowedError(CachedPromptError):
    code = "model_not_allowed"


class LeasesNotOfferedError(CachedPromptError):
    code = "kv_leases_not_offered"


class CachedPromptsNotSoldError(CachedPromptError):
    """The operator sells no new ones."""

    code = "cached_prompts_not_offered"


class CachedPromptExistsError(CachedPromptError):
    """The name is taken by a prompt of another content."""

    code = "cached_prompt_exists"


class CachedPromptNotFoundError(CachedPromptError):
    """There is none, or it is another project's: nobody is told which."""

    code = "cached_prompt_not_found"


class TooManyCachedPromptsError(CachedPromptError):
    code = "too_many_cached_prompts"


class CachedPromptsUnavailableError(CachedPromptError):
    """Engine or proxy did not answer; another try may work."""

    code = "cached_prompts_unavailable"


class CapacityExhaustedError(CachedPromptError):
    code = "kv_capacity_exhausted"

    def __init__(self, message: str, *, tokens: int) -> None:
        super().__init__(message)
        self.tokens = tokens
        """That the refused prompt has."""


class ProxyRefusedError(CachedPromptError):
    """The proxy's own words, to be passed on as they are."""

    def __init__(
        self, *, status: int, error: dict[str, Any], retry_after: str | None
    ) -> None:
        super().__init__(str(error.get("message", "")))
        self.status = status
        self.error = error
        self.retry_after = retry_after
