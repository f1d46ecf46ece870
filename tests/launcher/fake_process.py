"""Stands in for a process of the stack: `fake_process.py KIND NAME PORT`. Notes its environment, then does little."""

import http.server
import json
import os
import shutil
import sys
import time
from pathlib import Path


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{}")


def main(kind: str, name: str, port: str) -> None:
    Path(f"{name}.env").write_text(json.dumps(dict(os.environ)))
    if kind == "broken":
        raise SystemExit("no such setting")
    if bootstrap := os.environ.get("IDENTITY_BOOTSTRAP_FILE"):
        shutil.copy(bootstrap, "seen.json")
    if kind == "serve":
        http.server.HTTPServer(("127.0.0.1", int(port)), Handler).serve_forever()
    if kind == "sleep":
        time.sleep(600)


main(*sys.argv[1:])
