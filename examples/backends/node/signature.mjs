// Checks that a request comes from the gateway: RFC 9421 with a shared key, RFC 9530 for the body. Handles it once.

import { createHash, createHmac, timingSafeEqual } from "node:crypto";

// Ids of messages that were handled, and when each may be forgotten. Several processes need a shared store.
const handled = new Map();

// `request` is Node's own, `body` a Buffer.
export function isSigned({ method, url, headers }, body, key) {
  const [path, query = ""] = url.split(/\?(.*)/s);
  const digest = createHash("sha256").update(body).digest("base64");
  const signed = new Map([
    ["@method", method],
    ["@path", path],
    ["@query", `?${query}`],
    ["content-digest", `sha-256=:${digest}:`],
    ["content-type", headers["content-type"] ?? ""],
  ]);
  // Those that are here, not those that the signature names: one that was added is refused.
  for (const name of Object.keys(headers).sort()) {
    if (name.startsWith("websocket-")) signed.set(name, headers[name].trim());
  }
  const base = [...signed].map(([name, value]) => `"${name}": ${value}\n`).join("");
  const names = `(${[...signed.keys()].map((name) => `"${name}"`).join(" ")})`;
  const params = /^(wcs2?)=(\(.*\));created=(\d+);keyid="\w+";alg="hmac-sha256";tag="web-connection"$/;
  const sent = (headers.signature ?? "").split(",").map((item) => Buffer.from(item.trim(), "latin1"));
  return (headers["signature-input"] ?? "").split(/, */).some((input) => {
    const [, label, list, created] = params.exec(input) ?? [];
    if (list !== names || Math.abs(Date.now() / 1000 - created) > 300) return false;
    const text = `${base}"@signature-params": ${input.slice(label.length + 1)}`;
    const mac = createHmac("sha256", key).update(text, "latin1").digest("base64");
    const expected = Buffer.from(`${label}=:${mac}:`);
    return sent.some((item) => item.length === expected.length && timingSafeEqual(item, expected));
  });
}

// A message that comes again has the same id: it is answered with 204 and not handled again, unless it failed.
export async function once(id, response, handle) {
  const now = performance.now();
  for (const [old, until] of handled) {
    if (until >= now) break;
    handled.delete(old);
  }
  if (handled.has(id)) return response.writeHead(204).end();
  handled.set(id, now + 600_000);
  let isHandled = false;
  try {
    await handle();
    isHandled = response.statusCode < 400;
  } finally {
    if (!isHandled) handled.delete(id);
  }
}
