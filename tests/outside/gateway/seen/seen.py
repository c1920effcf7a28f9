"""Tells what Python's servers call the path of a request, and whether it looks like one of the gateway's."""

import json
import sys
from wsgiref.simple_server import make_server


def app(environ, start_response):
    names = [name for name in environ if name.startswith(("HTTP_WEBSOCKET", "HTTP_SIGNATURE"))]
    path = environ["SCRIPT_NAME"] + environ["PATH_INFO"]
    body = json.dumps({"paths": [path], "ours": bool(names)}).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]


if __name__ == "__main__":
    make_server(sys.argv[1], int(sys.argv[2]), app).serve_forever()
