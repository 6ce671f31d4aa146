"""Requests to a server on this machine: small answers, short deadlines, no proxies."""

from __future__ import annotations

import json
from typing import Any

from model_devops.adapters.answers import LIMIT, Answer


def request(host: str, port: int, method: str, path: str, *, body: Any = None, seconds: float) -> Answer:
    """Send one request and read the answer; never raises for what a server does."""
    import http.client  # takes time that a starting server takes anyway

    connection = http.client.HTTPConnection(_reachable(host), port, timeout=max(seconds, 0.01))
    data = None if body is None else json.dumps(body).encode()
    headers = {"Connection": "close"} | ({} if data is None else {"Content-Type": "application/json"})
    try:
        connection.request(method, path, data, headers)
        response = connection.getresponse()
        return Answer(response.status, response.read(LIMIT).decode("utf-8", "replace"))
    except (OSError, http.client.HTTPException, ValueError) as error:
        return Answer(0, f"{type(error).__name__}: {error}", isinstance(error, ConnectionRefusedError))
    finally:
        connection.close()


def _reachable(host: str) -> str:
    """An address to connect to: a server that listens everywhere also listens here."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
