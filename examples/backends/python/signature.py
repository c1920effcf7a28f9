"""Checks that a request comes from the gateway: RFC 9421 with a shared key, RFC 9530 for the body. Handles it once."""

import base64
import hashlib
import hmac
import re
import threading
import time
from itertools import takewhile

# Ids of messages that were handled, and when each may be forgotten. Several processes need a shared store.
_handled = {}
_lock = threading.Lock()


def is_signed(method, target, headers, body, key):
    """`target` is the path and query as they were asked for; `headers` are pairs of name and value."""
    pairs = [(name.lower(), value.strip()) for name, value in headers]
    headers = dict(pairs)
    path, _, query = target.partition("?")
    signed = {
        "@method": method,
        "@path": path,
        "@query": "?" + query,
        "content-digest": "sha-256=:" + _base64(hashlib.sha256(body).digest()) + ":",
        "content-type": headers.get("content-type", ""),
    }
    # Those that are here, not those that the signature names: one that was added is refused.
    ours = sorted(pair for pair in pairs if pair[0].startswith("websocket-"))
    if not key or len(dict(ours)) < len(ours):  # Of two of a name, programs differ in which they read.
        return False
    signed.update(ours)
    base = "".join(f'"{name}": {value}\n' for name, value in signed.items())
    names = re.escape("(" + " ".join(f'"{name}"' for name in signed) + ")")
    pattern = rf'(wcs2?)=({names};created=(\d+);keyid="\w+";alg="hmac-sha256";tag="web-connection")'
    for label, params, created in re.findall(pattern, headers.get("signature-input", "")):
        text = f'{base}"@signature-params": {params}'.encode("latin-1")
        expected = f"{label}=:{_base64(hmac.digest(key.encode(), text, 'sha256'))}:"
        sent = [item.strip() for item in headers.get("signature", "").split(",")]
        if abs(time.time() - int(created)) <= 300 and any(
            hmac.compare_digest(expected.encode(), item.encode("latin-1")) for item in sent
        ):
            return True
    return False


def once(message_id, handle):
    """Returns the answer of `handle`, a status and a reply. A message that comes again has the same id: it
    is answered with 204 and not handled again, unless it failed."""
    now = time.monotonic()
    with _lock:
        for old in list(takewhile(lambda old: _handled[old] < now, _handled)):
            del _handled[old]
        if message_id in _handled:
            return 204, None
        _handled[message_id] = now + 600
    status = 500
    try:
        status, reply = handle()
        return status, reply
    finally:
        if status >= 400:
            with _lock:
                _handled.pop(message_id, None)


def _base64(data):
    return base64.b64encode(data).decode()
