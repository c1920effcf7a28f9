// Speaks with the chat as a Node program does: node_ws.mjs PATH-OF-WS URL LIMIT.

import assert from "node:assert";
import { once } from "node:events";

const [library, url, limit] = process.argv.slice(2);
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

for (const times of [1.5, 16, 64]) {
  const size = Math.floor(times * limit);
  await isTooBig((socket) => socket.send("x".repeat(size), ignore));
  await isTooBig((socket) => {
    const part = "x".repeat(Math.floor(size / 10));
    for (let sent = 0; sent <= 10; sent++) socket.send(part, { fin: sent === 10 }, ignore);
  });
  console.log(`1009 for ${times} x the limit, whole and in fragments`);
}

async function chats(socket) {
  const sent = { action: "broadcastchatmessage", message: "grüße from *Node*", userId: "node" };
  const answered = new Promise((resolve) => {
    socket.on("message", (data) => {
      const message = JSON.parse(data);
      if (message.action === "chatmessage") resolve(message);
    });
  });
  socket.send(JSON.stringify(sent));
  const message = await within(answered);
  assert.deepEqual([message.userId, message.message], ["node", sent.message]);
  console.log("a message came back");
}

async function isTooBig(send) {
  const socket = await open(url);
  const closed = once(socket, "close");
  send(socket);
  assert.equal((await within(closed))[0], 1009);
}

async function open(url) {
  const socket = new WebSocket(url);
  await within(once(socket, "open"));
  // The server may stop reading before all is sent: what counts is the code that the close event tells.
  socket.on("error", ignore);
  return socket;
}

function within(promise) {
  const late = new Promise((_, reject) => setTimeout(reject, 30_000, new Error("nothing came in time")).unref());
  return Promise.race([promise, late]);
}

function ignore() {}
