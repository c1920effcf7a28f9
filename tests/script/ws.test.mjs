// The client as a Node program uses it: over the package `ws`, and over the WebSocket that Node has by itself,
// which is that of undici: version 5 in Node 20, 6 in Node 22, 7 in Node 24.

import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import net from "node:net";
import { describe, test } from "node:test";

import { WebConnectionWebSocket } from "../../src/script/webconnection-websocket.js";
import { library } from "./support.mjs";

const { WebSocketServer, WebSocket: OfWs } = library("ws");
const platforms = { ws: OfWs };
for (const node of [20, 22, 24]) platforms[`Node ${node}`] = library(`undici-node-${node}`).WebSocket;

for (const [platform, WebSocket] of Object.entries(platforms)) describe(platform, () => {
test("messages go there and back in order, those from before the connection first", async (t) => {
  const server = await serve(t);
  const { socket, next } = connect(t, WebSocket, server.url);
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
  const { socket, next } = connect(t, WebSocket, server.url);
  await next("open");
  await server.stop();
  assert.equal((await next("close")).code, 1006);
  await serve(t, { port: server.port });
  socket.send(socket.createBroadcastMessage("echo", "back again"));
  assert.equal((await next("message")).message, "back again");
});

test("a refusal is told with its text and not tried again", async (t) => {
  const server = await serve(t, { refuse: [403, { code: "foreign_origin", detail: "Not from there." }] });
  const { socket, next } = connect(t, WebSocket, server.url);
  const { status, code, detail } = await next("error");
  assert.deepEqual([status, code, detail], [403, "foreign_origin", "Not from there."]);
  assert.equal(socket.state, "refused");
  assert.equal(server.asked.length, 2);
});

test("a message that is too large is not sent by the next connection", async (t) => {
  const server = await serve(t, { maxPayload: 1_000 });
  const { socket, next } = connect(t, WebSocket, server.url);
  await socket.send("too large".repeat(1_000)).catch(assert.fail);
  assert.equal((await next("close")).code, 1009);
  assert.equal((await next("error")).status, 1009);
  await socket.send(socket.createBroadcastMessage("echo", "small"));
  assert.equal((await next("message")).message, "small");
  assert.equal(server.asked.length, 2);
});

test("close ends with the code that it is given", async (t) => {
  const { socket, next } = connect(t, WebSocket, (await serve(t)).url);
  await next("open");
  socket.close(4000, "enough");
  const { code, reason } = await next("close");
  assert.deepEqual([code, reason, socket.state], [4000, "enough", "closed"]);
});

test("close while it connects ends the attempt", async (t) => {
  const server = await serve(t);
  const { socket, next } = connect(t, WebSocket, server.url);
  socket.close();
  await next("close");
  assert.equal(socket.state, "closed");
});

test("a peer that never answers is left in time", async (t) => {
  const { port, connections } = await listen(t, () => {});
  const { next } = connect(t, WebSocket, `ws://127.0.0.1:${port}/`, { connectTimeout: 200 });
  assert.equal((await next("waiting")).error.code, "timeout");
  await next("waiting");
  assert.ok(connections() >= 2);
});

test("a peer that hangs up at once is tried again", async (t) => {
  const { port, connections } = await listen(t, (connection) => connection.destroy());
  const { next } = connect(t, WebSocket, `ws://127.0.0.1:${port}/`);
  await next("waiting");
  await next("close");
  await next("waiting");
  assert.ok(connections() >= 2);
});

test("a network that is lost in silence is noticed, and left", async (t) => {
  const server = await serve(t);
  const proxy = await listen(t, (connection) => {
    const onward = net.connect(server.port, "127.0.0.1").on("error", () => {});
    connection.pipe(onward).pipe(connection);
    connection.swallow = () => { connection.unpipe(onward); onward.unpipe(connection); connection.resume(); };
  });
  const times = { heartbeat: 300, heartbeatTimeout: 200 };
  const { socket, next } = connect(t, WebSocket, `ws://127.0.0.1:${proxy.port}/__initializeSocket.wc`, times);
  await next("open");
  socket.send(socket.createBroadcastMessage("echo", "there"));
  assert.equal((await next("message")).message, "there");
  for (const connection of proxy.all) connection.swallow();
  assert.equal((await next("close")).code, 1006);
  await next("open");
  socket.send(socket.createBroadcastMessage("echo", "there again"));
  assert.equal((await next("message")).message, "there again");
});

});


function connect(t, WebSocket, url, options = {}) {
  const socket = new WebConnectionWebSocket(url, { WebSocket, retryDelay: 20, ...options });
  const events = new EventTarget();
  const told = { open: [], close: [], message: [], error: [], waiting: [] };
  const tell = (kind) => (what) => { told[kind].push(what); events.dispatchEvent(new Event(kind)); };
  socket.onOpenHandler = tell("open");
  socket.onCloseHandler = tell("close");
  socket.onMessageHandler = tell("message");
  socket.onErrorHandler = tell("error");
  socket.onStateHandler = (change) => change.state === "waiting" && tell("waiting")(change);
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
      socket.on("message", (data) => socket.send(String(data).replace("__ping", "__pong")));
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

/** A server of bytes. */
async function listen(t, accept) {
  const all = [];
  const server = net.createServer((connection) => {
    all.push(connection.on("error", () => {}));
    accept(connection);
  });
  t.after(() => {
    for (const connection of all) connection.destroy();
    server.close();
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  return { port: server.address().port, all, connections: () => all.length };
}
