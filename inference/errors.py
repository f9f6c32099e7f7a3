"""What the services of this app refuse, and why; `code` is stable, the text is not."""

from typing import ClassVar


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
