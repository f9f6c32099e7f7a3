"""Whatever else lies below `/api/v1/`: refused in the API's own words."""

from django.http import Http404
from rest_framework.request import Request
from rest_framework.views import APIView

from billing.api.v1.wire_format import AlwaysJson, JsonRenderer


class UnknownPath(APIView):
    """For anybody, by any method."""

    authentication_classes = ()
    renderer_classes = (JsonRenderer,)
    content_negotiation_class = AlwaysJson
    schema = None

    def initial(self, request: Request, *args: object, **kwargs: object) -> None:
        del request, args, kwargs
        raise Http404
