"""Who asks: the key of an API request that a proxy passed on, or nobody."""

from collections.abc import Callable
from typing import Concatenate, ParamSpec

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from billing.api.refusals import refused, refused_by_error
from inference.errors import CachedPromptError
from tenants.models import ApiKey
from tenants.services.find_api_key import find_api_key
from tenants.wire import KeyScope

_P = ParamSpec("_P")
_View = Callable[Concatenate[HttpRequest, _P], HttpResponse]
_Act = Callable[Concatenate[HttpRequest, ApiKey, _P], HttpResponse]


def for_keys(**acts: _Act[_P]) -> _View[_P]:
    """A view of one path: the act of each method, given the key that asks. What an act
    raises as a refusal is answered as one.
    """

    # A key in a header is no cookie: no other site can make a browser send it.
    @csrf_exempt
    def view(
        request: HttpRequest, /, *args: _P.args, **kwargs: _P.kwargs
    ) -> HttpResponse:
        act = acts.get(request.method or "")
        if act is None:
            return _wrong_method(list(acts))
        secret = request.headers.get("authorization", "").removeprefix("Bearer ")
        api_key = find_api_key(secret.strip(), now=timezone.now())
        if api_key is None:
            return refused("invalid_api_key", "This API key cannot be used.")
        if not api_key.may(KeyScope.KV):
            return refused(
                "scope_missing", "This API key's scopes leave out `kv`: use another."
            )
        try:
            return act(request, api_key, *args, **kwargs)
        except CachedPromptError as error:
            return refused_by_error(error)

    return view


def _wrong_method(allowed: list[str]) -> HttpResponse:
    methods = ", ".join(allowed)
    answer = refused("method_not_allowed", f"This path takes {methods}.")
    answer["Allow"] = methods
    return answer
