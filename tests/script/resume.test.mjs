// What a page missed is asked for again, and nothing is told twice: the client over a WebSocket that does what the test says.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { WebConnectionWebSocket } from "../../src/script/webconnection-websocket.js";
import { FakeWebSocket, client, control, settled } from "./support.mjs";

beforeEach(() => Object.assign(FakeWebSocket, { last: null, opened: 0 }));

const LOBBY = "1f3a", PRICES = "c0ffee", TAG = "9b1c2d3e";
const at = (offset, { stream = LOBBY, epoch = "e1" } = {}) => `${stream}.${epoch}.${offset.toString(16)}.${TAG}`;

/** A client that keeps which messages and which resumes a page is told of. */
function reader(options = {}) {
  const one = client({ retryDelay: 100, ...options });
  one.read = [];
  one.resumes = [];
  one.socket.onMessageHandler = ({ message }) => one.read.push(message);
  return one;
}

/** Opens the next connection, and returns what it asks for. */
function open(socket, ...args) {
  socket.tryConnect(true, ...(args.length ? args : ["lobby", "ann"]));
  FakeWebSocket.last.open();
  return asked();
}

/** Loses the connection, and opens the next. */
function reopen(t) {
  FakeWebSocket.last.end(1001);
  t.mock.timers.tick(1_000);
  FakeWebSocket.last.open();
  return asked();
}

function asked() {
  const { searchParams } = new URL(FakeWebSocket.last.url);
  return { resume: searchParams.get("resume"), positions: searchParams.getAll("position") };
}

const say = (message, position) => FakeWebSocket.last.receive({ action: "said", message, __position: position });
const resumed = (streams, more = {}) => FakeWebSocket.last.receive({ action: "__resumed", streams, ...more });
const nothing = { resume: null, positions: [] };

test("a page that gets no positions and asks for nothing sees none of it", (t) => {
  control(t);
  const { socket, read } = reader();
  assert.deepEqual(open(socket), nothing);
  say("one");
  assert.deepEqual(reopen(t), nothing);
  assert.equal(FakeWebSocket.last.url, "ws://chat.example/__initializeSocket.wc?groupId=lobby&userId=ann");
  assert.deepEqual(read, ["one"]);
});

test("a connection that comes back names the newest position of each stream, the newest stream first", (t) => {
  control(t);
  const { socket, read } = reader();
  assert.deepEqual(open(socket), nothing);
  say("a", at(1));
  say("b", at(7, { stream: PRICES }));
  say("c", at(2));
  assert.deepEqual(reopen(t), { resume: "1", positions: [at(2), at(7, { stream: PRICES })] });
  say("d", at(8, { stream: PRICES }));
  assert.deepEqual(reopen(t).positions, [at(8, { stream: PRICES }), at(2)]);
  assert.deepEqual(read, ["a", "b", "c", "d"]);
});

test("a message keeps its position for the page to see", () => {
  const { socket } = reader();
  const seen = [];
  socket.on("said", (message) => seen.push(message.__position));
  open(socket);
  say("a", at(1));
  assert.deepEqual(seen, [at(1)]);
});

test("the first connection asks where the streams are if the page has a use for it", () => {
  const handler = reader();
  handler.socket.onResumeHandler = () => {};
  assert.deepEqual(open(handler.socket), { resume: "1", positions: [] });
  assert.deepEqual(open(reader({ remember: "session" }).socket), { resume: "1", positions: [] });
  assert.deepEqual(open(reader({ positions: [] }).socket), { resume: "1", positions: [] });
  assert.deepEqual(open(reader({ positions: [at(3), at(4)] }).socket), { resume: "1", positions: [at(4)] });
});

test("what the page has already is not told again", (t) => {
  control(t);
  const { socket, read } = reader();
  open(socket);
  for (const [message, position] of [
    ["1", at(1)], ["1 again", at(1)], ["3", at(3)], ["2 late", at(2)], ["other stream", at(1, { stream: PRICES })],
    ["other epoch", at(1, { epoch: "e2" })], ["and again", at(1, { epoch: "e2" })], ["transient"], ["transient"],
  ]) say(message, position);
  reopen(t);
  say("over connections", at(1, { epoch: "e2" }));
  say("new", at(2, { epoch: "e2" }));
  assert.deepEqual(read, ["1", "3", "other stream", "other epoch", "transient", "transient", "new"]);
});

