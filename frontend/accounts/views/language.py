"""The choice of a language, and the texts of scripts in it."""

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import translation
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_POST, require_safe
from django.views.i18n import JavaScriptCatalog, set_language

from tenants.models import User
from tenants.services.choose_language import choose_language as keep_language


class _OurTexts(JavaScriptCatalog):
    """Without those of the administration's scripts."""

    packages = ["frontend"]

    def get_paths(self, packages: list[str]) -> list[str]:  # noqa: ARG002  its signature
        return [str(path) for path in settings.LOCALE_PATHS]


_texts = _OurTexts.as_view()


@require_POST
def choose_language(request: HttpRequest) -> HttpResponse:
    """For anybody: a cookie keeps it, and the account of who is signed in, so that
    mails speak it too. Back to `next`, where the chooser was.
    """
    if isinstance(request.user, User):
        keep_language(request.user, request.POST.get("language", ""))
    return set_language(request)


@require_safe
@cache_control(public=True, max_age=3_600)
def texts(request: HttpRequest, language: str) -> HttpResponseBase:
    """A script that makes `gettext` speak `language`."""
    if language not in dict(settings.LANGUAGES):
        raise Http404
    with translation.override(language):
        return _texts(request)
