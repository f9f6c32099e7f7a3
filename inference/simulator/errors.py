"""Refusals in vLLM's words and shapes."""

from http import HTTPStatus

import msgspec


class Refusal(Exception):  # noqa: N818 - the word of the glossary for an answer "no"
    """An answer other than 200: `{"error": {"message", "type", "param", "code"}}`."""

    def __init__(
        self,
        message: str,
        *,
        kind: str = "BadRequestError",
        status: HTTPStatus = HTTPStatus.BAD_REQUEST,
        param: str | None = None,
    ) -> None:
        super().__init__(message)
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


def invalid_body(message: str, param: str = "body") -> Refusal:
    """The body is no JSON, or a field has the wrong type."""
    return Refusal(f"1 validation error:\n  {message}", kind="Bad Request", param=param)


def unknown_model(asked: str, served: str) -> Refusal:
    return Refusal(
        f"The model `{asked}` does not exist. Valid aliases: {served}.",
        kind="NotFoundError",
        status=HTTPStatus.NOT_FOUND,
        param="model",
    )


def prompt_too_long(prompt_tokens: int, context_tokens: int) -> Refusal:
    return Refusal(
        f"This model's maximum context length is {context_tokens} tokens. However, "
        f"your prompt contains {prompt_tokens} input tokens, which exceeds this limit "
        "even without any output tokens. Please reduce the length of the input prompt.",
        param="input_tokens",
    )


def no_such_page(status: HTTPStatus) -> Refusal:
    """404 or 405 of the web framework: the phrase is message and type at once."""
    return Refusal(status.phrase, kind=status.phrase, status=status)
