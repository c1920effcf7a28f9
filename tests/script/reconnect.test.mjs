// When the connection fails, is refused, is lost or is ended: the client over a WebSocket that does what the test says.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { FakeWebSocket, client, control, problem, settled } from "./support.mjs";

beforeEach(() => Object.assign(FakeWebSocket, { last: null, opened: 0 }));

test("attempts wait a random share of a limit that doubles up to its own", async (t) => {
  control(t);
  const { socket, changes } = client({ retryDelay: 100, maxRetryDelay: 1_000 });
  socket.tryConnect(true);
  const delays = [];
  for (let failure = 0; failure < 6; failure++) {
    FakeWebSocket.last.end();
    await settled();
    const { state, retryAt } = changes.at(-1);
    assert.equal(state, "waiting");
    delays.push(retryAt - Date.now());
    t.mock.timers.tick(retryAt - Date.now() - 1);
    assert.equal(FakeWebSocket.opened, failure + 1);
    t.mock.timers.tick(1);
    assert.equal(FakeWebSocket.opened, failure + 2);
  }
  assert.deepEqual(delays, [50, 100, 200, 400, 500, 500]);
});

test("only a connection that held makes the next delay short again", async (t) => {
  control(t);
  const { socket, changes } = client({ retryDelay: 100 });
  socket.tryConnect(true);
  const lostAfter = (held) => {
    FakeWebSocket.last.open();
    t.mock.timers.tick(held);
    FakeWebSocket.last.end(1001);
    const delay = changes.at(-1).retryAt - Date.now();
    t.mock.timers.tick(delay);
    return delay;
  };
  assert.deepEqual([0, 10, 4_999, 5_000, 0].map(lostAfter), [50, 100, 200, 50, 100]);
});

test("a refused attempt is told with the server's words and is the last", async (t) => {
  for (const status of [400, 401, 403, 404, 426]) {
    await t.test(String(status), async (t) => {
      const body = { title: "No", status, detail: "Sign in first.", code: "identify_refused" };
      const fetch = control(t, () => problem(status, body));
      const { socket, told, changes } = client();
      socket.tryConnect(true, "red", "ann");
      const waiting = socket.send("waits");
      FakeWebSocket.last.end();
      await settled();
      const [url, options] = fetch.mock.calls[0].arguments;
      assert.equal(url.href, "http://chat.example/__initializeSocket.wc?groupId=red&userId=ann");
      assert.deepEqual([options.cache, options.referrerPolicy], ["no-store", "origin"]);
      const error = { status, code: "identify_refused", detail: "Sign in first." };
      assert.deepEqual(told, ["close 1006", error]);
      assert.deepEqual([socket.state, changes.at(-1).error.detail], ["refused", "Sign in first."]);
      await assert.rejects(waiting, error);
      await assert.rejects(socket.send("later"), { code: "closed" });
      t.mock.timers.tick(1e6);
      assert.equal(FakeWebSocket.last.url, "ws://chat.example/__initializeSocket.wc?groupId=red&userId=ann");
      assert.equal(fetch.mock.callCount(), 1);
    });
  }
});

test("a refusal without problem details is told as well as can be", async (t) => {
  const answers = [
    [new Response("Members only.\n", { status: 403, headers: { "content-type": "text/plain" } }), "Members only."],
    [new Response("<p>No</p>", { status: 403, statusText: "Forbidden", headers: { "content-type": "text/html" } }), "The server answered 403 Forbidden"],
    [new Response(null, { status: 404 }), "The server answered 404"],
    [problem(403, null), "The server answered 403"],
  ];
  control(t, () => answers[0][0]);
  while (answers.length) {
    const { socket, told } = client();
    socket.tryConnect(true);
    FakeWebSocket.last.end();
    await settled();
    assert.equal(told[1].detail, answers[0][1]);
    answers.shift();
  }
});

test("what is no refusal for good is tried again, and not before Retry-After", async (t) => {
  const date = (at) => new Date(at).toUTCString();
  for (const [status, retryAfter, delay] of [
    [503, "5", 5_500],
    [503, null, 500],
    [503, date(60_000), 60_500],
    [503, date(-60_000), 500],
    [503, "soon", 500],
    [429, "2", 2_500],
    [408, null, 500],
    [425, null, 500],
    [500, "99999999999", 2 ** 31 - 1],
    [204, null, 500],
  ]) {
    await t.test(`${status}, ${retryAfter}`, async (t) => {
      const body = status === 204 ? null : "{}";
      control(t, () => new Response(body, { status, headers: retryAfter ? { "retry-after": retryAfter } : {} }));
      const { socket, told, changes } = client();
      socket.tryConnect(true);
      FakeWebSocket.last.end();
      await settled();
      assert.deepEqual([changes.at(-1).state, changes.at(-1).retryAt], ["waiting", delay]);
      assert.deepEqual(told, ["close 1006"]);
      socket.close();
    });
  }
});

