"""A chat behind the gateway, of the standard library alone: python3 chat.py [address] [port]"""

import html
import json
import os
import sys
import urllib.request
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from signature import is_signed, once

PAGE = Path(__file__).parents[2] / "chat"
KEY = os.environ["WEBCONNECTION_SIGNING_KEY"]
TOKEN = os.environ["WEBCONNECTION_BROADCAST_TOKEN"]


def answer(event, body, broadcast_url):
    """Returns the status and the reply to the sender alone, which may be none."""
    if event != "message":
        return 204, None
    message = json.loads(body)
    if message["action"] != "broadcastchatmessage":
        return 422, None
    # A new message: the page chose all of the old one.
    out = {name: message[name] for name in ("action", "groupId", "userId", "recipients")}
    out["message"] = html.escape(message["message"]).replace("\n", "<br>")
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {TOKEN}"}
    request = urllib.request.Request(broadcast_url, json.dumps(out).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            matched = json.load(response)["matched"]
    except OSError as error:
        print("The broadcast failed:", error, file=sys.stderr)
        return 500, None
    if "receipt" not in message:
        return 204, None
    return 200, {"action": "sent", "message": str(matched), "receipt": message["receipt"]}


class Chat(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        event = self.headers.get("WebSocket-Event")
        if event is None:
            return self.reply(404)
        if not is_signed(self.command, self.path, self.headers.items(), body, KEY):
            return self.reply(401)
        message_id, url = self.headers["WebSocket-Message-Id"], self.headers["WebSocket-Broadcast-Url"]
        self.reply(*once(message_id, lambda: answer(event, body, url)))

    def reply(self, status, message=None):
        body = b"" if message is None else json.dumps(message).encode()
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Type", "application/json" if body else "text/plain")
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    address, port = (sys.argv[1:] + ["127.0.0.1", "8080"][len(sys.argv) - 1:])[:2]
    server = ThreadingHTTPServer((address, int(port)), partial(Chat, directory=PAGE))
    print(f"The chat listens at http://{address}:{server.server_port}/", flush=True)
    server.serve_forever()
