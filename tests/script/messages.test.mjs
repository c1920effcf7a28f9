// What is sent, received and told: the client over a WebSocket that does what the test says.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { WebConnectionWebSocket } from "../../src/script/webconnection-websocket.js";
import { FakeWebSocket, URL_OF_SOCKET, client, control, settled } from "./support.mjs";

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

test("a message is from the user that tryConnect named, and what is not a string becomes JSON", () => {
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
});

test("a page's base comes before its address", (t) => {
  t.after(() => { delete globalThis.location; delete globalThis.document; });
  const at = (...args) => {
    new WebConnectionWebSocket(...args.length ? args : [undefined], { WebSocket: FakeWebSocket }).tryConnect();
    return FakeWebSocket.last.url;
  };
  globalThis.location = { href: "https://app.example/orders/5" };
  globalThis.document = { baseURI: "https://app.example/", addEventListener() {} };
  assert.equal(at(), "wss://app.example/__initializeSocket.wc");
  assert.equal(at("/live"), "wss://app.example/live");
  globalThis.location.href = "about:srcdoc";
  assert.equal(at(), "wss://app.example/__initializeSocket.wc");
});

test("without a page a relative URL is an error that says what to pass", (t) => {
  t.after(() => { delete globalThis.location; });
  const says = (...args) => assert.throws(() => new WebConnectionWebSocket(...args), { name: "TypeError", message: /pass an absolute one such as "wss:/ });
  says();
  says("/live");
  says("");
  says("file:///app/index.html");
  globalThis.location = { href: "file:///app/index.html" };
  says();
  globalThis.location = { href: "about:blank" };
  says();
  globalThis.location = { href: "blob:https://app.example/1-2" };
  says();
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

test("off and once end it, too", () => {
  const { socket, told } = client();
  socket.tryConnect();
  FakeWebSocket.last.open();
  const tell = ({ message }) => told.push(message);
  const receive = (message) => FakeWebSocket.last.receive({ action: "a", message });
  socket.once("a", tell);
  receive("once");
  receive("general");
  socket.on("a", tell);
  receive("on");
  socket.off("a", tell);
  socket.off("b", tell);
  receive("general");
  socket.once("a", tell);
  socket.off("a", tell);
  const end = socket.once("a", tell);
  end();
  receive("general");
  socket.once("a", () => { receive("within"); told.push("outer"); });
  receive("x");
  assert.deepEqual(told.slice(1), ["once", "message a", "on", "message a", "message a", "message a", "outer"]);
});

test("a message's payload is read on demand, and what is not asked for is not there", () => {
  const { socket } = client();
  let message;
  socket.onMessageHandler = (msg) => { message = msg; };
  socket.tryConnect();
  FakeWebSocket.last.open();
  const sent = { action: "a", message: '{"n":[1,{"x":null}]}', groupId: "", userId: "", recipients: [] };
  FakeWebSocket.last.receive(sent);
  assert.deepEqual(message.json(), { n: [1, { x: null }] });
  assert.deepEqual([message, JSON.stringify(message), Object.keys(message)], [sent, JSON.stringify(sent), Object.keys(sent)]);
  FakeWebSocket.last.receive({ ...sent, message: "no JSON" });
  assert.throws(() => message.json(), SyntaxError);
  // The sender's own keys stay its own.
  FakeWebSocket.last.receive({ ...sent, json: "mine" });
  assert.equal(message.json, "mine");
});

test("what JSON cannot hold is not sent", async (t) => {
  control(t);
  const circle = { action: "a" };
  circle.circle = circle;
  class Hollow { #hidden = 1; }
  const parts = [10n, () => {}, Symbol("x"), new Map([[1, 2]]), new Set([1]), new Error("x"), /x/, Promise.resolve(), new Hollow(), circle];
  const values = [undefined, null, 7, true, [], [1], ...parts];
  for (const state of ["closed", "connecting", "online"]) {
    const { socket, told } = client();
    if (state !== "closed") socket.tryConnect(true);
    if (state === "online") FakeWebSocket.last.open();
    const made = parts.map((part) => socket.createBroadcastMessage("a", part));
    const nested = parts.flatMap((part) => [{ action: "a", part }, { action: "a", parts: [[part]] }]);
    for (const value of [...values, ...made, ...nested]) {
      await assert.rejects(async () => socket.send(value), { code: "not_json", status: 0 });
      assert.equal(told.at(-1).code, "not_json");
    }
    assert.deepEqual(FakeWebSocket.last?.sent ?? [], []);
  }
});

test("what JSON holds is sent as it is", async () => {
  const { socket } = client();
  socket.tryConnect();
  FakeWebSocket.last.open();
  class Order { constructor() { this.id = 1; } }
  const cases = [
    [{ action: "a", date: new Date(0), none: undefined, bare: Object.assign(Object.create(null), { x: 1 }) },
      '{"action":"a","date":"1970-01-01T00:00:00.000Z","bare":{"x":1}}'],
    [{ action: "a", empty: {}, list: [], order: new Order(), bytes: new Uint8Array(1) },
      '{"action":"a","empty":{},"list":[],"order":{"id":1},"bytes":{"0":0}}'],
    [{ toJSON: () => ({ action: "own" }) }, '{"action":"own"}'],
    [{}, "{}"],
  ];
  for (const [message, text] of cases) {
    await socket.send(message);
    assert.equal(FakeWebSocket.last.sent.at(-1), text);
  }
});

test("half an emoji is replaced wherever it stands", async () => {
  const { socket } = client();
  socket.tryConnect();
  FakeWebSocket.last.open();
  const half = "😀"[0];
  const message = socket.createBroadcastMessage("a", { text: `${half}x`, whole: "😀" });
  message.userId = "😀"[1];
  message[half] = ["\\ud83d", `\\${half}`];
  await socket.send(message);
  const sent = JSON.parse(FakeWebSocket.last.sent[0]);
  assert.deepEqual([sent.userId, sent["\ufffd"], JSON.parse(sent.message)], ["\ufffd", ["\\ud83d", "\\\ufffd"], { text: "\ufffdx", whole: "😀" }]);
  await socket.send(`plain ${half} 😀 ${"😀"[1]}`);
  assert.equal(FakeWebSocket.last.sent[1], "plain \ufffd 😀 \ufffd");
  assert.doesNotMatch(FakeWebSocket.last.sent.join(), /\p{Surrogate}/u);
});

test("error messages go to the error handler only", () => {
  const { socket, told } = client();
  socket.on("__error", () => told.push("never"));
  socket.tryConnect();
  FakeWebSocket.last.open();
  FakeWebSocket.last.receive({ action: "__error", message: "It failed.", error: { code: "failed", status: 500 } });
  FakeWebSocket.last.receive("no JSON");
  FakeWebSocket.last.receive("7");
  const noMessage = { status: 0, code: "bad_message", detail: "The server sent text that is not a valid message." };
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

test("what send returns need not be awaited", async (t) => {
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