test("offsets are numbers of 64 bits", () => {
  const { socket, read } = reader();
  open(socket);
  const offsets = ["9", "a", "ff", "100", "1fffffffffffff", "20000000000000", "20000000000001", "fffffffffffffffe", "ffffffffffffffff"];
  for (const offset of offsets) say(offset, `${LOBBY}.ffffffffffffffff.${offset}.0`);
  for (const offset of offsets) say("again", `${LOBBY}.ffffffffffffffff.${offset}.ffffffff`);
  assert.deepEqual(read, offsets);
});

test("messages without a place in their stream are all told, and are what the next connection names", (t) => {
  control(t);
  const { socket, read } = reader();
  open(socket);
  say("placed", at(5));
  for (const message of ["one", "two"]) say(message, at(0, { epoch: "0" }));
  assert.deepEqual(reopen(t).positions, [at(0, { epoch: "0" })]);
  say("placed again", at(6));
  assert.deepEqual(read, ["placed", "one", "two", "placed again"]);
});

test("what is no position changes nothing", (t) => {
  control(t);
  const { socket, read } = reader({ positions: ["", "x", null, undefined, 7, {}, at(0)] });
  assert.deepEqual(open(socket).positions, [at(0)]);
  const garbage = [
    "", "1", "1.2.3", "1.2.3.4.5", "1.2.3.g", "1.2.-3.4", "1.2.3.123456789", "11111111111111111.2.3.4", "1..3.4", " 1.2.3.4", "1.2.3.4\n",
    "A.2.3.4", 7, null, true, [], ["1.2.3.4"], {}, { toString: "x" },
  ];
  for (const [index, position] of garbage.entries()) for (let twice = 0; twice < 2; twice++) say(`${index}`, position);
  assert.deepEqual(read, garbage.flatMap((_, index) => [`${index}`, `${index}`]));
  assert.deepEqual(reopen(t).positions, [at(0)]);
});

test("the page is told of a resume once, before what it missed", (t) => {
  control(t);
  const { socket, read, resumes, told } = reader();
  socket.onResumeHandler = (resume) => resumes.push([...read, resume]);
  socket.on("__resumed", () => assert.fail("it is the client's own"));
  open(socket);
  resumed({ lobby: { recovered: true, missed: 0, position: at(4) } });
  const first = { recovered: true, missed: 0, refused: 0, streams: { lobby: { recovered: true, missed: 0, position: at(4) } } };
  assert.deepEqual(structuredClone(resumes), [[first]]);
  assert.deepEqual(reopen(t).positions, [at(4)]);
  const streams = { lobby: { recovered: true, missed: 2, position: at(6) }, __user: { recovered: true, missed: 1, position: at(9, { stream: "5" }) } };
  resumed(streams);
  for (const offset of [5, 6]) say(String(offset), at(offset));
  say("9", at(9, { stream: "5" }));
  say("7", at(7));
  assert.deepEqual(structuredClone(resumes[1]), [{ recovered: true, missed: 3, refused: 0, streams }]);
  assert.deepEqual(read, ["5", "6", "9", "7"]);
  assert.deepEqual(told, ["open", "close 1001", "open"]);
});

test("a connection that breaks between the resume and what was missed asks for it again", (t) => {
  control(t);
  const { socket, read } = reader({ positions: [at(4)] });
  open(socket);
  resumed({ lobby: { recovered: true, missed: 3, position: at(7) } });
  say("5", at(5));
  assert.deepEqual(reopen(t).positions, [at(5)]);
  assert.deepEqual(read, ["5"]);
});

test("a resume without missed messages moves the position over those that were not for this page", (t) => {
  control(t);
  const { socket } = reader({ positions: [at(4)] });
  open(socket);
  resumed({ lobby: { recovered: true, missed: 0, position: at(6) } });
  assert.deepEqual(reopen(t).positions, [at(6)]);
});

