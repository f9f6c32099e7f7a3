class WrongError(Exception):
    """Something does not add up; the text says what."""


def check(*, holds: bool, otherwise: str) -> None:
    """Raises WrongError."""
    if not holds:
        raise WrongError(otherwise)
