"""Verifies a request with the library http-message-signatures: verify.py <key>, the request as JSON at stdin."""

import base64
import datetime
import hashlib
import json
import sys

from http_message_signatures import HTTPMessageVerifier, HTTPSignatureKeyResolver, algorithms
from http_message_signatures.exceptions import HTTPMessageSignaturesException


class Keys(HTTPSignatureKeyResolver):
    def resolve_public_key(self, key_id):
        return sys.argv[1].encode()


class Request:
    method = "POST"

    def __init__(self, target, headers):
        self.url = "http://localhost" + target
        self.headers = dict(headers)


given = json.load(sys.stdin)
request = Request(given["target"], given["headers"])
verifier = HTTPMessageVerifier(signature_algorithm=algorithms.HMAC_SHA256, key_resolver=Keys())
try:
    results = verifier.verify(request, max_age=datetime.timedelta(seconds=300))
except HTTPMessageSignaturesException as error:
    sys.exit(f"refused: {error}")
covered = {name.strip('"') for name in results[0].covered_components}
present = [name.lower() for name, _ in given["headers"] if name.lower().startswith("websocket-")]
digest = base64.b64encode(hashlib.sha256(given["body"].encode()).digest()).decode()
if len(present) != len(set(present)) or not covered.issuperset(present):
    sys.exit("refused: a header is not covered")
if request.headers["content-digest"] != f"sha-256=:{digest}:":
    sys.exit("refused: another body")
print("verified")
