"""The chat in Flask; what it does is that of the standard library's."""

import sys
from pathlib import Path

from flask import Flask, Response, jsonify, request, send_from_directory

sys.path.insert(0, str(Path(__file__).parents[3] / "examples/backends/python"))

from chat import KEY, PAGE, answer  # noqa: E402
from signature import is_signed, once  # noqa: E402

app = Flask(__name__)


@app.post("/__WebSocket.wwd")
def on_web_socket():
    body = request.get_data()
    if "WebSocket-Event" not in request.headers:
        return Response(status=404)
    target = request.environ["RAW_URI"]
    if not is_signed(request.method, target, request.headers.items(), body, KEY):
        return Response("The signature is missing or wrong.", 401)
    event, url = request.headers["WebSocket-Event"], request.headers["WebSocket-Broadcast-Url"]
    status, reply = once(request.headers["WebSocket-Message-Id"], lambda: answer(event, body, url))
    return Response(status=status) if reply is None else (jsonify(reply), status)


@app.get("/")
def page():
    return send_from_directory(PAGE, "index.html")


@app.get("/<name>")
def file(name):
    return send_from_directory(PAGE, name)
