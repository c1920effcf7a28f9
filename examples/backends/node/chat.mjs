// A chat behind the gateway, of Node alone: node chat.mjs [address] [port]

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname } from "node:path";
import { buffer } from "node:stream/consumers";
import { isSigned, once } from "./signature.mjs";

const { WEBCONNECTION_SIGNING_KEY: key, WEBCONNECTION_BROADCAST_TOKEN: token } = process.env;
if (!key || !token) throw new Error("WEBCONNECTION_SIGNING_KEY and WEBCONNECTION_BROADCAST_TOKEN are needed");

const FILES = ["index.html", "chat.css", "chat.js", "message.js", "people.js"];
const TYPES = { ".html": "text/html", ".css": "text/css", ".js": "text/javascript" };

async function serveFile({ url }, response) {
  const name = url === "/" || url.startsWith("/?") ? "index.html" : url.slice(1);
  if (!FILES.includes(name)) return response.writeHead(404).end();
  const file = await readFile(new URL(`../../chat/${name}`, import.meta.url));
  response.writeHead(200, { "content-type": `${TYPES[extname(name)]}; charset=utf-8` }).end(file);
}

async function onWebSocket({ headers }, body, response) {
  if (headers["websocket-event"] !== "message") return response.writeHead(204).end();
  const { action, message, groupId, userId, recipients, receipt } = JSON.parse(body);
  if (action !== "broadcastchatmessage") return response.writeHead(422).end("The chat knows no such action.");
  // A new message: the page chose all of the old one.
  const broadcast = await fetch(headers["websocket-broadcast-url"], {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
    body: JSON.stringify({ action, message: escape(message), groupId, userId, recipients }),
    signal: AbortSignal.timeout(10_000),
  });
  if (!broadcast.ok) return response.writeHead(500).end();
  const { matched } = await broadcast.json();
  if (receipt === undefined) return response.writeHead(204).end();
  // A reply, to the sender alone.
  response.writeHead(200, { "content-type": "application/json" });
  response.end(JSON.stringify({ action: "sent", message: String(matched), receipt }));
}

function escape(text) {
  const signs = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;", "\n": "<br>" };
  return text.replace(/[&<>"'\n]/g, (sign) => signs[sign]);
}

const server = createServer(async (request, response) => {
  try {
    if (!request.headers["websocket-event"]) return await serveFile(request, response);
    const body = await buffer(request);
    if (!isSigned(request, body, key)) return response.writeHead(401).end("The signature is missing or wrong.");
    const id = request.headers["websocket-message-id"];
    await once(id, response, () => onWebSocket(request, body, response));
  } catch (error) {
    console.error(error);
    if (!response.headersSent) response.writeHead(500);
    response.end();
  }
});
const [address = "127.0.0.1", port = "8080"] = process.argv.slice(2);
server.listen(Number(port), address, () => {
  console.log(`The chat listens at http://${address}:${server.address().port}/`);
});
