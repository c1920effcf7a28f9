// The client over the package `ws`, as a Node program uses it.

import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import { test } from "node:test";

import { WebConnectionWebSocket } from "../../src/script/webconnection-websocket.js";
import { library } from "./support.mjs";

const { WebSocket, WebSocketServer } = library("ws");

test("messages go there and back in order, those from before the connection first", async (t) => {
  const server = await serve(t);
  const { socket, next } = connect(t, server.url);
  for (const message of ["one", "two", "grüße 😀"]) socket.send(socket.createBroadcastMessage("echo", message));
  await next("open");
  await socket.send(socket.createBroadcastMessage("echo", { n: 4 }));
  const texts = [];
  while (texts.length < 4) texts.push((await next("message")).message);
  assert.deepEqual(texts, ["one", "two", "grüße 😀", '{"n":4}']);
  assert.deepEqual(server.asked, ["/__initializeSocket.wc?groupId=red&userId=ann"]);
});

test("it comes back when the server was restarted", async (t) => {
  const server = await serve(t);
  const { socket, next } = connect(t, server.url);
  await next("open");
  await server.stop();
  assert.equal((await next("close")).code, 1006);
  await serve(t, { port: server.port });
  socket.send(socket.createBroadcastMessage("echo", "back again"));
  assert.equal((await next("message")).message, "back again");
});

test("a refusal is told with its text and not tried again", async (t) => {
  const server = await serve(t, { refuse: [403, { code: "foreign_origin", detail: "Not from there." }] });
  const { socket, next } = connect(t, server.url);
  const { status, code, detail } = await next("error");
  assert.deepEqual([status, code, detail], [403, "foreign_origin", "Not from there."]);
  assert.equal(socket.state, "refused");
  assert.equal(server.asked.length, 2);
});

test("a message that is too large is not sent by the next connection", async (t) => {
  const server = await serve(t, { maxPayload: 1_000 });
  const { socket, next } = connect(t, server.url);
  await socket.send("too large".repeat(1_000)).catch(assert.fail);
  assert.equal((await next("close")).code, 1009);
  assert.equal((await next("error")).status, 1009);
  await socket.send(socket.createBroadcastMessage("echo", "small"));
  assert.equal((await next("message")).message, "small");
  assert.equal(server.asked.length, 2);
});

test("close ends with the code that it is given", async (t) => {
  const { socket, next } = connect(t, (await serve(t)).url);
  await next("open");
  socket.close(4000, "enough");
  const { code, reason } = await next("close");
  assert.deepEqual([code, reason, socket.state], [4000, "enough", "closed"]);
});

function connect(t, url) {
  const socket = new WebConnectionWebSocket(url, { WebSocket, retryDelay: 20 });
  const events = new EventTarget();
  const told = { open: [], close: [], message: [], error: [] };
  const tell = (kind) => (what) => { told[kind].push(what); events.dispatchEvent(new Event(kind)); };
  socket.onOpenHandler = tell("open");
  socket.onCloseHandler = tell("close");
  socket.onMessageHandler = tell("message");
  socket.onErrorHandler = tell("error");
  t.after(() => socket.close());
  socket.tryConnect(true, "red", "ann");
  const next = async (kind) => {
    if (!told[kind].length) await once(events, kind, { signal: AbortSignal.timeout(30_000) });
    return told[kind].shift();
  };
  return { socket, next };
}

async function serve(t, { port = 0, refuse, maxPayload } = {}) {
  const asked = [];
  const server = http.createServer((request, response) => {
    asked.push(request.url);
    if (!refuse) return response.writeHead(204).end();
    response.writeHead(refuse[0], { "content-type": "application/problem+json" }).end(JSON.stringify(refuse[1]));
  });
  const sockets = new WebSocketServer({ noServer: true, maxPayload });
  server.on("upgrade", (request, stream, head) => {
    asked.push(request.url);
    if (refuse) return stream.end(`HTTP/1.1 ${refuse[0]} Refused\r\nContent-Length: 0\r\n\r\n`);
    sockets.handleUpgrade(request, stream, head, (socket) => {
      socket.on("message", (data) => socket.send(String(data)));
      socket.on("error", () => {}); // A close event with the code follows.
    });
  });
  const stop = async () => {
    for (const socket of sockets.clients) socket.terminate();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  t.after(stop);
  await once(server.listen(port, "127.0.0.1"), "listening");
  port = server.address().port;
  return { port, asked, stop, url: `ws://127.0.0.1:${port}/__initializeSocket.wc` };
}
