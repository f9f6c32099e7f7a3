"""Which addresses a tenant may name for its messages."""

from urllib.parse import SplitResult, urlsplit

URL_CHARACTERS_MAX = 500
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


def fault_of_url(url: str, *, allows_loopback: bool) -> str | None:
    """What is wrong with it, as a sentence; None: nothing that its text shows. Where
    its name leads to is looked at each time that something is sent.
    """
    if len(url) > URL_CHARACTERS_MAX:
        return f"The URL is longer than {URL_CHARACTERS_MAX} characters."
    try:
        parts = urlsplit(url)
        is_complete = bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_complete = False
    if not is_complete or not url.isascii() or any(sign <= " " for sign in url):
        return "This is not a URL: expected `https://host/path`."
    return _fault_of_parts(parts, allows_loopback=allows_loopback)


def _fault_of_parts(parts: SplitResult, *, allows_loopback: bool) -> str | None:
    is_loopback = allows_loopback and parts.hostname in _LOOPBACK
    if parts.scheme != "https" and not (is_loopback and parts.scheme == "http"):
        return "The URL begins with https://."
    if parts.username is not None or parts.password is not None:
        return "The URL names a user; the signature says who we are."
    return "The URL has a part after #." if parts.fragment else None
