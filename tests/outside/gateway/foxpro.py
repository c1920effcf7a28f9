"""Stands in for a Web Connection server: it broadcasts to the URL that it derives from the request."""

import http.client
import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


class Server(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        # What `wwWebSocketMessage.cBaseUrl` is by default.
        base = f"{self.headers.get('X-Forwarded-Proto', 'http')}://{self.headers['Host']}/"
        status = self.broadcast_message(base, message)
        page = f"<html><body>{status}</body></html>".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def broadcast_message(self, base, message):
        # The names in lower case, as FoxPro's serializer writes them.
        text = json.dumps({"action": message["action"], "message": message["message"].upper(),
                           "userid": message["userId"], "recipients": []})
        own = (self.server.server_address[0], 0)
        connection = http.client.HTTPConnection(urlsplit(base).netloc, timeout=10, source_address=own)
        connection.request("POST", "/__broadcastWebSocket.wc", text.encode(),
                           {"Content-Type": "application/x-www-form-urlencoded"})
        status = connection.getresponse().status
        print("broadcast to", base, status, flush=True)
        return status


ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Server).serve_forever()
