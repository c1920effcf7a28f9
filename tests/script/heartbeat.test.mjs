// A network that is lost in silence, and pages that sleep: the client over a WebSocket that does what the test says.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { FakeWebSocket, client, control, page, settled } from "./support.mjs";

beforeEach(() => Object.assign(FakeWebSocket, { last: null, opened: 0 }));

/** A client that is online, with a server that answers. */
function online(options = {}) {
  const all = client(options);
  all.socket.tryConnect(true);
  FakeWebSocket.last.open();
  FakeWebSocket.last.pong();
  return all;
}

test("a server that falls silent is asked, and left when it does not answer", (t) => {
  control(t);
  const { socket, told, changes } = online();
  const first = FakeWebSocket.last;
  assert.equal(first.pings, 1);
  t.mock.timers.tick(24_999);
  assert.equal(first.pings, 1);
  t.mock.timers.tick(1);
  assert.equal(first.pings, 2);
  t.mock.timers.tick(9_999);
  assert.deepEqual([socket.state, socket.connected], ["online", true]);
  t.mock.timers.tick(1);
  assert.deepEqual([socket.state, socket.connected, first.readyState], ["waiting", false, 2]);
  assert.deepEqual(told, ["open", "close 1006"]);
  t.mock.timers.tick(500);
  FakeWebSocket.last.open();
  // What the platform tells of it at last is no news.
  first.receive({ action: "late" });
  first.end(1006);
  assert.deepEqual([socket.state, FakeWebSocket.opened, told], ["online", 2, ["open", "close 1006", "open"]]);
  assert.deepEqual(changes.map(({ state }) => state), ["connecting", "online", "waiting", "connecting", "online"]);
});

test("any message is a sign of life, and none of the heartbeat's reaches the page", (t) => {
  control(t);
  const { socket, told } = online();
  socket.on("__pong", () => told.push("never"));
  for (const text of [{ action: "a" }, "no JSON", { action: "__pong" }, { action: "__ping" }, { action: "__error" }]) {
    t.mock.timers.tick(24_000);
    FakeWebSocket.last.receive(text);
  }
  t.mock.timers.tick(24_000);
  assert.equal(FakeWebSocket.last.pings, 1);
  t.mock.timers.tick(1_000);
  assert.equal(FakeWebSocket.last.pings, 2);
  FakeWebSocket.last.receive({ action: "b" });
  t.mock.timers.tick(10_000);
  assert.equal(socket.state, "online");
  const messages = told.filter((what) => typeof what === "string");
  assert.deepEqual(messages, ["open", "message a", "message b"]);
});

test("a server that never answered is never left", (t) => {
  const { tell } = (control(t), page(t));
  const { socket } = client();
  socket.tryConnect(true);
  FakeWebSocket.last.open();
  FakeWebSocket.last.receive({ action: "a" });
  for (let hour = 0; hour < 24; hour++) {
    t.mock.timers.tick(3_600_000);
    tell("online");
  }
  assert.deepEqual([socket.state, FakeWebSocket.opened, FakeWebSocket.last.pings], ["online", 1, 1]);
});

test("each connection has to answer anew", (t) => {
  control(t);
  const { socket } = online();
  FakeWebSocket.last.end(1001);
  t.mock.timers.tick(500);
  FakeWebSocket.last.open();
  t.mock.timers.tick(100_000);
  assert.deepEqual([socket.state, FakeWebSocket.last.pings], ["online", 1]);
});

test("a heartbeat of 0 asks nothing, and the times are options", (t) => {
  control(t);
  const without = online({ heartbeat: 0 });
  t.mock.timers.tick(1e6);
  assert.deepEqual([without.socket.state, FakeWebSocket.last.pings], ["online", 0]);

  const { socket } = online({ heartbeat: 2_000, heartbeatTimeout: 300 });
  t.mock.timers.tick(2_000);
  assert.equal(FakeWebSocket.last.pings, 2);
  t.mock.timers.tick(299);
  assert.equal(socket.state, "online");
  t.mock.timers.tick(1);
  assert.equal(socket.state, "waiting");
});

