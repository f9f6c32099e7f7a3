"""In which language the portal speaks to whom."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils import translation
from django.utils.cache import patch_vary_headers

Handler = Callable[[HttpRequest], HttpResponse]

_OF_MACHINES = ("/api/", "/admin/", "/healthz", "/texts/", "/.well-known/")
"""What programs read stays English, and so does the administration, whose forms are
made of the names in the code. The texts of scripts name their language in the path.
"""


def speak(get_response: Handler) -> Handler:
    """A page in the account's language, else the cookie's, else the browser's."""

    def answer(request: HttpRequest) -> HttpResponse:
        if request.path.startswith(_OF_MACHINES):
            return get_response(request)
        language = language_of(request)
        with translation.override(language):
            response = get_response(request)
        patch_vary_headers(response, ("Accept-Language", "Cookie"))
        response.headers.setdefault("Content-Language", language)
        return response

    return answer


def language_of(request: HttpRequest) -> str:
    chosen = getattr(request.user, "language", "")
    if chosen and translation.check_for_language(chosen):
        return str(chosen)
    return translation.get_language_from_request(request)
