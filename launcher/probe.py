"""Ask one process whether it is ready: `python -m launcher.probe http://127.0.0.1:8001/readyz`.

Standard library only, because container health checks start it every few seconds.
"""

import http.client
import socket
import sys
from urllib.parse import urlsplit

OK = 200


def why_not_ready(address: str, *, timeout: float = 3.0) -> str:
    """Empty when ready, else the reason. `http://…` must answer 200; `tcp://host:port` must accept."""
    parts = urlsplit(address)
    host, port = parts.hostname or "", parts.port or 0
    try:
        if parts.scheme == "tcp":
            with socket.create_connection((host, port), timeout):
                return ""
        connection = http.client.HTTPConnection(host, port, timeout=timeout)
        try:
            connection.request("GET", parts.path or "/")
            answer = connection.getresponse()
            text = answer.read(2000).decode(errors="replace")
        finally:
            connection.close()
    except (OSError, http.client.HTTPException) as error:
        return f"{type(error).__name__}: {error}"
    return "" if answer.status == OK else f"{answer.status} {text}"


def main(arguments: list[str]) -> int:
    """Exit code 0 when ready."""
    reason = why_not_ready(arguments[0])
    if reason:
        print(reason, file=sys.stderr)
    return 1 if reason else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