test("a stream that was lost goes on from where it is now", (t) => {
  control(t);
  const { socket, read, resumes } = reader({ positions: [at(4), at(9, { stream: PRICES })] });
  socket.onResumeHandler = (resume) => resumes.push(resume);
  open(socket);
  const now = at(2, { epoch: "e2" });
  resumed({
    lobby: { recovered: false, reason: "elsewhere", position: now },
    "price:1": { recovered: true, missed: 1, position: at(10, { stream: PRICES }) },
  });
  assert.deepEqual([resumes[0].recovered, resumes[0].missed], [false, 1]);
  assert.deepEqual(resumes[0].streams.lobby, { recovered: false, missed: 0, position: now, reason: "elsewhere" });
  say("10", at(10, { stream: PRICES }));
  say("3", at(3, { epoch: "e2" }));
  assert.deepEqual(read, ["10", "3"]);
  assert.deepEqual(reopen(t).positions, [at(3, { epoch: "e2" }), at(10, { stream: PRICES })]);
});

test("a stream that was lost while the server could not say where it is keeps its position", (t) => {
  control(t);
  const { socket, resumes } = reader({ positions: [at(4)] });
  socket.onResumeHandler = (resume) => resumes.push(resume);
  open(socket);
  resumed({ lobby: { recovered: false, reason: "unavailable" } });
  assert.deepEqual(resumes[0].streams.lobby.reason, "unavailable");
  assert.deepEqual(reopen(t).positions, [at(4)]);
});

test("what the server says of a stream hides no message that was never told", (t) => {
  control(t);
  const { socket, read } = reader();
  socket.onResumeHandler = () => {};
  open(socket);
  // These came while the connection opened.
  resumed({ lobby: { recovered: true, missed: 0, position: at(3) } });
  for (const offset of [2, 3]) say(String(offset), at(offset));
  resumed({ lobby: { recovered: false, reason: "gap", position: at(6) } });
  for (const offset of [3, 5]) say(String(offset), at(offset));
  assert.deepEqual(read, ["2", "3", "5"]);
});

test("a gap in a live connection is told, too", (t) => {
  control(t);
  const { socket, read, resumes } = reader();
  socket.onResumeHandler = (resume) => resumes.push(resume);
  open(socket);
  resumed({ lobby: { recovered: true, missed: 0, position: at(0) }, news: { recovered: true, missed: 0, position: at(3, { stream: PRICES }) } });
  say("1", at(1));
  resumed({ lobby: { recovered: false, reason: "gap", position: at(9) } });
  say("10", at(10));
  assert.deepEqual(resumes.map(({ recovered }) => recovered), [true, false]);
  assert.deepEqual(read, ["1", "10"]);
  assert.deepEqual(reopen(t).positions, [at(10), at(3, { stream: PRICES })]);
});

test("positions that the server refuses are told once and not sent again", (t) => {
  control(t);
  const { socket, resumes } = reader({ positions: [at(4), at(9, { stream: PRICES })] });
  socket.onResumeHandler = (resume) => resumes.push(resume);
  assert.equal(open(socket).positions.length, 2);
  resumed({ lobby: { recovered: true, missed: 0, position: at(4) } }, { refused: 1 });
  assert.deepEqual([resumes[0].recovered, resumes[0].refused], [false, 1]);
  assert.deepEqual(reopen(t).positions, [at(4)]);
});

test("a group that the page is added to later has a position at once", (t) => {
  control(t);
  const { socket, read, resumes } = reader();
  socket.onResumeHandler = (resume) => resumes.push(resume);
  open(socket);
  resumed({});
  const room = { room: { recovered: true, missed: 0, position: at(4) } };
  resumed(room);
  assert.deepEqual(structuredClone(resumes[1]), { recovered: true, missed: 0, refused: 0, streams: room });
  assert.deepEqual(socket.positions, [at(4)]);
  assert.deepEqual(reopen(t).positions, [at(4)]);
  // One that the server does not know yet, and then does.
  resumed({});
  resumed({ room: { recovered: true, missed: 0, position: at(0, { epoch: "0" }) } });
  assert.deepEqual(socket.positions, [at(0, { epoch: "0" })]);
  resumed({ room: { recovered: true, missed: 0, position: at(5) } });
  say("6", at(6));
  assert.deepEqual(read, ["6"]);
  assert.ok(resumes.every(({ recovered }) => recovered));
  assert.deepEqual(reopen(t).positions, [at(6)]);
});

