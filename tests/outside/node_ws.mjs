// Speaks with the chat as a Node program does: node_ws.mjs PATH-OF-WS URL.

import assert from "node:assert";
import { once } from "node:events";

const [library, url] = process.argv.slice(2);
const { WebSocket } = await import(library);

const socket = await open(`${url}?userId=node`);
await chats(socket);

const pong = once(socket, "pong");
socket.ping("still there?");
assert.equal(String((await within(pong))[0]), "still there?");
console.log("a ping was answered");

const closed = once(socket, "close");
socket.close(1000, "enough");
assert.equal((await within(closed))[0], 1000);
console.log("closed with 1000 by both sides");

async function chats(socket) {
  const sent = { action: "broadcastchatmessage", message: "grüße from *Node*", userId: "node" };
  const answered = new Promise((resolve) => {
    socket.on("message", (data) => {
      const message = JSON.parse(data);
      if (message.action === sent.action) resolve(message);
    });
  });
  socket.send(JSON.stringify(sent));
  const message = await within(answered);
  assert.deepEqual([message.userId, message.message], ["node", "<p>grüße from <em>Node</em></p>\n"]);
  console.log("a message came back");
}

async function open(url) {
  const socket = new WebSocket(url);
  await within(once(socket, "open"));
  return socket;
}

function within(promise) {
  const late = new Promise((_, reject) => setTimeout(reject, 30_000, new Error("nothing came in time")).unref());
  return Promise.race([promise, late]);
}
