"""The one error of this package."""


class EngineError(Exception):
    """The engine cannot be prepared or run; the message is one sentence for people."""
