"""Readiness by asking, never by waiting.

A probe returns when the process does its work and raises OSError (or psycopg's
OperationalError, which does not derive from it) while it does not.
"""

import http.client

import psycopg

HTTP_OK = 200
NOT_READY = (OSError, psycopg.OperationalError, http.client.HTTPException)


def answers_ok(port: int, path: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=3)
    try:
        connection.request("GET", path)
        status = connection.getresponse().status
    finally:
        connection.close()
    if status != HTTP_OK:
        raise OSError(f"{path} answered {status}")
