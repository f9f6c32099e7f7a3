"""Stripe's refusals: {"error": {"type", "code", "message", "param", …}}."""

from typing import Any

MESSAGES = {
    "card_declined": "Your card was declined.",
    "expired_card": "Your card has expired.",
    "authentication_required": (
        "Your card was declined. This transaction requires authentication."
    ),
    "processing_error": "An error occurred while processing your card.",
}


class RefusalError(Exception):
    def __init__(self, status: int, **error: Any) -> None:
        super().__init__(error.get("message", ""))
        self.status = status
        self.error = error

    @property
    def body(self) -> dict[str, Any]:
        return {"error": self.error}


def invalid(message: str, *, param: str | None = None, **more: Any) -> RefusalError:
    named = {} if param is None else {"param": param}
    error = {"type": "invalid_request_error", "message": message, **named, **more}
    return RefusalError(400, **error)


def missing(kind: str, object_id: str) -> RefusalError:
    return RefusalError(
        404,
        type="invalid_request_error",
        code="resource_missing",
        param="id",
        message=f"No such {kind}: '{object_id}'",
    )


def card_error(code: str, *, decline_code: str | None, **more: Any) -> RefusalError:
    return RefusalError(402, **card_problem(code, decline_code), **more)


def card_problem(code: str, decline_code: str | None) -> dict[str, Any]:
    problem = {"type": "card_error", "code": code, "message": MESSAGES[code]}
    if decline_code is not None:
        problem["decline_code"] = decline_code
    return problem
