// How a page ends its connection: the client over a WebSocket that does what the test says.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { FakeWebSocket, client, control } from "./support.mjs";

beforeEach(() => Object.assign(FakeWebSocket, { last: null, opened: 0 }));

test("what the platform would reject changes nothing", (t) => {
  control(t);
  const { socket, told } = client();
  socket.tryConnect(true);
  FakeWebSocket.last.open();
  const long = "é".repeat(62);
  for (const args of [[0], [999], [1001], [1006], [2999], [5000], [-1], [NaN], [Infinity], [3000.5], [4000, long], [1000, long]]) {
    assert.throws(() => socket.close(...args), RangeError, String(args));
    assert.deepEqual([socket.state, socket.connected, FakeWebSocket.last.readyState], ["online", true, 1]);
  }
  socket.send("still here");
  assert.deepEqual([FakeWebSocket.last.sent, told], [["still here"], ["open"]]);
});

test("what is no code is ignored, as an event handler is given an event", (t) => {
  control(t);
  for (const [args, closedWith] of [
    [[], [1000, ""]],
    [[new Event("click")], [1000, ""]],
    [[undefined, "bye"], [1000, "bye"]],
    [["4000", "bye"], [1000, "bye"]],
    [[4000, new Event("click")], [4000, ""]],
    [[4999, "x".repeat(123)], [4999, "x".repeat(123)]],
    [[3000, "é".repeat(61)], [3000, "é".repeat(61)]],
  ]) {
    const { socket } = client();
    socket.tryConnect(true);
    FakeWebSocket.last.open();
    socket.close(...args);
    assert.deepEqual([socket.state, socket.connected, FakeWebSocket.last.closedWith], ["closed", false, closedWith]);
  }
});

test("a plain close is no error", async (t) => {
  control(t);
  const { socket, told, changes } = client();
  socket.tryConnect(true);
  FakeWebSocket.last.open();
  socket.close();
  socket.close();
  FakeWebSocket.last.end(1000);
  assert.deepEqual(changes.map(({ state, error }) => [state, error]), [["connecting", undefined], ["online", undefined], ["closed", undefined]]);
  assert.deepEqual(told, ["open", "close 1000"]);

  socket.tryConnect(true);
  const waiting = socket.send("waits");
  socket.close();
  await assert.rejects(waiting, { code: "closed", detail: "The connection was closed before this message could be sent." });
  assert.equal(changes.at(-1).error, undefined);
});

test("an end that the platform does not tell is told in five seconds", (t) => {
  control(t);
  const { socket, told } = client();
  socket.tryConnect(true);
  FakeWebSocket.last.open();
  socket.close();
  t.mock.timers.tick(4_999);
  assert.deepEqual(told, ["open"]);
  t.mock.timers.tick(1);
  FakeWebSocket.last.end(1000);
  assert.deepEqual(told, ["open", "close 1006"]);
});

test("a socket that opens although it was closed stays closed", (t) => {
  control(t);
  const { socket, told } = client();
  socket.tryConnect(true);
  socket.close();
  FakeWebSocket.last.open();
  assert.deepEqual([socket.state, told], ["closed", []]);
});

test("a handler that connects anew keeps the new connection", (t) => {
  control(t);
  const { socket } = client();
  socket.tryConnect(true);
  FakeWebSocket.last.open();
  const first = FakeWebSocket.last;
  socket.onStateHandler = ({ state }) => {
    if (state !== "closed") return;
    socket.onStateHandler = undefined;
    socket.tryConnect(true);
  };
  socket.close(4000, "bye");
  FakeWebSocket.last.open();
  assert.deepEqual([first.closedWith, FakeWebSocket.last.closedWith, socket.state], [[4000, "bye"], undefined, "online"]);
});
