// When the connection fails, is refused, is lost or is ended: the client over a WebSocket that does what the test says.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { FakeWebSocket, client, control, page, problem, settled } from "./support.mjs";

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

test("an option that is undefined is the default", async (t) => {
  control(t);
  const { socket, changes } = client({ retryDelay: undefined, maxRetryDelay: undefined, connectTimeout: undefined });
  socket.tryConnect(true);
  t.mock.timers.tick(14_999);
  assert.equal(socket.state, "connecting");
  t.mock.timers.tick(1);
  await settled();
  assert.equal(changes.at(-1).retryAt - Date.now(), 500);
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

test("a server that names a window is tried first at a random moment of it", async (t) => {
  control(t);
  const { socket, changes } = client({ retryDelay: 100, maxRetryDelay: 1_000 });
  socket.tryConnect(true);
  const delay = () => changes.at(-1).retryAt - Date.now();
  for (const [code, reason, first] of [
    [1001, "server is shutting down; retry within 20s", 10_000],
    [1012, "rights have changed; retry within 7s", 3_500],
    [1001, "server is shutting down; retry within 0s", 50],
    [1001, "server is shutting down; retry within 999999999s", 50],
    [1001, "never retry within hours", 50],
    [1001, "server is shutting down", 50],
    [1006, undefined, 50],
  ]) {
    FakeWebSocket.last.open();
    t.mock.timers.tick(5_000);
    FakeWebSocket.last.end(code, reason);
    assert.deepEqual([changes.at(-1).state, delay()], ["waiting", first], reason);
    t.mock.timers.tick(first - 1);
    assert.equal(socket.state, "waiting");
    t.mock.timers.tick(1);
    assert.equal(socket.state, "connecting");
  }
});

test("after the first attempt in a window, delays grow as ever", async (t) => {
  control(t);
  const { socket, changes } = client({ retryDelay: 100 });
  socket.tryConnect(true);
  FakeWebSocket.last.open();
  t.mock.timers.tick(5_000);
  FakeWebSocket.last.end(1001, "server is shutting down; retry within 20s");
  t.mock.timers.tick(10_000);
  const delays = [];
  for (let failure = 0; failure < 3; failure++) {
    FakeWebSocket.last.end();
    await settled();
    delays.push(changes.at(-1).retryAt - Date.now());
    t.mock.timers.tick(delays.at(-1));
  }
  assert.deepEqual(delays, [50, 100, 200]);
});

test("a page that comes back does not wait for its moment in a window", (t) => {
  const { tell } = page(t);
  control(t);
  const { socket } = client();
  socket.tryConnect(true);
  FakeWebSocket.last.open();
  FakeWebSocket.last.end(1001, "server is shutting down; retry within 20s");
  assert.equal(socket.state, "waiting");
  tell("pageshow");
  assert.equal(socket.state, "connecting");
});

test("a page that was left closes its socket, and opens another one when its visitor is back", (t) => {
  const { tell } = page(t);
  control(t);
  const { socket, changes } = client();
  socket.tryConnect(true);
  for (const isOpen of [true, false]) {
    const left = FakeWebSocket.last;
    if (isOpen) left.open();
    // No page comes back from this.
    tell("pagehide", { persisted: false });
    assert.equal(left.readyState, isOpen ? 1 : 0);
    tell("pagehide", { persisted: true });
    assert.ok(left.readyState >= 2);
    assert.deepEqual([socket.state, changes.at(-1).state], ["waiting", "waiting"]);
    tell("pagehide", { persisted: true });
    tell("pageshow", { persisted: true });
    assert.equal(socket.state, "connecting");
    assert.notEqual(FakeWebSocket.last, left);
  }
});

test("a page that does not reconnect keeps its socket when it is left", (t) => {
  const { tell } = page(t);
  control(t);
  const { socket } = client();
  socket.tryConnect(false);
  FakeWebSocket.last.open();
  tell("pagehide", { persisted: true });
  assert.equal(socket.state, "online");
});

test("a server that sends clients away with a final code is left alone, whatever its reason says", (t) => {
  control(t);
  const { socket } = client();
  socket.tryConnect(true);
  FakeWebSocket.last.open();
  FakeWebSocket.last.end(4409, "opened elsewhere; retry within 20s");
  assert.equal(socket.state, "refused");
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
      const { cache, credentials, redirect, referrerPolicy } = options;
      assert.deepEqual([cache, credentials, redirect, referrerPolicy], ["no-store", "include", "manual", "origin"]);
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
  assert.deepEqual(await attempt(), { status: 0, code: "unreachable", detail: "The server could not be reached." });
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

test("an attempt ends in its time, and is followed by another", async (t) => {
  const fetch = control(t);
  const { socket, told, changes } = client();
  socket.tryConnect(true);
  const first = FakeWebSocket.last;
  t.mock.timers.tick(14_999);
  assert.equal(socket.state, "connecting");
  t.mock.timers.tick(1);
  await settled();
  assert.deepEqual([socket.state, first.readyState, told], ["waiting", 2, ["close 1006"]]);
  assert.deepEqual([changes.at(-1).error.code, changes.at(-1).error.detail], ["timeout", "The server did not answer within 15 s."]);
  // What said nothing in 15 s is not asked why.
  assert.equal(fetch.mock.callCount(), 0);
  first.open();
  first.receive({ action: "late" });
  first.end();
  assert.deepEqual([socket.state, told], ["waiting", ["close 1006"]]);
  t.mock.timers.tick(500);
  assert.deepEqual([socket.state, FakeWebSocket.opened], ["connecting", 2]);
});

test("the time for an attempt is an option, and the question why is part of it", async (t) => {
  control(t);
  const timeout = t.mock.method(AbortSignal, "timeout");
  const { socket } = client({ connectTimeout: 5_000 });
  socket.tryConnect(true);
  t.mock.timers.tick(3_000);
  FakeWebSocket.last.end();
  await settled();
  assert.deepEqual(timeout.mock.calls[0].arguments, [2_000]);
});

test("an attempt that comes out of a sleep has a second to open", async (t) => {
  control(t);
  const { socket } = client();
  socket.tryConnect(true);
  t.mock.timers.tick(3_600_000);
  assert.equal(socket.state, "connecting");
  FakeWebSocket.last.open();
  t.mock.timers.tick(20_000);
  assert.equal(socket.state, "online");

  socket.tryConnect(true);
  t.mock.timers.tick(3_600_000);
  t.mock.timers.tick(1_000);
  await settled();
  assert.equal(socket.state, "waiting");
});

test("an attempt that ends with an error alone is over", async (t) => {
  control(t);
  const { socket, told } = client();
  socket.tryConnect(true);
  FakeWebSocket.last.onerror({ type: "error" });
  await settled();
  assert.deepEqual([socket.state, told], ["waiting", ["close 1006"]]);
  FakeWebSocket.last.onclose({ type: "close", code: 1006, reason: "" });
  assert.deepEqual(told, ["close 1006"]);
});

test("a connection that ends with an error alone is over a little later", (t) => {
  control(t);
  const { socket, told } = client();
  socket.tryConnect(true);
  FakeWebSocket.last.open();
  FakeWebSocket.last.onerror({ type: "error" });
  t.mock.timers.tick(4_999);
  assert.equal(socket.state, "online");
  t.mock.timers.tick(1);
  assert.deepEqual([socket.state, told], ["waiting", ["open", "close 1006"]]);
});

test("once online, only what the application says is final", async (t) => {
  const html = { "content-type": "text/html" };
  const proxies = [
    new Response("<h1>404 Not Found</h1>", { status: 404, headers: html }),
    new Response("no such app", { status: 421, headers: { "content-type": "text/plain" } }),
    new Response('{"code":"forbidden","detail":"WAF"}', { status: 403, headers: { "content-type": "application/json" } }),
    problem(403, { title: "Forbidden" }),
    new Response(null, { status: 302, headers: { location: "/maintenance" } }),
  ];
  const applications = [
    [problem(403, { code: "identify_refused", detail: "Sign in first." }), "identify_refused"],
    [new Response("<p>Members only</p>", { status: 401, headers: { ...html, "websocket-refusal": "identify_refused" } }), "identify_refused"],
  ];
  let answer;
  control(t, () => answer.clone());
  const { socket } = client();
  const attempt = async () => {
    FakeWebSocket.last.end();
    await settled();
    return socket.state;
  };
  for (answer of proxies) {
    socket.tryConnect(true);
    assert.equal(await attempt(), "refused", `${answer.status} of a page that never was online`);
  }
  socket.tryConnect(true);
  FakeWebSocket.last.open();
  FakeWebSocket.last.end(1006);
  for (answer of proxies) {
    t.mock.timers.tick(30_000);
    assert.equal(await attempt(), "waiting", `${answer.status} during a restart`);
  }
  for (const [final, code] of applications) {
    answer = final;
    socket.onErrorHandler = t.mock.fn();
    socket.tryConnect(true);
    assert.equal(await attempt(), "refused", code);
    assert.equal(socket.onErrorHandler.mock.calls[0].arguments[0].code, code);
  }
});

test("a redirect is told as one", async (t) => {
  // As browsers show it: nothing of it can be read.
  control(t, () => ({ type: "opaqueredirect", status: 0, headers: new Headers() }));
  const { socket, told } = client();
  socket.tryConnect(true);
  FakeWebSocket.last.end();
  await settled();
  assert.deepEqual([socket.state, told[1].code], ["refused", "redirected"]);
});

test("what opens nothing is told by what answered", async (t) => {
  let answer = () => new Response(null, { status: 204 });
  control(t, () => answer());
  const { socket, told } = client();
  const attempt = async () => {
    socket.tryConnect(false);
    FakeWebSocket.last.end();
    await settled();
    return told.at(-1);
  };
  assert.match((await attempt()).detail, /would accept this connection/);
  // A development server gives its page for every URL.
  answer = () => new Response("<div id=root>", { status: 200 });
  const { code, detail } = await attempt();
  assert.deepEqual([code, detail.startsWith("The answer came from a server without WebSockets")], ["not_opened", true]);
});

test("subprotocols that the server does not know are told as that", async (t) => {
  let known = "v1, v2";
  control(t, () => new Response(null, { status: 204, headers: known === null ? {} : { "websocket-protocols": known } }));
  const attempt = async (protocols) => {
    const { socket, told } = client({ protocols });
    socket.tryConnect(true);
    FakeWebSocket.last.end();
    await settled();
    return [socket.state, told[1]?.code, told[1]?.detail.split(". ")[0]];
  };
  const unknown = (offered, spoken) => `The server speaks none of the subprotocols ${offered}, but ${spoken}`;
  assert.deepEqual(await attempt(["v3", "V1"]), ["refused", "unknown_subprotocol", unknown("v3, V1", "v1, v2")]);
  assert.deepEqual(await attempt("v3"), ["refused", "unknown_subprotocol", unknown("v3", "v1, v2")]);
  assert.equal((await attempt(["v3", "v2"]))[0], "waiting");
  assert.equal((await attempt([]))[0], "waiting");
  known = "";
  assert.deepEqual(await attempt(["v3"]), ["refused", "unknown_subprotocol", unknown("v3", "none at all")]);
  known = null; // A server of another origin that lets no page read it.
  assert.equal((await attempt(["v3"]))[0], "waiting");
});

test("a platform that opens nothing is told, and nothing is tried", async (t) => {
  control(t);
  class Throws { constructor() { throw new Error("An insecure connection may not be opened by a secure page."); } }
  const attempt = (WebSocket) => {
    const { socket, told } = client({ WebSocket });
    socket.tryConnect(true);
    return [socket.state, socket.connected, told[0].code];
  };
  assert.deepEqual(attempt(Throws), ["refused", false, "not_supported"]);
  const native = globalThis.WebSocket;
  t.after(() => { globalThis.WebSocket = native; });
  delete globalThis.WebSocket;
  assert.deepEqual(attempt(undefined), ["refused", false, "not_supported"]);
});

test("a server of another origin that answers without cookies only is heard, and is not final", async (t) => {
  const fetch = control(t);
  t.after(() => delete globalThis.location);
  let readable = "omit";
  fetch.mock.mockImplementation(async (url, { credentials }) => {
    if (credentials !== readable) throw new TypeError("blocked by CORS");
    return problem(403, { code: "identify_refused", detail: "Sign in first." });
  });
  const attempt = async (origin) => {
    fetch.mock.resetCalls();
    globalThis.location = new URL(origin);
    const { socket, changes } = client();
    socket.tryConnect(true);
    FakeWebSocket.last.end();
    await settled();
    return [socket.state, changes.at(-1).error?.code, fetch.mock.callCount()];
  };
  assert.deepEqual(await attempt("http://other.example/"), ["waiting", "identify_refused", 2]);
  assert.deepEqual(await attempt("http://chat.example/"), ["waiting", undefined, 1]);
  readable = "include";
  assert.deepEqual(await attempt("http://other.example/"), ["refused", "identify_refused", 1]);
  readable = "none";
  assert.deepEqual(await attempt("http://other.example/"), ["waiting", undefined, 2]);
});
