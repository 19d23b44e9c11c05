"""The shop's server where only an image with Python is at hand; it does what the program `web` of the demo's own cluster does.

Answers every path with its host name, its version (environment VERSION) and the path; /healthz with 200.
`-require-url=NAME`: the environment variable NAME must hold a URL with a host, or it does not start.
"""

import os
import signal
import socket
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

PORT = 8080


class Shop(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        text = "ok\n" if path == "/healthz" else f"host={socket.gethostname()} version={os.environ.get('VERSION', '')} path={path}\n"
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *args: object) -> None:
        """Probes come every two seconds; nobody wants to read that."""


def find_problem(arguments: list[str]) -> str:
    for argument in arguments:
        name = argument.removeprefix("-require-url=")
        value = os.environ.get(name, "")
        url = urlsplit(value)
        if name != argument and not (url.scheme and url.netloc):
            return f'cannot start: {name}="{value}" is not a URL; it must look like redis://host:port'
    return ""


if __name__ == "__main__":
    if problem := find_problem(sys.argv[1:]):
        sys.exit(problem)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    print(f'listening on :{PORT}, version "{os.environ.get("VERSION", "")}"', flush=True)
    ThreadingHTTPServer(("", PORT), Shop).serve_forever()
