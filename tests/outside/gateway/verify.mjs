// Verifies a request with the library http-message-signatures: verify.mjs <key>, the request as JSON at stdin.

import { createHash } from "node:crypto";
import { createRequire } from "node:module";
import { text } from "node:stream/consumers";

const require = createRequire(`${process.env.OUTSIDE}/`);
const { createVerifier, httpbis } = require("http-message-signatures");

const given = JSON.parse(await text(process.stdin));
const headers = {};
for (const [name, value] of given.headers) headers[name.toLowerCase()] = value;
const request = { method: "POST", url: `http://localhost${given.target}`, headers };
let covered = [];
const isVerified = await httpbis.verifyMessage({
  keyLookup: async () => ({ id: "any", algs: ["hmac-sha256"], verify: createVerifier(process.argv[2], "hmac-sha256") }),
  maxAge: 300,
  requiredFields: ["@method", "@path", "@query", "content-digest", "content-type"],
}, request).catch((error) => { console.error(error.message); return false; });
covered = [...headers["signature-input"].matchAll(/"([^"]+)"/g)].map(([, name]) => name);
const present = given.headers.map(([name]) => name.toLowerCase()).filter((name) => name.startsWith("websocket-"));
const digest = createHash("sha256").update(given.body).digest("base64");
const isWhole = present.every((name) => covered.includes(name)) && new Set(present).size === present.length;
if (!isVerified || !isWhole || headers["content-digest"] !== `sha-256=:${digest}:`) {
  console.error("refused");
  process.exit(1);
}
console.log("verified");
