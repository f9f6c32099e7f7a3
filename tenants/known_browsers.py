"""Which users have signed in from this browser before: a signed cookie says.

The list of sessions could not: a session that was ended, or ran out, is in it no more,
so whoever signs out every evening would get a mail every morning.
"""

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse

from tenants.models import User

COOKIE = "known_browser"
_SALT = "tenants.known_browsers"
_AGE_SECONDS = 31_536_000
_USERS_MAX = 20
"""Of one browser; whoever has not signed in for longest is forgotten."""


def is_known(request: HttpRequest, user: User) -> bool:
    return user.pk in _users(request)


def remember(request: HttpRequest, response: HttpResponse, user: User) -> None:
    """For a year from now."""
    others = [pk for pk in _users(request) if pk != user.pk]
    response.set_cookie(
        COOKIE,
        signing.dumps([*others, user.pk][-_USERS_MAX:], salt=_SALT),
        max_age=_AGE_SECONDS,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def _users(request: HttpRequest) -> list[int]:
    """None, where nobody wrote the cookie or somebody else did."""
    try:
        found: list[int] = signing.loads(
            request.COOKIES.get(COOKIE, ""), salt=_SALT, max_age=_AGE_SECONDS
        )
    except signing.BadSignature:
        return []
    return found
