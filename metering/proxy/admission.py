"""How much a call may use: checks against the snapshot, and the size of its hold."""

import time
from collections.abc import Mapping

import msgspec

from inference.wire import Route
from metering.proxy import errors
from metering.proxy.errors import RefusedError
from metering.proxy.prompts import prompts_at_most
from metering.proxy.snapshots import Snapshots
from metering.proxy.transform.endpoint import Endpoint, OutputKind
from metering.proxy.transform.request import ParsedRequest
from metering.proxy.usage import Usage, cost_nanos
from metering.wire import PriceVector
from tenants.wire import KeyPolicy

_TOKENS_PER_BYTE = 0.3
"""Before a key's own ratio is known: JSON of English text has about 0.25."""
_TEMPLATE_TOKENS = 32
"""A chat template adds roles and perhaps a system prompt."""
_RATIO_WEIGHT = 0.2
"""Of the latest call in a key's moving average."""
_RATIOS_MAX = 10_000
"""Of keys; the one that began to call first is forgotten first."""


class Admission(msgspec.Struct, frozen=True, kw_only=True):
    route: Route
    price: PriceVector
    input_tokens_estimate: int
    least_output_tokens: int
    """To hold; with an output ceiling the most that the call can make."""
    most_output_tokens: int

    def cost_nanos(self, *, input_tokens: int, output_tokens: int, images: int) -> int:
        """At its worst: nothing is cached."""
        used = Usage(
            input_tokens=input_tokens, output_tokens=output_tokens, images=images
        )
        return cost_nanos(used, self.price)


class Admitter:
    def __init__(self, snapshots: Snapshots) -> None:
        self._snapshots = snapshots
        self._tokens_per_byte: dict[int, float] = {}

    def admit(self, policy: KeyPolicy, request: ParsedRequest) -> Admission:
        """Raises RefusedError: the model is unknown, forbidden or unpriced, or does not
        offer the endpoint.
        """
        endpoint = request.endpoint
        route = self._route(policy, request.asked.model)
        if endpoint.task is not None and route.task is not endpoint.task:
            raise self._not_offered(policy, route, endpoint)
        price = self._price(policy, route, endpoint)
        estimate = 0
        if endpoint.uses_input_tokens:
            estimate = self._estimate_input_tokens(policy, request)
        least, most = _output_tokens(request, route, input_tokens=estimate)
        return Admission(
            route=route,
            price=price,
            input_tokens_estimate=estimate,
            least_output_tokens=least,
            most_output_tokens=most,
        )

    def _price(
        self, policy: KeyPolicy, route: Route, endpoint: Endpoint
    ) -> PriceVector:
        price = self._snapshots.price_vector(route.model, at=time.time(), policy=policy)
        if price is None or (
            endpoint.output is OutputKind.IMAGES
            and price.image_nanos_per_million is None
        ):
            raise RefusedError(
                errors.UNPRICED_MODEL,
                f"The model {route.model} has no price yet, so it cannot be called.",
            )
        return price

    def _not_offered(
        self, policy: KeyPolicy, route: Route, endpoint: Endpoint
    ) -> RefusedError:
        others = [
            one.model
            for one in self.visible_routes(policy)
            if one.task is endpoint.task
        ]
        path = endpoint.path.decode()
        hint = f"Those that do: {', '.join(others[:10])}." if others else "None does."
        return RefusedError(
            errors.ENDPOINT_NOT_OFFERED,
            f"The model {route.model} does not offer {path}. {hint}",
            param="model",
        )

    def learn(
        self, policy: KeyPolicy, request: ParsedRequest, *, input_tokens: int
    ) -> None:
        """What the engine counted improves the key's next estimate."""
        if request.prompt_bytes == 0:
            return
        own_tokens = input_tokens - request.reserved_tokens - _TEMPLATE_TOKENS
        ratio = max(0, own_tokens) / request.prompt_bytes
        old = self._tokens_per_byte.get(policy.api_key_id, _TOKENS_PER_BYTE)
        self._tokens_per_byte[policy.api_key_id] = old + _RATIO_WEIGHT * (ratio - old)
        if len(self._tokens_per_byte) > _RATIOS_MAX:
            del self._tokens_per_byte[next(iter(self._tokens_per_byte))]

    def visible_routes(self, policy: KeyPolicy) -> list[Route]:
        return [
            route
            for name, route in self._snapshots.routes.items()
            if name == route.model and _is_allowed(policy, route)
        ]

    def _route(self, policy: KeyPolicy, model: str) -> Route:
        routes: Mapping[str, Route] = self._snapshots.routes
        route = routes.get(model)
        if route is None:
            raise RefusedError(
                errors.UNKNOWN_MODEL,
                f"The model {model[:100]!r} does not exist. GET /v1/models lists those "
                "that do; `default` always works.",
                param="model",
            )
        if not _is_allowed(policy, route):
            raise RefusedError(
                errors.MODEL_NOT_ALLOWED,
                f"This API key may not use the model {route.model}.",
                param="model",
            )
        return route

    def _estimate_input_tokens(self, policy: KeyPolicy, request: ParsedRequest) -> int:
        ratio = self._tokens_per_byte.get(policy.api_key_id, _TOKENS_PER_BYTE)
        own_tokens = _TEMPLATE_TOKENS + int(request.prompt_bytes * ratio)
        return request.reserved_tokens + own_tokens


def _output_tokens(
    request: ParsedRequest, route: Route, *, input_tokens: int
) -> tuple[int, int]:
    """The least to hold for the output, and the most that it can come to."""
    if request.endpoint.output is not OutputKind.TOKENS:
        return 0, 0
    answers = request.asked.samples * prompts_at_most(request)
    ceiling = request.asked.output_ceiling
    if ceiling is None:
        return 1, answers * max(1, route.context_tokens - input_tokens)
    output = answers * min(ceiling, route.context_tokens)
    return output, output


def _is_allowed(policy: KeyPolicy, route: Route) -> bool:
    return policy.allowed_models is None or route.model in policy.allowed_models