test("a group that the page is added to again is lost if something was said meanwhile", (t) => {
  control(t);
  for (const [offset, isWhole] of [[4, true], [5, false]]) {
    const { socket, read, resumes } = reader({ positions: [at(4)] });
    socket.onResumeHandler = ({ recovered, refused, streams }) => resumes.push([recovered, refused, streams.room?.reason]);
    open(socket);
    resumed({}, { refused: 1 });
    assert.deepEqual(socket.positions, []);
    // The page is added only over the next connection.
    assert.deepEqual(reopen(t).positions, []);
    resumed({});
    resumed({ room: { recovered: true, missed: 0, position: at(offset) } });
    assert.deepEqual(resumes, [[false, 1, undefined], [true, 0, undefined], [isWhole, 0, isWhole ? undefined : "refused"]]);
    say("next", at(offset + 1));
    assert.deepEqual(read, ["next"]);
    // It is told once.
    resumed({ room: { recovered: true, missed: 0, position: at(9) } });
    assert.deepEqual(resumes[3], [true, 0, undefined]);
    assert.deepEqual(reopen(t).positions, [at(9)]);
  }
});

test("a message that comes before its group's position does not hide that the group is lost", (t) => {
  control(t);
  const refused = () => {
    const one = reader({ positions: [at(5)] });
    one.socket.onResumeHandler = ({ recovered, streams }) => one.resumes.push([recovered, streams.room?.reason]);
    open(one.socket);
    resumed({}, { refused: 1 });
    return one;
  };
  const joined = (offset, more = {}) => resumed({ room: { recovered: true, missed: 0, position: at(offset), ...more } });
  const [away, lost, whole] = [[false, undefined], [false, "refused"], [true, undefined]];

  // 6 to 8 are missing, although the page is at 9 as the server is.
  const live = refused();
  say("9", at(9));
  joined(9);
  say("10", at(10));
  // It is told once.
  joined(10);
  assert.deepEqual([live.resumes, live.read], [[away, lost, whole], ["9", "10"]]);

  // What came after 9 can be had.
  const back = refused();
  say("9", at(9));
  assert.deepEqual(reopen(t).positions, [at(9)]);
  joined(10, { missed: 1 });
  say("10", at(10));
  joined(10);
  assert.deepEqual([back.resumes, back.read], [[away, lost, whole], ["9", "10"]]);

  // It may be refused again before the page is told.
  const again = refused();
  say("9", at(9));
  reopen(t);
  resumed({}, { refused: 1 });
  joined(9);
  joined(9);
  assert.deepEqual(again.resumes, [away, away, lost, whole]);

  // A message that was announced comes after the loss was told.
  const announced = refused();
  joined(9, { missed: 1 });
  say("9", at(9));
  joined(9);
  assert.deepEqual(announced.resumes, [away, lost, whole]);

  // A loss that the server tells is the same loss.
  const gap = refused();
  say("9", at(9));
  resumed({ room: { recovered: false, reason: "gap", position: at(9) } });
  joined(9);
  assert.deepEqual(gap.resumes, [away, [false, "gap"], whole]);
});

test("a resume is no reason to fail, whatever is in it", (t) => {
  control(t);
  const { socket, resumes } = reader({ positions: [at(4)] });
  socket.onResumeHandler = ({ recovered, missed }) => resumes.push([recovered, missed]);
  open(socket);
  for (const streams of [undefined, null, 7, {}, [], "x", { lobby: null }, { lobby: { position: "x" } }, { lobby: { recovered: true, position: 7 } }]) {
    resumed(streams);
  }
  assert.deepEqual(resumes, [...Array(5).fill([true, 0]), ...Array(3).fill([false, 0]), [true, 0]]);
  assert.deepEqual(reopen(t).positions, [at(4)]);
});

test("a page without a handler resumes all the same", (t) => {
  control(t);
  const { socket, read, told } = reader();
  open(socket);
  say("1", at(1));
  reopen(t);
  resumed({ lobby: { recovered: true, missed: 1, position: at(2) } });
  say("2", at(2));
  assert.deepEqual(read, ["1", "2"]);
  assert.ok(told.every((line) => typeof line === "string"), told);
});

