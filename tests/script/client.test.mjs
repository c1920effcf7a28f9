// The client over a WebSocket that does what the test says.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { WebConnectionWebSocket } from "../../src/script/webconnection-websocket.js";
import { FakeWebSocket, URL_OF_SOCKET, client, control, problem, settled } from "./support.mjs";

beforeEach(() => Object.assign(FakeWebSocket, { last: null, opened: 0 }));

test("s13: a message has the documented names in their order", () => {
  const { socket } = client();
  const msg = socket.createBroadcastMessage("broadcastchatmessage", "Hello");
  msg.userId = "ann";
  msg.groupId = "red";
  msg.addRecipient("red", "group").addRecipient("bob", "allButUser");
  assert.equal(
    JSON.stringify(msg),
    '{"action":"broadcastchatmessage","message":"Hello","groupId":"red","userId":"ann",' +
      '"recipients":[{"type":"group","value":"red"},{"type":"allButUser","value":"bob"}]}',
  );
});

test("a message is from whom tryConnect named, and what is no string becomes JSON", () => {
  const { socket } = client();
  socket.tryConnect(true, ["red", "blue"], "ann");
  const text = (value) => socket.createBroadcastMessage("a", value).message;
  assert.deepEqual([text({ n: 1 }), text([1, "x"]), text(7), text(null), text(), text("")], ['{"n":1}', '[1,"x"]', "7", "", "", ""]);
  const { groupId, userId } = socket.createBroadcastMessage("a");
  assert.deepEqual([groupId, userId], ["red", "ann"]);
});

test("s09: tryConnect sends group and user in the query", () => {
  const { socket } = client();
  const query = (...args) => {
    socket.tryConnect(true, ...args);
    return new URL(FakeWebSocket.last.url).search;
  };
  assert.equal(query("chat users", "Änn&"), "?groupId=chat+users&userId=%C3%84nn%26");
  assert.equal(query(["red", "", "blue"], null), "?groupId=red&groupId=blue");
  assert.equal(query(), "");
});

test("the default URL lies in the page's directory", (t) => {
  t.after(() => delete globalThis.location);
  const at = (page, ...args) => {
    globalThis.location = { href: page };
    new WebConnectionWebSocket(...args.length ? args : [undefined], { WebSocket: FakeWebSocket }).tryConnect();
    return FakeWebSocket.last.url;
  };
  assert.equal(at("https://app.example/chat/room.html?x=1#y"), "wss://app.example/chat/__initializeSocket.wc");
  assert.equal(at("http://app.example:8080/"), "ws://app.example:8080/__initializeSocket.wc");
  assert.equal(at("http://app.example/a/b", "/live?v=2#top"), "ws://app.example/live?v=2");
  assert.equal(at("http://app.example/", "https://other.example/x"), "wss://other.example/x");
  assert.equal(at("http://app.example/", new URL("wss://other.example/x")), "wss://other.example/x");
  delete globalThis.location;
  assert.throws(() => new WebConnectionWebSocket(), TypeError);
});

test("it tells of opening, messages and closing", (t) => {
  control(t);
  const { socket, told, changes } = client({ protocols: ["chat"] });
  assert.deepEqual([socket.state, socket.connected], ["closed", false]);
  socket.tryConnect(false);
  assert.deepEqual([socket.state, socket.connected, FakeWebSocket.last.protocols], ["connecting", false, ["chat"]]);
  FakeWebSocket.last.open();
  assert.deepEqual([socket.state, socket.connected], ["online", true]);
  FakeWebSocket.last.receive({ action: "a" });
  FakeWebSocket.last.end(1001);
  assert.deepEqual(told, ["open", "message a", "close 1001"]);
  assert.deepEqual(changes.map(({ state }) => state), ["connecting", "online", "closed"]);
  t.mock.timers.tick(1e6);
  assert.equal(FakeWebSocket.opened, 1);
});

test("handlers may be methods of a subclass", () => {
  class Chat extends WebConnectionWebSocket {
    heard = [];
    onMessageHandler({ message }) { this.heard.push(message); }
  }
  const chat = new Chat(URL_OF_SOCKET, { WebSocket: FakeWebSocket });
  chat.tryConnect();
  FakeWebSocket.last.open();
  FakeWebSocket.last.receive({ action: "a", message: "m" });
  assert.deepEqual(chat.heard, ["m"]);
});

