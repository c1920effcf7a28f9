// What the tests share: a WebSocket that does what the test says, and the libraries that tests/run installed.

import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";

import { WebConnectionWebSocket } from "../../src/script/webconnection-websocket.js";

export const root = fileURLToPath(new URL("../..", import.meta.url));
export const outside = path.resolve(root, process.env.OUTSIDE ?? "target/outside");
export const library = createRequire(path.join(outside, "node_modules/"));

export const URL_OF_SOCKET = "ws://chat.example/__initializeSocket.wc";

export class FakeWebSocket {
  static last = null;
  static opened = 0;
  readyState = 0;
  sent = [];

  constructor(url, protocols) {
    Object.assign(this, { url, protocols });
    FakeWebSocket.last = this;
    FakeWebSocket.opened++;
  }

  send(text) {
    if (this.readyState === 0) throw new Error("not open yet");
    this.sent.push(text);
  }

  close(code, reason) {
    this.readyState = 2;
    this.closedWith = [code, reason];
  }

  open() {
    this.readyState = 1;
    this.onopen({ type: "open" });
  }

  receive(message) {
    this.onmessage({ data: typeof message === "string" ? message : JSON.stringify(message) });
  }

  end(code = 1006, reason = "") {
    this.readyState = 3;
    this.onerror({ type: "error" });
    this.onclose({ type: "close", code, reason });
  }
}

/** A client over fake sockets that keeps what it tells, in its order. */
export function client(options = {}) {
  const socket = new WebConnectionWebSocket(URL_OF_SOCKET, { WebSocket: FakeWebSocket, ...options });
  const told = [];
  socket.onMessageHandler = ({ action }) => told.push(`message ${action}`);
  socket.onOpenHandler = () => told.push("open");
  socket.onCloseHandler = ({ code }) => told.push(`close ${code}`);
  socket.onErrorHandler = ({ status, code, detail }) => told.push({ status, code, detail });
  return { socket, told, changes: changes(socket) };
}

/** Every state that a client enters from now on. */
export function changes(socket) {
  const all = [];
  socket.onStateHandler = (change) => all.push(change);
  return all;
}

/** Lets the test answer the plain GET, and move the clock. */
export function control(t, answer = () => { throw new TypeError("no answer"); }) {
  t.mock.timers.enable({ apis: ["setTimeout", "Date"] });
  t.mock.method(Math, "random", () => 0.5);
  return t.mock.method(globalThis, "fetch", async (url) => answer(url));
}

export function problem(status, body, headers = {}) {
  return new Response(JSON.stringify(body), { status, headers: { "content-type": "application/problem+json", ...headers } });
}

/** Waits until every promise that can go on has done so. */
export async function settled() {
  for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
}