test("no more than 64 positions in 2000 characters are sent, and a stream that had to be left out counts as lost", (t) => {
  control(t);
  const name = (index) => (0x1000 + index).toString(16);
  const short = Array.from({ length: 70 }, (_, index) => `${name(index)}.1.1.1`);
  const { socket, resumes } = reader({ positions: short });
  socket.onResumeHandler = (resume) => resumes.push(resume);
  assert.deepEqual(open(socket).positions, short.slice(6).reverse());
  resumed({
    sent: { recovered: true, missed: 0, position: short[69] },
    same: { recovered: true, missed: 0, position: short[0] },
    later: { recovered: true, missed: 0, position: `${name(1)}.1.2.1` },
  });
  const { recovered, streams } = resumes[0];
  assert.deepEqual([recovered, streams.sent.recovered, streams.same.recovered, streams.later.recovered], [false, true, true, false]);
  assert.equal(streams.later.reason, "unsent");
  assert.equal(reopen(t).positions[0], `${name(1)}.1.2.1`);
  // Only the first answer is about what was sent.
  resumed({ sent: { recovered: true, missed: 0, position: short[69] } });
  resumed({ later: { recovered: true, missed: 0, position: `${name(2)}.1.3.1` } });
  assert.ok(resumes[2].recovered);

  const long = Array.from({ length: 64 }, (_, index) => `${"f".repeat(12)}${name(index)}.${"e".repeat(16)}.${"d".repeat(16)}.${"c".repeat(8)}`);
  socket.positions = long;
  const { positions } = open(socket);
  const { search } = new URL(FakeWebSocket.last.url);
  assert.ok(search.length <= 2_000 && search.length > 1_900, `${search.length}`);
  assert.deepEqual(positions, long.reverse().slice(0, positions.length));

  open(socket, "g".repeat(3_000), "ann");
  socket.positions = long;
  assert.deepEqual(open(socket, "g".repeat(3_000), "ann").positions, []);
});

test("a server with ever more streams does not fill the page's memory", () => {
  const { socket } = reader();
  open(socket);
  for (let index = 0; index < 1_500; index++) say("x", at(1, { stream: index.toString(16) }));
  assert.equal(socket.positions.length, 1_000);
  assert.equal(socket.positions[0], at(1, { stream: (1_499).toString(16) }));
});

test("positions of the page's own replace those of the client, at any time", (t) => {
  control(t);
  const { socket, read } = reader();
  open(socket);
  say("1", at(1));
  say("p", at(1, { stream: PRICES }));
  assert.deepEqual(socket.positions, [at(1, { stream: PRICES }), at(1)]);
  socket.positions = at(5);
  say("5", at(5));
  say("6", at(6));
  assert.deepEqual(read, ["1", "p", "6"]);
  assert.deepEqual(reopen(t).positions, [at(6)]);
  socket.positions = [];
  assert.deepEqual(reopen(t), { resume: "1", positions: [] });
});

test("other groups or another user begin anew, unless the page gave positions for them", () => {
  const { socket } = reader();
  open(socket, "lobby", "ann");
  say("1", at(1));
  assert.deepEqual(open(socket, "lobby", "ann").positions, [at(1)]);
  assert.deepEqual(open(socket, "lobby", "bob").positions, []);
  say("2", at(2));
  assert.deepEqual(open(socket, ["lobby", "red"], "bob").positions, []);
  socket.positions = [at(8)];
  assert.deepEqual(open(socket, "red", "bob").positions, [at(8)]);
  assert.deepEqual(open(socket, "blue", "bob").positions, []);
});

test("a page that was closed and opened again goes on where it was", () => {
  const { socket } = reader();
  open(socket);
  say("1", at(1));
  socket.close();
  assert.deepEqual(open(socket).positions, [at(1)]);
});

/** A session storage, until the test ends. */
function storage(t, { items = new Map(), getItem, setItem } = {}) {
  globalThis.sessionStorage = {
    getItem: getItem ?? ((key) => items.get(key) ?? null),
    setItem: setItem ?? ((key, value) => items.set(key, value)),
  };
  t.after(() => delete globalThis.sessionStorage);
  return items;
}

/** What a page asks for that has just been loaded. */
function reload(...args) {
  return open(reader({ remember: "session" }).socket, ...args);
}

test("a tab that remembers resumes after a reload", (t) => {
  control(t);
  storage(t);
  assert.deepEqual(reload(), { resume: "1", positions: [] });
  resumed({ lobby: { recovered: true, missed: 0, position: at(4) } });
  assert.deepEqual(reload(), { resume: "1", positions: [at(4)] });
  say("p", at(1, { stream: PRICES }));
  say("5", at(5));
  assert.deepEqual(reload().positions, [at(5), at(1, { stream: PRICES })]);
  resumed({ lobby: { recovered: false, reason: "gap", position: at(2, { epoch: "e2" }) } }, { refused: 1 });
  assert.deepEqual(reload().positions, [at(2, { epoch: "e2" })]);
});

