"""Refusals in vLLM's words and shapes."""

from http import HTTPStatus

import msgspec

_MALFORMED = "Bad Request"


class Refusal(Exception):  # noqa: N818 - the word of the glossary for an answer "no"
    """An answer other than 200: `{"error": {"message", "type", "param", "code"}}`."""

    def __init__(
        self,
        message: str,
        *,
        kind: str = "BadRequestError",
        status: HTTPStatus = HTTPStatus.BAD_REQUEST,
        param: str | None = None,
        details: str = "",
    ) -> None:
        """`details` follow the message in brackets, as in `(parameter=n, value=2)`."""
        message = f"{message} ({details})" if details else message
        super().__init__(message)
        self.message = message
        self.kind = kind
        self.status = status
        self.body = msgspec.json.encode(
            {
                "error": {
                    "message": message,
                    "type": kind,
                    "param": param,
                    "code": int(status),
                }
            }
        )

    @property
    def is_malformed(self) -> bool:
        """The body itself is wrong, and was refused before any dialect looked at it."""
        return self.kind == _MALFORMED


def invalid_parameter(message: str, param: str, value: object) -> Refusal:
    return Refusal(message, param=param, details=f"parameter={param}, value={value}")


def invalid_body(message: str, param: str | None = "body") -> Refusal:
    """The body is no JSON, or a field has the wrong type."""
    return Refusal(f"1 validation error:\n  {message}", kind=_MALFORMED, param=param)


def unknown_model(asked: str, served: str) -> Refusal:
    return Refusal(
        f"The model `{asked}` does not exist. Valid aliases: {served}.",
        kind="NotFoundError",
        status=HTTPStatus.NOT_FOUND,
        param="model",
    )


def prompt_too_long(context_tokens: int) -> Refusal:
    # vLLM stops counting at the first token too many, and so names no more than it.
    count = context_tokens + 1
    return invalid_parameter(
        f"This model's maximum context length is {context_tokens} tokens. However, "
        f"your prompt contains at least {count} input tokens, which exceeds this "
        "limit even without any output tokens. Please reduce the length of the input "
        "prompt.",
        "input_tokens",
        count,
    )


def not_found(response_id: str) -> Refusal:
    """No response is ever kept, so none is found."""
    return Refusal(
        f"Response with id '{response_id}' not found.",
        kind="invalid_request_error",
        status=HTTPStatus.NOT_FOUND,
        param="response_id",
    )


def not_multimodal(model: str) -> Refusal:
    return Refusal(f"{model} is not a multimodal model")


def engine_failed(message: str) -> Refusal:
    return Refusal(
        message,
        kind="InternalServerError",
        status=HTTPStatus.INTERNAL_SERVER_ERROR,
    )
