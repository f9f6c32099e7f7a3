"""Fields that decode well and still cannot be: refused in vLLM's words."""

from inference.simulator import errors
from inference.simulator.errors import Refusal
from inference.simulator.requests import (
    ChatBody,
    CompletionBody,
    Message,
    SamplingBody,
)

CHOICES_MAX = 64
_STOP_STRINGS_MAX = 4
_LOGPROBS_MAX = 20
_SALT_LENGTH_MAX = 128
_SEED_MAX = 2**63 - 1


def check_chat(body: ChatBody) -> None:
    """Raises Refusal."""
    if body.tools == []:
        raise Refusal(
            "`tools` must not be an empty array. Either provide at least one tool or "
            "omit the field entirely.",
            param="tools",
            details="parameter=tools",
        )
    if body.tool_choice not in (None, "none") and not body.tools:
        raise Refusal(
            "When using `tool_choice`, `tools` must be set.",
            param="tool_choice",
            details="parameter=tool_choice",
        )
    if body.tools and body.tool_choice in (None, "auto"):
        raise Refusal(
            '"auto" tool choice requires --enable-auto-tool-choice and '
            "--tool-call-parser to be set"
        )
    if body.top_logprobs and not body.logprobs:
        raise Refusal(
            "when using `top_logprobs`, `logprobs` must be set to true.",
            param="top_logprobs",
            details="parameter=top_logprobs",
        )
    check_logprobs(body.top_logprobs)
    check_conversation(body.messages)


def check_completion(body: CompletionBody) -> None:
    """Raises Refusal."""
    if body.suffix:
        raise Refusal(
            "suffix is only supported for models with FIM completion rendering",
            param="suffix",
        )
    check_logprobs(body.logprobs)


def check_sampling(body: SamplingBody, ceiling: int | None) -> None:
    """Raises Refusal. `ceiling` is the one that counts of those that were given."""
    _check_choices(body)
    _check_stop(body)
    _check_ranges(body)
    if ceiling is not None and ceiling < 1:
        raise errors.invalid_parameter(
            f"max_tokens must be at least 1, got {ceiling}.", "max_tokens", ceiling
        )
    if body.min_tokens < 0:
        raise Refusal(
            f"min_tokens must be greater than or equal to 0, got {body.min_tokens}."
        )
    if ceiling is not None and body.min_tokens > ceiling:
        raise Refusal(
            "min_tokens must be less than or equal to "
            f"max_tokens={ceiling}, got {body.min_tokens}."
        )
    if body.stream_options is not None and not body.stream:
        raise Refusal(
            "Stream options can only be defined when `stream=True`.",
            param="stream_options",
            details="parameter=stream_options",
        )
    check_salt(body.cache_salt)


def check_conversation(messages: list[Message]) -> None:
    """Raises Refusal."""
    if not messages:
        raise Refusal(
            "Cannot apply chat template to an empty conversation. Provide at least "
            "one message."
        )
    for place, message in enumerate(messages):
        if message.content is None and message.role in {"user", "system"}:
            raise errors.invalid_body(
                "Input should be a valid string", f"body.messages.{place}.content"
            )


def _check_choices(body: SamplingBody) -> None:
    count = 1 if body.n is None else body.n
    if count < 1:
        raise Refusal(f"n must be at least 1, got {count}.")
    if count > CHOICES_MAX:
        raise Refusal(f"n must be at most {CHOICES_MAX}, got {count}.")
    if body.temperature == 0 and count > 1:
        raise Refusal(f"n must be 1 when using greedy sampling, got {count}.")


def _check_stop(body: SamplingBody) -> None:
    if body.stop == "" or "" in (body.stop if isinstance(body.stop, list) else ()):
        raise Refusal("stop cannot contain an empty string.")
    if isinstance(body.stop, list) and len(body.stop) > _STOP_STRINGS_MAX:
        raise errors.invalid_body(
            f"List should have at most {_STOP_STRINGS_MAX} items after validation, "
            f"not {len(body.stop)}",
            "body.stop",
        )


def _check_ranges(body: SamplingBody) -> None:
    if body.seed is not None and not -_SEED_MAX <= body.seed <= _SEED_MAX:
        raise errors.invalid_body(
            f"Input should be less than or equal to {_SEED_MAX}", "body.seed"
        )
    if body.temperature is not None and not 0 <= body.temperature <= 2:  # noqa: PLR2004
        raise errors.invalid_parameter(
            f"temperature must be in [0, 2], got {body.temperature}.",
            "temperature",
            body.temperature,
        )
    if body.top_p is not None and not 0 < body.top_p <= 1:
        raise errors.invalid_parameter(
            f"top_p must be in (0, 1], got {body.top_p}.", "top_p", body.top_p
        )
    for name in ("presence_penalty", "frequency_penalty"):
        penalty = getattr(body, name)
        if penalty is not None and not -2 <= penalty <= 2:  # noqa: PLR2004
            raise Refusal(f"{name} must be in [-2, 2], got {penalty}.")


def check_logprobs(count: int | None) -> None:
    if count is not None and count > _LOGPROBS_MAX:
        raise errors.invalid_parameter(
            f"Requested sample logprobs of {count}, which is greater than max "
            f"allowed: {_LOGPROBS_MAX}",
            "logprobs",
            count,
        )


def check_salt(salt: str | None) -> None:
    if salt is None:
        return
    problem = ""
    if not salt:
        problem = "must be a non-empty string if provided."
    elif len(salt) > _SALT_LENGTH_MAX or set(salt) & set("@/\\\0"):
        problem = (
            f"must be at most {_SALT_LENGTH_MAX} characters and must not contain "
            r"'@', '/', '\\', or NUL."
        )
    if problem:
        raise Refusal(
            f"Parameter 'cache_salt' {problem}",
            param="cache_salt",
            details="parameter=cache_salt",
        )
