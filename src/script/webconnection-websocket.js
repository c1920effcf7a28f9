// The browser client of web-connection-socket. What each name means is told in webconnection-websocket.d.ts.

const HANDSHAKE = "__initializeSocket.wc";
const STEADY = 5_000; // ms that a connection has to hold before a lost one counts as the first again
const PROBE_TIMEOUT = 10_000; // ms
const NOT_OPENED = "The server would take this connection, but it did not open: does every proxy pass WebSockets on?";
const LONGEST_TIMER = 2 ** 31 - 1; // ms; a longer one would fire at once

export class WebConnectionWebSocket {
  #url;
  #options;
  #actions = new Map();
  #queue = []; // What waits for a connection, oldest first: { text, resolve, reject }.
  #queued = 0; // Characters in the queue.
  #retry = false;
  #groupIds = [];
  #userId = "";
  #state = "closed";
  #socket = null;
  #attempt = 0;
  #failures = 0;
  #timer;
  #wake = () => this.#connect();

  constructor(url = HANDSHAKE, options = {}) {
    this.#url = new URL(url, globalThis.location?.href);
    this.#url.protocol = this.#url.protocol.replace("http", "ws");
    this.#url.hash = "";
    this.#options = { retryDelay: 1_000, maxRetryDelay: 30_000, queueSize: 256 * 1024, protocols: [], ...options };
  }

  get connected() {
    return this.#socket?.readyState === 1;
  }

  get state() {
    return this.#state;
  }

  tryConnect(retry = false, groupId = "", userId = "") {
    const before = this.#socket;
    this.#retry = Boolean(retry);
    this.#groupIds = [groupId].flat().map(name).filter(Boolean);
    this.#userId = name(userId);
    this.#failures = 0;
    this.#connect();
    before?.close(1000);
  }

  close(code = 1000, reason = "") {
    this.#rest();
    this.#stop("closed", failure(0, "closed", "The connection was closed before this message could be sent."));
    this.#socket?.close(code, reason);
  }

  on(action, fn) {
    const functions = this.#actions.get(action) ?? new Set();
    this.#actions.set(action, functions.add(fn));
    return () => functions.delete(fn);
  }

  createBroadcastMessage(action, message) {
    return new BroadcastMessage(action, message, this.#groupIds[0] ?? "", this.#userId);
  }

  send(message) {
    const sent = this.#hand(typeof message === "string" ? message : JSON.stringify(message));
    // Whoever does not wait for the promise hears of a failure from onErrorHandler.
    sent.catch(() => {});
    return sent;
  }

  async #hand(text) {
    if (this.connected) return this.#socket.send(text);
    if (this.#state === "closed" || this.#state === "refused") {
      throw this.#report(failure(0, "closed", "There is no connection, and none is being tried: call tryConnect."));
    }
    if (this.#queued + text.length > this.#options.queueSize) {
      throw this.#report(failure(0, "queue_full", "Too much is waiting for the connection; this message was not kept."));
    }
    this.#queued += text.length;
    await new Promise((resolve, reject) => this.#queue.push({ text, resolve, reject }));
  }

  #connect() {
    this.#rest();
    const attempt = ++this.#attempt;
    const WebSocket = this.#options.WebSocket ?? globalThis.WebSocket;
    const socket = new WebSocket(this.#address().href, this.#options.protocols);
    const isCurrent = () => attempt === this.#attempt && this.#state !== "closed";
    let openedAt = null;
    this.#socket = socket;
    socket.onopen = (event) => {
      if (!isCurrent()) return;
      openedAt = Date.now();
      this.#flush();
      this.#enter("online");
      this.#tell("onOpenHandler", event);
    };
    socket.onmessage = (event) => {
      if (isCurrent()) this.#receive(event.data);
    };
    // Outside browsers an error that nobody listens to is thrown. The close event follows it.
    socket.onerror = () => {};
    socket.onclose = (event) => {
      if (attempt !== this.#attempt) return;
      this.#socket = null;
      this.#tell("onCloseHandler", event);
      if (!isCurrent()) return;
      if (openedAt === null) this.#failed(isCurrent);
      else this.#lost(event, Date.now() - openedAt);
    };
    this.#enter("connecting");
  }

  #lost({ code, reason }, held) {
    const error = failure(code, "closed", reason || `The connection was closed with code ${code}.`);
    if (code === 1008 || (code >= 4000 && code < 4500)) return this.#refuse(error);
    // What a connection took is never sent by another one: these three are a message's own fault.
    if (code === 1003 || code === 1007 || code === 1009) this.#report(error);
    if (!this.#retry) return this.#stop("closed", error);
    if (held >= STEADY) this.#failures = 0;
    this.#wait();
  }

  async #failed(isCurrent) {
    const { error, retryAfter } = await probe(this.#address());
    if (!isCurrent()) return;
    if (isFinal(error?.status)) return this.#refuse(error);
    if (this.#retry) return this.#wait(retryAfter, error);
    this.#stop("closed", this.#report(error ?? failure(0, "unreachable", "There was no connection to the server.")));
  }

  #wait(atLeast = 0, error = undefined) {
    const { retryDelay, maxRetryDelay } = this.#options;
    // Any moment up to a growing limit: thousands of pages that lost one server do not return as one.
    const jitter = Math.random() * Math.min(maxRetryDelay, retryDelay * 2 ** this.#failures++);
    const delay = Math.min(atLeast + jitter, LONGEST_TIMER);
    this.#timer = setTimeout(this.#wake, delay);
    if (!atLeast) globalThis.addEventListener?.("online", this.#wake);
    this.#enter("waiting", { retryAt: Date.now() + delay, error });
  }

  #rest() {
    clearTimeout(this.#timer);
    globalThis.removeEventListener?.("online", this.#wake);
  }

  #refuse(error) {
    this.#stop("refused", error);
    this.#report(error);
  }

  #stop(state, error) {
    this.#queued = 0;
    for (const { reject } of this.#queue.splice(0)) reject(error);
    this.#enter(state, { error });
  }

  #enter(state, more = {}) {
    this.#state = state;
    this.#tell("onStateHandler", { state, ...more });
  }

  #flush() {
    while (this.#queue.length && this.connected) {
      const { text, resolve } = this.#queue.shift();
      this.#queued -= text.length;
      this.#socket.send(text);
      resolve();
    }
  }

  #receive(data) {
    const message = parse(data);
    if (!message) return this.#report(failure(0, "bad_message", "The server sent something that is no message."));
    if (message.action === "__error") {
      const { status = 0, code = "failed" } = message.error ?? {};
      return this.#report(failure(status, code, message.message));
    }
    const functions = this.#actions.get(message.action);
    if (!functions?.size) return this.#tell("onMessageHandler", message);
    for (const fn of [...functions]) guarded(() => fn(message));
  }

  #report(error) {
    if (this.onErrorHandler) this.#tell("onErrorHandler", error);
    else console.warn(error);
    return error;
  }

