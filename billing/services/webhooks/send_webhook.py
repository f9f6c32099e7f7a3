"""One HTTP request to an address that a tenant named, on our own terms."""

import asyncio
import socket
import time
from dataclasses import dataclass
from http import HTTPStatus

import httpx
from django.conf import settings

from billing.domain.public_address import is_reachable

SECONDS_MAX = 10.0
"""For all of it, from the look-up of the name to the last byte that is kept."""
ANSWER_CHARACTERS_MAX = 500
_ANSWER_BYTES_MAX = 2048
_USER_AGENT = "Tokenfab-Webhooks/1"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    status: int | None
    """Of the answer; None: there was none."""
    answer: str
    """The first of it; or why there was none."""
    duration_ms: int

    @property
    def has_arrived(self) -> bool:
        return self.status is not None and 200 <= self.status < 300  # noqa: PLR2004  2xx

    @property
    def is_gone(self) -> bool:
        """The receiver says that it wants no more."""
        return self.status == HTTPStatus.GONE


class UnreachableError(Exception):
    """The text says why; it is shown in the log of deliveries."""


def open_client() -> httpx.AsyncClient:
    """Follows no redirect, and knows nothing of a proxy that the environment names."""
    return httpx.AsyncClient(
        timeout=SECONDS_MAX, trust_env=False, headers={"user-agent": _USER_AGENT}
    )


async def send_webhook(
    client: httpx.AsyncClient, url: str, *, payload: str, headers: dict[str, str]
) -> Outcome:
    """Raises nothing that the receiver could cause."""
    began = time.monotonic()
    status: int | None = None
    try:
        async with asyncio.timeout(SECONDS_MAX):
            status, answer = await _post(client, url, payload, headers)
    except TimeoutError:
        answer = f"No answer within {SECONDS_MAX:.0f} seconds."
    except UnreachableError as error:
        answer = str(error)
    except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError) as error:
        answer = f"{type(error).__name__}: {error}"
    return Outcome(
        status=status,
        answer=answer.replace("\0", "")[:ANSWER_CHARACTERS_MAX],
        duration_ms=int((time.monotonic() - began) * 1000),
    )


async def _post(
    client: httpx.AsyncClient, url: str, payload: str, headers: dict[str, str]
) -> tuple[int, str]:
    target = httpx.URL(url)
    address = await _resolve(target)
    # To the very address that was checked: looked up again, the name may say another.
    request = client.build_request(
        "POST",
        target.copy_with(host=address),
        content=payload.encode(),
        headers={
            "content-type": "application/json",
            "host": target.netloc.decode("ascii"),
            **headers,
        },
        extensions={"sni_hostname": target.raw_host.decode("ascii")},
    )
    response = await client.send(request, stream=True)
    try:
        return response.status_code, await _beginning(response)
    finally:
        await response.aclose()


async def _beginning(response: httpx.Response) -> str:
    kept = b""
    async for chunk in response.aiter_raw():
        kept += chunk
        if len(kept) >= _ANSWER_BYTES_MAX:
            break
    return kept[:_ANSWER_BYTES_MAX].decode(errors="replace")


async def _resolve(target: httpx.URL) -> str:
    """Raises UnreachableError unless every address of the name may be sent to."""
    port = target.port or (443 if target.scheme == "https" else 80)
    try:
        found = await asyncio.get_running_loop().getaddrinfo(
            target.host, port, type=socket.SOCK_STREAM
        )
    except socket.gaierror as error:
        raise UnreachableError(f"{target.host} is not found: {error}.") from None
    addresses = [str(one[4][0]) for one in found]
    for address in addresses:
        if not is_reachable(address, allows_loopback=settings.IS_LOCAL):
            raise UnreachableError(
                f"{target.host} is {address}, which is not a public address."
            )
    return addresses[0]
