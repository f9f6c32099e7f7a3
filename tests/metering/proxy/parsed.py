"""Bodies as the proxy reads them."""

from typing import Any

import msgspec

from metering.proxy.transform.endpoints import ENDPOINTS
from metering.proxy.transform.request import ParsedRequest, parse
from tests.inference.prompts import CEILINGS, Prompt


def parsed(path: str, **body: Any) -> ParsedRequest:
    ceiling = {CEILINGS[path]: 1} if path in CEILINGS else {}
    data = msgspec.json.encode({"model": "counting", **ceiling, **body})
    return parse(ENDPOINTS[path.encode()], data)


def request_of(prompt: Prompt) -> ParsedRequest:
    return parsed(prompt.path, **prompt.body)
