// Sends what is too long and wants to see 1009: oversize.mjs PATH-OF-WS URL LIMIT TRIES.

import assert from "node:assert";
import { once } from "node:events";

const [library, url, limit, tries] = process.argv.slice(2);
const { WebSocket } = await import(library);

for (const times of [1.5, 16, 64]) {
  const size = Math.floor(times * limit);
  for (let attempt = 0; attempt < tries; attempt++) {
    await isTooBig((socket) => socket.send("x".repeat(size), ignore));
    await isTooBig((socket) => {
      const part = "x".repeat(Math.floor(size / 10));
      for (let sent = 0; sent <= 10; sent++) socket.send(part, { fin: sent === 10 }, ignore);
    });
  }
  console.log(`1009 for ${times} x the limit, whole and in fragments, ${tries} of ${tries}`);
}

async function isTooBig(send) {
  const socket = new WebSocket(url);
  // The server may stop reading before all is sent: what counts is the code that the close event tells.
  socket.on("error", ignore);
  await within(once(socket, "open"));
  const closed = once(socket, "close");
  send(socket);
  assert.equal((await within(closed))[0], 1009);
}

function within(promise) {
  const late = new Promise((_, reject) => setTimeout(reject, 30_000, new Error("nothing came in time")).unref());
  return Promise.race([promise, late]);
}

function ignore() {}