test("an attempt that fails on the way to a willing server says so while it waits", async (t) => {
  control(t, () => new Response(null, { status: 204 }));
  const { socket, changes } = client();
  socket.tryConnect(true);
  FakeWebSocket.last.end();
  await settled();
  const { state, error } = changes.at(-1);
  assert.deepEqual([state, error.status, error.code], ["waiting", 204, "not_opened"]);
});

test("without retry a failed attempt is told, whatever the reason", async (t) => {
  let answer = () => problem(503, { detail: "Later.", code: "shutting_down" });
  control(t, () => answer());
  const attempt = async () => {
    const { socket, told } = client();
    socket.tryConnect(false);
    FakeWebSocket.last.end();
    await settled();
    assert.equal(socket.state, "closed");
    return told[1];
  };
  assert.deepEqual(await attempt(), { status: 503, code: "shutting_down", detail: "Later." });
  answer = () => { throw new TypeError("failed to fetch"); };
  assert.deepEqual(await attempt(), { status: 0, code: "unreachable", detail: "There was no connection to the server." });
});

test("some close codes end it for good", async (t) => {
  control(t);
  const after = (code) => {
    const { socket, told } = client();
    socket.tryConnect(true);
    FakeWebSocket.last.open();
    FakeWebSocket.last.end(code, code === 4410 ? "gone" : "");
    return [socket.state, told[2]?.detail];
  };
  assert.deepEqual(after(4410), ["refused", "gone"]);
  for (const code of [1008, 4000, 4499]) assert.deepEqual(after(code), ["refused", `The connection was closed with code ${code}.`]);
  for (const code of [1000, 1001, 1002, 1005, 1006, 1011, 1012, 1013, 3999, 4500]) assert.deepEqual(after(code), ["waiting", undefined]);
});

test("close ends the connection and every attempt", async (t) => {
  control(t);
  const { socket, told, changes } = client();
  socket.tryConnect(true);
  FakeWebSocket.last.open();
  socket.close(4001, "bye");
  assert.deepEqual([socket.connected, socket.state, FakeWebSocket.last.closedWith], [false, "closed", [4001, "bye"]]);
  FakeWebSocket.last.receive({ action: "late" });
  FakeWebSocket.last.end(4001);
  assert.deepEqual(told, ["open", "close 4001"]);

  for (const moment of ["connecting", "asking", "waiting"]) {
    socket.tryConnect(true);
    const waiting = socket.send("waits");
    if (moment !== "connecting") FakeWebSocket.last.end();
    if (moment === "waiting") await settled();
    assert.equal(socket.state, moment === "waiting" ? "waiting" : "connecting");
    socket.close();
    await assert.rejects(waiting, { code: "closed" });
    if (moment === "connecting") FakeWebSocket.last.end();
    await settled();
    const opened = FakeWebSocket.opened;
    t.mock.timers.tick(1e6);
    assert.deepEqual([FakeWebSocket.opened, changes.at(-1).state], [opened, "closed"]);
  }
});

test("tryConnect replaces the connection, and keeps what waits", async (t) => {
  control(t);
  const { socket, told } = client();
  socket.tryConnect(true, "", "ann");
  const first = FakeWebSocket.last;
  first.end();
  socket.send("waits");
  socket.tryConnect(true, "", "bob");
  await settled();
  const second = FakeWebSocket.last;
  second.open();
  assert.deepEqual(second.sent, ["waits"]);

  socket.tryConnect(true, "", "cat");
  assert.deepEqual(second.closedWith, [1000, undefined]);
  second.receive({ action: "late" });
  second.end(1000);
  FakeWebSocket.last.open();
  t.mock.timers.tick(1e6);
  assert.deepEqual(told, ["close 1006", "open", "open"]);
  assert.deepEqual([FakeWebSocket.opened, socket.state], [3, "online"]);
});

test("a handler may connect anew or end it all", async (t) => {
  control(t);
  const { socket } = client();
  socket.tryConnect(true);
  socket.onCloseHandler = () => socket.tryConnect(true);
  FakeWebSocket.last.end();
  await settled();
  assert.deepEqual([FakeWebSocket.opened, socket.state], [2, "connecting"]);
  FakeWebSocket.last.open();
  socket.onCloseHandler = () => socket.close();
  FakeWebSocket.last.end(1001);
  t.mock.timers.tick(1e6);
  assert.deepEqual([FakeWebSocket.opened, socket.state], [2, "closed"]);
});

test("when the network is back it does not wait any longer", async (t) => {
  control(t);
  const network = new EventTarget();
  globalThis.addEventListener = network.addEventListener.bind(network);
  globalThis.removeEventListener = network.removeEventListener.bind(network);
  t.after(() => { delete globalThis.addEventListener; delete globalThis.removeEventListener; });
  const { socket } = client();
  socket.tryConnect(true);
  FakeWebSocket.last.end();
  await settled();
  network.dispatchEvent(new Event("online"));
  assert.deepEqual([FakeWebSocket.opened, socket.state], [2, "connecting"]);
  network.dispatchEvent(new Event("online"));
  t.mock.timers.tick(1e6);
  assert.equal(FakeWebSocket.opened, 2);
});