test("a message is remembered before the page is told of it", (t) => {
  storage(t);
  const { socket } = reader({ remember: "session" });
  socket.onMessageHandler = () => assert.deepEqual(reload().positions, [at(1)]);
  open(socket);
  say("1", at(1));
  assert.equal(FakeWebSocket.opened, 2);
});

test("a tab remembers nothing that it was not asked to", (t) => {
  const items = storage(t);
  const { socket } = reader();
  open(socket);
  say("1", at(1));
  assert.equal(items.size, 0);
});

test("a tab remembers no more than a server reads", (t) => {
  const items = storage(t);
  open(reader({ remember: "session", positions: Array.from({ length: 70 }, (_, index) => at(1, { stream: index.toString(16) })) }).socket);
  const [[key, value]] = items;
  assert.match(key, /^web-connection-websocket /);
  assert.equal(value.split(" ").length, 64);
});

test("applications, users and groups of one tab do not mix", (t) => {
  storage(t);
  reload("lobby", "ann");
  say("1", at(1));
  const application = (url) => {
    const socket = new WebConnectionWebSocket(url, { WebSocket: FakeWebSocket, remember: "session" });
    t.after(() => socket.close());
    return open(socket, "lobby", "ann").positions;
  };
  assert.deepEqual(reload("lobby", "bob").positions, []);
  assert.deepEqual(reload(["lobby", "red"], "ann").positions, []);
  assert.deepEqual(application("ws://other.example/__initializeSocket.wc"), []);
  assert.deepEqual(application("ws://chat.example/other/__initializeSocket.wc"), []);
  assert.deepEqual(application("ws://chat.example/__initializeSocket.wc?token=2"), [at(1)]);
  assert.deepEqual(reload("lobby", "ann").positions, [at(1)]);
});

test("positions of the page's own are remembered instead of the tab's", (t) => {
  storage(t);
  reload();
  say("1", at(1));
  assert.deepEqual(open(reader({ remember: "session", positions: [at(7)] }).socket).positions, [at(7)]);
  assert.deepEqual(reload().positions, [at(7)]);
});

test("a storage that is denied, full or spoilt costs what it would have kept, and no more", (t) => {
  const fail = () => { throw new DOMException("no", "SecurityError"); };
  const works = () => {
    const { socket, read, told } = reader({ remember: "session" });
    assert.deepEqual(open(socket), { resume: "1", positions: [] });
    say("1", at(1));
    assert.deepEqual(read, ["1"]);
    assert.deepEqual(open(socket).positions, [at(1)]);
    assert.ok(!told.some((line) => typeof line === "object"), told);
  };
  works(); // There is none.
  storage(t, { getItem: fail, setItem: fail });
  works();
  storage(t, { setItem: fail });
  works();
  for (const spoilt of ["", " ", "x", "[1]", `${"1.2.".repeat(50_000)}`]) {
    storage(t, { getItem: () => spoilt });
    works();
  }
  Object.defineProperty(globalThis, "sessionStorage", { configurable: true, get: fail });
  works();
});

test("the question why an attempt failed names the same positions", async (t) => {
  const fetch = control(t);
  const { socket } = reader({ positions: [at(4)] });
  socket.tryConnect(true, "lobby", "ann");
  FakeWebSocket.last.end();
  await settled();
  assert.equal(String(fetch.mock.calls[0].arguments[0]), FakeWebSocket.last.url.replace("ws:", "http:"));
});

test("positions that the page gives while it connects do not keep it from hearing of a gap", (t) => {
  control(t);
  const { socket, resumes } = reader();
  socket.onResumeHandler = (resume) => resumes.push(resume);
  socket.positions = Array.from({ length: 70 }, (_, index) => at(1, { stream: (index + 1).toString(16) }));
  assert.equal(open(socket).positions.length, 64);
  // It replaces the streams that did not fit as well.
  socket.positions = [];
  const streams = Array.from({ length: 70 }, (_, index) => [`group ${index}`, { recovered: true, missed: 0, position: at(1, { stream: (index + 1).toString(16) }) }]);
  resumed(Object.fromEntries(streams));
  assert.equal(resumes.length, 1);
  const unsent = Object.values(resumes[0].streams).filter(({ recovered }) => !recovered);
  assert.deepEqual([resumes[0].recovered, unsent.length, unsent[0].reason], [false, 6, "unsent"]);
});
