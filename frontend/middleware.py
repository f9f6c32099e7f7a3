"""Around every page: its security headers (static files have them too), who acts by
it, and that it is sent compressed.
"""

from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.middleware.gzip import GZipMiddleware

from tenants.domain.actors import SYSTEM, Actor, ActorKind, act_as
from tenants.models import User
from tenants.row_security import SAFE_METHODS

Handler = Callable[[HttpRequest], HttpResponse]

_COMMON = (
    "default-src 'none'",
    "img-src 'self' data:",
    "connect-src 'self'",
    "font-src 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
)
_OWN_FORMS = "form-action 'self'"
_PORTAL = (*_COMMON, "script-src 'self'", "style-src 'self'")
PORTAL_POLICY = "; ".join((*_PORTAL, _OWN_FORMS))
# A form that is answered by a redirect to Stripe's page counts as one sent there.
_STRIPE = "https://checkout.stripe.com https://billing.stripe.com"
BILLING_POLICY = "; ".join((*_PORTAL, f"{_OWN_FORMS} {_STRIPE}"))
# The admin's Alpine compiles the expressions of its attributes (eval) and writes
# style attributes. Scripts in the page stay forbidden there too.
ADMIN_POLICY = "; ".join(
    (
        *_COMMON,
        "script-src 'self' 'unsafe-eval'",
        "style-src 'self' 'unsafe-inline'",
        _OWN_FORMS,
    )
)
_PERMISSIONS = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"


def content_security_policy(get_response: Handler) -> Handler:
    def answer(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        policy = _policy_of(request.path)
        response.headers.setdefault("Content-Security-Policy", policy)
        response.headers.setdefault("Permissions-Policy", _PERMISSIONS)
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        return response

    return answer


def _policy_of(path: str) -> str:
    if path.startswith("/admin/"):
        return ADMIN_POLICY
    if path == "/playground/":
        return _playground_policy()
    return BILLING_POLICY if path.startswith("/billing/") else PORTAL_POLICY


def _playground_policy() -> str:
    """The page's calls go to the API itself, which has another origin."""
    api = urlsplit(settings.API_URL)
    own = "connect-src 'self'"
    return PORTAL_POLICY.replace(own, f"{own} {api.scheme}://{api.netloc}")


_OF_STAFF = ("/operator/", "/admin/")


def name_the_actor(get_response: Handler) -> Handler:
    """For the audit log. The management API names its callers itself, within this."""

    def answer(request: HttpRequest) -> HttpResponse:
        with act_as(_actor_of(request)):
            return get_response(request)

    return answer


def _actor_of(request: HttpRequest) -> Actor:
    """A request that changes nothing is not asked who it is by."""
    user = SYSTEM if request.method in SAFE_METHODS else request.user
    if not isinstance(user, User):
        return SYSTEM
    is_staff = user.is_staff and request.path.startswith(_OF_STAFF)
    kind = ActorKind.STAFF if is_staff else ActorKind.USER
    return Actor(kind=kind, id=user.pk, name=user.email)


def compress_pages(get_response: Handler) -> Handler:
    """Not files, which have their own ways, nor what shows a secret.

    How well a page packs could tell of a secret beside what somebody else had put into
    it; so pages with one are `no-store` and stay as they are, and of the others Django
    hides the length by some random bytes.
    """
    gzip = GZipMiddleware(get_response)

    def answer(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        is_page = response.get("Content-Type", "").startswith("text/html")
        if not is_page or "no-store" in response.get("Cache-Control", ""):
            return response
        gzip.process_response(request, response)  # changes it in place
        return response

    return answer
