"""Counts each message that it handles, in a file that outlives it, and replies with its number."""

import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

address, port, log = sys.argv[1], int(sys.argv[2]), os.environ["COUNTING_LOG"]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        number = json.loads(body)["message"]
        with open(log, "ab", buffering=0) as file:
            file.write(f"{number}\n".encode())
        reply = json.dumps({"action": "done", "message": number}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    def log_message(self, *_):
        pass


ThreadingHTTPServer.request_queue_size = 128
ThreadingHTTPServer((address, port), Handler).serve_forever()
