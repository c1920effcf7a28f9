// What the tests share: a WebSocket that does what the test says, and the libraries that tests/run installed.

import { createRequire } from "node:module";
import path from "node:path";
import { afterEach } from "node:test";
import { fileURLToPath } from "node:url";

import { WebConnectionWebSocket } from "../../src/script/webconnection-websocket.js";

export const root = fileURLToPath(new URL("../..", import.meta.url));
export const outside = path.resolve(root, process.env.OUTSIDE ?? "target/outside");
export const library = createRequire(path.join(outside, "node_modules/"));

export const URL_OF_SOCKET = "ws://chat.example/__initializeSocket.wc";

/** What the client asks with whether its connection lives. */
const PING = '{"action":"__ping"}';

export class FakeWebSocket {
  static last = null;
  static opened = 0;
  readyState = 0;
  sent = []; // The page's own.
  pings = 0;

  constructor(url, protocols) {
    Object.assign(this, { url, protocols });
    FakeWebSocket.last = this;
    FakeWebSocket.opened++;
  }

  send(text) {
    if (this.readyState === 0) throw new Error("not open yet");
    if (text === PING) this.pings++;
    else this.sent.push(text);
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

  pong() {
    this.receive({ action: "__pong", message: "", groupId: "", userId: "", recipients: [] });
  }

  end(code = 1006, reason = "") {
    this.readyState = 3;
    this.onerror({ type: "error" });
    this.onclose({ type: "close", code, reason });
  }
}

const clients = [];

afterEach(() => {
  for (const socket of clients.splice(0)) socket.close();
  FakeWebSocket.last?.end();
});

/** A client over fake sockets that keeps what it tells, in its order. It is closed after the test. */
export function client(options = {}) {
  const socket = new WebConnectionWebSocket(URL_OF_SOCKET, { WebSocket: FakeWebSocket, ...options });
  clients.push(socket);
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

/** A window and its document, until the test ends. */
export function page(t) {
  const events = (target) => [target.addEventListener.bind(target), target.removeEventListener.bind(target)];
  const window = new EventTarget();
  const document = Object.assign(new EventTarget(), { visibilityState: "visible", baseURI: "http://chat.example/" });
  [globalThis.addEventListener, globalThis.removeEventListener] = events(window);
  globalThis.document = document;
  t.after(() => {
    for (const name of ["addEventListener", "removeEventListener", "document"]) delete globalThis[name];
  });
  const tell = (type, more) => {
    const target = type === "visibilitychange" ? document : window;
    target.dispatchEvent(Object.assign(new Event(type), more));
  };
  return { tell, document };
}

/** Waits until every promise that can go on has done so. */
export async function settled() {
  for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
}