  #tell(handler, argument) {
    guarded(() => this[handler]?.(argument));
  }

  #address() {
    const url = new URL(this.#url);
    for (const groupId of this.#groupIds) url.searchParams.append("groupId", groupId);
    if (this.#userId) url.searchParams.set("userId", this.#userId);
    return url;
  }
}

class BroadcastMessage {
  constructor(action, message, groupId, userId) {
    this.action = action;
    this.message = typeof (message ?? "") === "string" ? name(message) : JSON.stringify(message);
    this.groupId = groupId;
    this.userId = userId;
    this.recipients = [];
  }

  addRecipient(value, type) {
    this.recipients.push({ type, value: name(value) });
    return this;
  }
}

// Browsers tell every refused attempt as 1006; the same address, plainly asked, answers with the cause.
async function probe(url) {
  url.protocol = url.protocol.replace("ws", "http");
  try {
    // A GET has no Origin where the browser takes it for the page's own site's; the referrer says it instead.
    const options = { cache: "no-store", referrerPolicy: "origin", signal: AbortSignal.timeout(PROBE_TIMEOUT) };
    const answer = await fetch(url, options);
    if (answer.status < 400) return { error: failure(answer.status, "not_opened", NOT_OPENED) };
    const text = await answer.text();
    const { code, detail, title } = parse(text) ?? {};
    const plain = answer.headers.get("content-type")?.startsWith("text/plain") && text.trim();
    const words = detail || title || plain || `The server answered ${answer.status} ${answer.statusText}`.trim();
    const error = failure(answer.status, code ?? "refused", words);
    return { error, retryAfter: milliseconds(answer.headers.get("retry-after")) };
  } catch {
    return {};
  }
}

// 408, 425 and 429 say "not now".
function isFinal(status) {
  return status >= 400 && status < 500 && ![408, 425, 429].includes(status);
}

function milliseconds(retryAfter) {
  const seconds = Number(retryAfter ?? 0);
  const left = Number.isNaN(seconds) ? Date.parse(retryAfter) - Date.now() : seconds * 1_000;
  return Math.max(0, left || 0);
}

function failure(status, code, detail) {
  return Object.assign(new Error(detail), { status, code, detail });
}

function parse(text) {
  try {
    const value = JSON.parse(text);
    return typeof value === "object" ? value : null;
  } catch {
    return null;
  }
}

function name(value) {
  return String(value ?? "");
}

// A page's mistake is told as any uncaught error is, and does not keep us from reconnecting.
function guarded(call) {
  try {
    call();
  } catch (error) {
    queueMicrotask(() => { throw error; });
  }
}