test("on takes an action away from the general handler until it ends", () => {
  const { socket, told } = client();
  socket.tryConnect();
  FakeWebSocket.last.open();
  const ends = ["first", "second"].map((name) => socket.on("a", ({ message }) => told.push(`${name} ${message}`)));
  FakeWebSocket.last.receive({ action: "a", message: "m" });
  FakeWebSocket.last.receive({ action: "A", message: "m" });
  ends[0]();
  FakeWebSocket.last.receive({ action: "a", message: "n" });
  ends[1]();
  FakeWebSocket.last.receive({ action: "a" });
  assert.deepEqual(told.slice(1), ["first m", "second m", "message A", "second n", "message a"]);
});

test("error messages go to the error handler only", () => {
  const { socket, told } = client();
  socket.on("__error", () => told.push("never"));
  socket.tryConnect();
  FakeWebSocket.last.open();
  FakeWebSocket.last.receive({ action: "__error", message: "It failed.", error: { code: "failed", status: 500 } });
  FakeWebSocket.last.receive("no JSON");
  FakeWebSocket.last.receive("7");
  const noMessage = { status: 0, code: "bad_message", detail: "The server sent something that is no message." };
  assert.deepEqual(told.slice(1), [{ status: 500, code: "failed", detail: "It failed." }, noMessage, noMessage]);
});

test("without an error handler errors go to the console", (t) => {
  const warn = t.mock.method(console, "warn", () => {});
  const { socket } = client();
  delete socket.onErrorHandler;
  socket.tryConnect();
  FakeWebSocket.last.open();
  FakeWebSocket.last.receive({ action: "__error", message: "It failed.", error: { code: "failed", status: 500 } });
  assert.equal(warn.mock.calls[0].arguments[0].message, "It failed.");
});

test("messages wait for the connection in their order", async (t) => {
  control(t);
  const { socket } = client();
  await assert.rejects(socket.send("too early"), { code: "closed" });
  socket.tryConnect(true);
  const first = socket.send({ action: "first" });
  const second = socket.send("second");
  socket.onOpenHandler = () => socket.send("third");
  FakeWebSocket.last.open();
  assert.deepEqual(FakeWebSocket.last.sent, ['{"action":"first"}', "second", "third"]);
  assert.deepEqual(await Promise.all([first, second]), [undefined, undefined]);
  assert.equal(await socket.send("fourth"), undefined);
});

test("the queue is bounded, and its overflow is told twice", async (t) => {
  control(t);
  const { socket, told } = client({ queueSize: 10 });
  socket.tryConnect(true);
  socket.send("1234567890");
  await assert.rejects(socket.send("x"), { status: 0, code: "queue_full" });
  assert.equal(told[0].code, "queue_full");
  FakeWebSocket.last.open();
  FakeWebSocket.last.readyState = 2;
  const next = socket.send("0987654321");
  FakeWebSocket.last.end(1001);
  t.mock.timers.tick(500);
  FakeWebSocket.last.open();
  await next;
  assert.deepEqual(FakeWebSocket.last.sent, ["0987654321"]);
});

test("nobody has to wait for what send returns", async (t) => {
  control(t);
  const unhandled = t.mock.fn();
  process.on("unhandledRejection", unhandled);
  t.after(() => process.off("unhandledRejection", unhandled));
  const { socket } = client();
  socket.send("too early");
  socket.tryConnect(true);
  socket.send("waits");
  socket.close();
  await settled();
  assert.equal(unhandled.mock.callCount(), 0);
});

test("a message that the connection ended for is told and not sent again", async (t) => {
  control(t);
  for (const code of [1003, 1007, 1009]) {
    const { socket, told } = client();
    socket.tryConnect(true);
    socket.send("too large");
    FakeWebSocket.last.open();
    assert.deepEqual(FakeWebSocket.last.sent, ["too large"]);
    FakeWebSocket.last.end(code, "why");
    assert.deepEqual(told.slice(1), [`close ${code}`, { status: code, code: "closed", detail: "why" }]);
    assert.equal(socket.state, "waiting");
    t.mock.timers.tick(500);
    FakeWebSocket.last.open();
    assert.deepEqual(FakeWebSocket.last.sent, []);
  }
});

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
      assert.equal(options.cache, "no-store");
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

test("a handler that throws is told as uncaught and costs nothing else", async (t) => {
  control(t);
  const uncaught = [];
  t.mock.method(globalThis, "queueMicrotask", (fn) => {
    try { fn(); } catch (error) { uncaught.push(error.message); }
  });
  const { socket } = client();
  socket.onMessageHandler = socket.onOpenHandler = socket.onCloseHandler = ({ type = "message" }) => { throw new Error(type); };
  socket.tryConnect(true);
  FakeWebSocket.last.open();
  FakeWebSocket.last.receive({ action: "a" });
  FakeWebSocket.last.end(1001);
  assert.deepEqual([uncaught, socket.state], [["open", "message", "close"], "waiting"]);
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
