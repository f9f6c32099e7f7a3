"""One page of an engine, such as `/metrics`, as text."""

import ssl

import httpx

from inference.domain.engine_address import parse

TEXT_BYTES_MAX = 8 * 1024 * 1024


async def fetch_engine_text(address: str, path: str, *, seconds_max: float) -> str:
    """`seconds_max` is for each read alone: whoever calls bounds the whole.

    Raises httpx.HTTPError, OSError and ValueError (too long, or no text).
    """
    where = parse(address)
    # An empty TLS context, since engines speak plain HTTP: see check_engines.
    transport = httpx.AsyncHTTPTransport(
        uds=where.socket_path,
        verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
        trust_env=False,
    )
    async with (
        httpx.AsyncClient(transport=transport, timeout=seconds_max) as client,
        client.stream("GET", f"{where.base_url}{path}") as response,
    ):
        response.raise_for_status()
        body = bytearray()
        async for part in response.aiter_bytes():
            body += part
            if len(body) > TEXT_BYTES_MAX:
                raise ValueError(f"its {path} is too long")
    return body.decode()
