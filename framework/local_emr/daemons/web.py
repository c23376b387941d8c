"""What the daemons say of themselves, over HTTP."""

import json
import urllib.request
from typing import Any

# Whatever proxy this machine has: loopback is not behind it.
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
TIMEOUT_SECONDS = 5.0


def ask(url: str, method: str = "GET", body: object = None) -> Any:
    """Return the JSON of an address; `body` is sent as JSON. Raises OSError where nobody answers, or something else."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"} if data else {}
    request = urllib.request.Request(url, data, headers, method=method)
    with _DIRECT.open(request, timeout=TIMEOUT_SECONDS) as answer:
        try:
            return json.load(answer)
        except ValueError as error:
            raise OSError(f"{url} answers no JSON") from error
