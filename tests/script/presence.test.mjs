// Who is in a group: the client over a WebSocket that does what the test says.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { FakeWebSocket, client, control, settled } from "./support.mjs";

beforeEach(() => Object.assign(FakeWebSocket, { last: null, opened: 0 }));

const ann = { userId: "ann" }, bob = { userId: "bob", info: { colour: "red" } }, eve = { userId: "eve" };

const present = (frame, groupId = "lobby") => FakeWebSocket.last.receive({ action: "__presence", groupId, ...frame });
const watched = () => new URL(FakeWebSocket.last.url).searchParams.getAll("presence");

/** A client whose page is in the lobby and watches it, and what it is told. */
function watcher() {
  const one = client({ retryDelay: 100 });
  const seen = [];
  const end = one.socket.presence("lobby", (change) => seen.push(change));
  one.socket.tryConnect(true, "lobby", "ann");
  FakeWebSocket.last.open();
  return { ...one, seen, end };
}

function reopen(t) {
  FakeWebSocket.last.end(1001);
  t.mock.timers.tick(1_000);
  FakeWebSocket.last.open();
}

const names = (members) => members.map(({ userId }) => userId).join();
const brief = ({ joined, left, count, members }) => `+${names(joined)} -${names(left)} ${count} ${names(members)}`;

test("a page asks for each group that it watches, from its next connection on", (t) => {
  control(t);
  const { socket, end } = watcher();
  assert.deepEqual(watched(), ["lobby"]);
  assert.equal(new URL(FakeWebSocket.last.url).search, "?groupId=lobby&userId=ann&presence=lobby");
  const first = socket.presence("a & b", () => {});
  const second = socket.presence("a & b", () => {});
  assert.deepEqual(watched(), ["lobby"]);
  reopen(t);
  assert.deepEqual(watched(), ["lobby", "a & b"]);
  first();
  end();
  end();
  reopen(t);
  assert.deepEqual(watched(), ["a & b"]);
  second();
  reopen(t);
  assert.deepEqual(watched(), []);
});

test("the client keeps the list and tells how it changed", () => {
  const { seen, told } = watcher();
  present({ reset: true, joined: [ann, bob], left: [], count: 2 });
  assert.deepEqual(seen.pop(), { group: "lobby", joined: [ann, bob], left: [], count: 2, members: [ann, bob] });
  present({ joined: [eve], left: [{ userId: "bob" }], count: 2 });
  assert.deepEqual(seen.pop(), { group: "lobby", joined: [eve], left: [bob], count: 2, members: [ann, eve] });
  present({ joined: [], left: [eve], count: 1 });
  present({ joined: [bob], left: [], count: 2 });
  present({ joined: [], left: [], count: 2 });
  assert.deepEqual(seen.splice(0).map(brief), ["+ -eve 1 ann", "+bob - 2 ann,bob", "+ - 2 ann,bob"]);
  const blue = { userId: "bob", info: { colour: "blue" } };
  present({ joined: [blue], left: [], count: 2 });
  assert.deepEqual(seen.pop(), { group: "lobby", joined: [blue], left: [], count: 2, members: [ann, blue] });
  assert.deepEqual(told, ["open"]);
});

test("the whole list after a reconnect tells only what is news", (t) => {
  control(t);
  const { seen } = watcher();
  present({ reset: true, joined: [ann, bob, eve], left: [], count: 3 });
  reopen(t);
  present({ reset: true, joined: [ann, { userId: "dan" }, { ...eve, info: 1 }], left: [], count: 3 });
  assert.deepEqual(seen.map(brief), ["+ann,bob,eve - 3 ann,bob,eve", "+dan,eve -bob 3 ann,dan,eve"]);
});

test("a group that is too large for a list has a count alone", () => {
  const { seen } = watcher();
  present({ reset: true, joined: [ann, bob], left: [], count: 2 });
  present({ count: 418 });
  present({ count: 419 });
  present({ reset: true, joined: [ann], left: [], count: 1 });
  assert.deepEqual(seen.map(brief), ["+ann,bob - 2 ann,bob", "+ - 418 ", "+ - 419 ", "+ann - 1 ann"]);
});

test("a function that comes later learns at once who is there", async () => {
  const { socket, seen } = watcher();
  const late = [];
  const end = socket.presence("lobby", (change) => late.push(brief(change)));
  await settled();
  assert.deepEqual(late, []);
  end();
  present({ reset: true, joined: [ann, bob], left: [], count: 2 });
  socket.presence("lobby", (change) => late.push(brief(change)));
  socket.presence("lobby", () => assert.fail("it was removed at once"))();
  assert.deepEqual(late, []);
  await settled();
  assert.deepEqual(late, ["+ann,bob - 2 ann,bob"]);
  assert.deepEqual(seen.length, 1);
});

test("a group that the page does not watch, or not any more, is told to no function", () => {
  const { socket, seen, told, end } = watcher();
  socket.on("__presence", () => assert.fail("it is the client's own"));
  present({ reset: true, joined: [ann], left: [], count: 1 }, "red");
  present({ reset: true, joined: [ann], left: [], count: 1 }, null);
  end();
  present({ reset: true, joined: [ann], left: [], count: 1 });
  assert.deepEqual(seen, []);
  assert.deepEqual(told, ["open"]);
});

test("a function that throws hides nothing from the others", async (t) => {
  const { socket, seen } = watcher();
  const thrown = [];
  t.mock.method(globalThis, "queueMicrotask", (call) => { try { call(); } catch (error) { thrown.push(error.message); } });
  socket.presence("lobby", () => { throw new Error("the page's own"); });
  const after = [];
  socket.presence("lobby", ({ count }) => after.push(count));
  present({ reset: true, joined: [ann], left: [], count: 1 });
  assert.deepEqual([seen.length, after, thrown], [1, [1], ["the page's own"]]);
});

test("a group that is named by a number is the group of that name", () => {
  const { socket } = client();
  const seen = [];
  const end = socket.presence(5, (change) => seen.push(change));
  socket.tryConnect(true, 5, "ann");
  FakeWebSocket.last.open();
  assert.deepEqual(watched(), ["5"]);
  present({ reset: true, joined: [ann], left: [], count: 1 }, "5");
  assert.deepEqual(seen, [{ group: "5", joined: [ann], left: [], count: 1, members: [ann] }]);
  end();
  present({ joined: [], left: [ann], count: 0 }, "5");
  assert.equal(seen.length, 1);
});