for (const type of ["online", "pageshow", "visibilitychange"]) {
  test(`at ${type} the server is asked at once, and has five seconds`, (t) => {
    control(t);
    const { tell } = page(t);
    const { socket } = online();
    t.mock.timers.tick(10_000);
    tell(type);
    assert.equal(FakeWebSocket.last.pings, 2);
    FakeWebSocket.last.pong();
    t.mock.timers.tick(24_999);
    assert.deepEqual([socket.state, FakeWebSocket.last.pings], ["online", 2]);
    tell(type);
    t.mock.timers.tick(3_000);
    tell(type); // Asking more often grants no more time.
    t.mock.timers.tick(1_999);
    assert.equal(socket.state, "online");
    t.mock.timers.tick(1);
    assert.equal(socket.state, "waiting");
  });
}

test("a page that is hidden asks nothing", (t) => {
  control(t);
  const { tell, document } = page(t);
  online();
  document.visibilityState = "hidden";
  tell("visibilitychange");
  assert.equal(FakeWebSocket.last.pings, 1);
});

test("a timer that comes late asks again and closes nothing", (t) => {
  control(t);
  const { socket } = online();
  // The page sleeps for an hour, then its timer comes.
  t.mock.timers.tick(3_600_000);
  assert.deepEqual([socket.state, FakeWebSocket.last.pings], ["online", 2]);
  // It is hidden: each timer comes in the next minute.
  for (let minute = 1; minute < 10; minute++) {
    t.mock.timers.tick(60_000);
    assert.deepEqual([socket.state, FakeWebSocket.last.pings], ["online", 2 + minute]);
  }
  // A timer that comes a second late is one of a busy page.
  t.mock.timers.tick(6_000);
  assert.equal(socket.state, "waiting");
});

test("the answer to a question that was asked late is waited for", (t) => {
  control(t);
  const { socket } = online();
  t.mock.timers.tick(3_600_000);
  FakeWebSocket.last.pong();
  t.mock.timers.tick(24_999);
  assert.deepEqual([socket.state, FakeWebSocket.last.pings], ["online", 2]);
});

test("a clock that is set back stops no heartbeat", (t) => {
  control(t);
  const { socket } = online();
  t.mock.timers.tick(20_000);
  FakeWebSocket.last.receive({ action: "a" });
  const now = Date.now.bind(Date);
  t.mock.method(Date, "now", () => now() - 1e6);
  t.mock.timers.tick(5_000);
  assert.equal(FakeWebSocket.last.pings, 2);
  t.mock.timers.tick(10_000);
  assert.equal(socket.state, "waiting");
});

for (const type of ["online", "pageshow", "visibilitychange"]) {
  test(`${type} ends the wait for another attempt, unless the server named a time`, async (t) => {
    let answer = () => { throw new TypeError("no answer"); };
    control(t, () => answer());
    const { tell, document } = page(t);
    const { socket } = client();
    socket.tryConnect(true);
    FakeWebSocket.last.end();
    await settled();
    assert.equal(socket.state, "waiting");
    document.visibilityState = "hidden";
    tell("visibilitychange");
    assert.equal(socket.state, "waiting");
    document.visibilityState = "visible";
    tell(type);
    tell(type);
    assert.deepEqual([socket.state, FakeWebSocket.opened], ["connecting", 2]);

    answer = () => new Response("", { status: 503, headers: { "retry-after": "60" } });
    FakeWebSocket.last.end();
    await settled();
    tell(type);
    assert.deepEqual([socket.state, FakeWebSocket.opened], ["waiting", 2]);
    socket.close();
    tell(type);
    assert.deepEqual([socket.state, FakeWebSocket.opened], ["closed", 2]);
  });
}

test("a connection that is left without retry ends there", (t) => {
  control(t);
  const { socket, changes } = client();
  socket.tryConnect(false);
  FakeWebSocket.last.open();
  FakeWebSocket.last.pong();
  t.mock.timers.tick(25_000);
  t.mock.timers.tick(10_000);
  assert.deepEqual([socket.state, changes.at(-1).error.detail], ["closed", "The server stopped answering."]);
});
