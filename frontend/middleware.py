"""Security headers of every page. Static files are answered before this runs."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

Handler = Callable[[HttpRequest], HttpResponse]

_COMMON = (
    "default-src 'none'",
    "img-src 'self' data:",
    "connect-src 'self'",
    "font-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
)
PORTAL_POLICY = "; ".join((*_COMMON, "script-src 'self'", "style-src 'self'"))
# The admin's Alpine compiles the expressions of its attributes (eval) and writes
# style attributes. Scripts in the page stay forbidden there too.
ADMIN_POLICY = "; ".join(
    (*_COMMON, "script-src 'self' 'unsafe-eval'", "style-src 'self' 'unsafe-inline'")
)
_PERMISSIONS = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"


def content_security_policy(get_response: Handler) -> Handler:
    def answer(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        is_admin = request.path.startswith("/admin/")
        policy = ADMIN_POLICY if is_admin else PORTAL_POLICY
        response.headers.setdefault("Content-Security-Policy", policy)
        response.headers.setdefault("Permissions-Policy", _PERMISSIONS)
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        return response

    return answer
