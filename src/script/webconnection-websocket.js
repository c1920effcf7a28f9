// The browser client of web-connection-socket. Every name is documented in webconnection-websocket.d.ts.

const HANDSHAKE = "__initializeSocket.wc";
const DEFAULTS = {
  protocols: [], retryDelay: 1_000, maxRetryDelay: 30_000, queueSize: 256 * 1024,
  connectTimeout: 15_000, heartbeat: 25_000, heartbeatTimeout: 10_000,
};
const STEADY = 5_000; // ms that a connection has to last before failures are counted from zero again
const PROBE_TIMEOUT = 10_000; // ms
const CHECK_TIMEOUT = 5_000; // ms for an answer after the page or the network came back
const END_TIMEOUT = 5_000; // ms for a socket that has ended to report it
const LATE = 1_000; // ms after which a timer counts as delayed
const LONGEST_TIMER = 2 ** 31 - 1; // ms; a longer one would fire at once
const LONGEST_REASON = 123; // bytes that fit into a close frame
const LONGEST_QUERY = 2_000; // characters that every server and proxy takes; some stop at 2 048
const MOST_SENT = 64; // positions that a server reads
const MOST_STREAMS = 1_000; // positions that are kept
const REMEMBERED = "web-connection-websocket "; // and whose positions a tab remembers there
const PING = "__ping";
const PONG = "__pong";
// Stream, epoch, offset and tag.
const POSITION = /^([0-9a-f]{1,16})\.([0-9a-f]{1,16})\.([0-9a-f]{1,16})\.[0-9a-f]{1,8}$/;
const WOULD_TAKE = "The server would accept this connection, but it did not open: does every proxy forward WebSockets?";
const NO_SOCKETS = "The answer came from a server without WebSockets: does this URL lead to the right server?";
const REDIRECTED = "The server redirects this URL, and WebSockets follow no redirects: does the visitor have to sign in first?";
const NO_PAGE = "There is no page to resolve this URL against. On a server, or in a test, pass an absolute one such as "
  + '"wss://app.example/__initializeSocket.wc", or create the client only in the browser.';

export class WebConnectionWebSocket {
  #url;
  #options;
  #actions = new Map(); // By action: functions, each with whether it is called only once.
  #queue = []; // Messages that wait for a connection, oldest first: { text, resolve, reject }.
  #queued = 0; // Characters in the queue.
  #positions = new Positions();
  #watches = new Map(); // By group: who is in it, and the functions that want to know.
  #retry = false;
  #groupIds = [];
  #userId = "";
  #state = "closed";
  #connection = null;
  #turn = 0; // Work that began in an earlier turn stops.
  #failures = 0;
  #timer;
  #mayHurry = false;
  #wasOnline = false;

  constructor(url = HANDSHAKE, options = {}) {
    this.#url = resolve(url);
    const given = Object.entries(options).filter(([, value]) => value !== undefined);
    this.#options = { ...DEFAULTS, ...Object.fromEntries(given) };
    if (this.#options.positions) this.positions = this.#options.positions;
  }

  get connected() {
    return Boolean(this.#connection?.isOpen);
  }

  get state() {
    return this.#state;
  }

  get positions() {
    return this.#positions.newest;
  }

  set positions(positions) {
    this.#positions.give([positions].flat());
  }

  tryConnect(retry = false, groupId = "", userId = "") {
    this.#retry = Boolean(retry);
    this.#groupIds = [groupId].flat().map(name).filter(Boolean);
    this.#userId = name(userId);
    this.#failures = 0;
    const { origin, pathname } = this.#url;
    const owner = JSON.stringify([origin + pathname, this.#userId, ...this.#groupIds]);
    this.#positions.begin(owner, this.#options.remember === "session");
    this.#connect();
  }

  close(code = 1000, reason = "") {
    // As an event handler it is called with an event.
    if (typeof code !== "number") code = 1000;
    reason = typeof reason === "string" ? reason : "";
    // Arguments that the platform would refuse must change nothing.
    if (code !== 1000 && !(Number.isInteger(code) && code >= 3000 && code <= 4999)) {
      throw new RangeError(`A page may not close with code ${code}: use 1000, or 3000 to 4999.`);
    }
    if (new TextEncoder().encode(reason).length > LONGEST_REASON) {
      throw new RangeError(`The reason for closing is longer than ${LONGEST_REASON} bytes of UTF-8.`);
    }
    this.#connection?.close(code, reason);
    if (this.#state !== "closed") this.#stop("closed");
  }

  on(action, fn) {
    return this.#listen(action, fn, false);
  }

  once(action, fn) {
    return this.#listen(action, fn, true);
  }

  off(action, fn) {
    this.#actions.get(action)?.delete(fn);
  }

  presence(group, fn) {
    group = name(group);
    const watch = this.#watches.get(group) ?? new Watch(group);
    this.#watches.set(group, watch);
    watch.add(fn);
    return () => {
      if (watch.remove(fn) && this.#watches.get(group) === watch) this.#watches.delete(group);
    };
  }

  createBroadcastMessage(action, message) {
    return new BroadcastMessage(action, message, this.#groupIds[0] ?? "", this.#userId);
  }

  send(message) {
    const sent = this.#hand(message);
    // A page that ignores the promise learns of a failure from onErrorHandler.
    sent.catch(() => {});
    return sent;
  }

  async #hand(message) {
    let text;
    try {
      text = encode(message);
    } catch (error) {
      throw this.#report(failure(0, "not_json", error.message));
    }
    if (this.connected) return this.#connection.send(text);
    if (this.#state === "closed" || this.#state === "refused") {
      throw this.#report(failure(0, "closed", "There is no connection and no attempt to open one: call tryConnect."));
    }
    if (this.#queued + text.length > this.#options.queueSize) {
      throw this.#report(failure(0, "queue_full", "The queue of messages that wait for the connection is full; this message was not kept."));
    }
    this.#queued += text.length;
    await new Promise((resolve, reject) => this.#queue.push({ text, resolve, reject }));
  }

  #listen(action, fn, isOnce) {
    const functions = this.#actions.get(action) ?? new Map();
    this.#actions.set(action, functions.set(fn, isOnce));
    return () => this.off(action, fn);
  }

  #connect() {
    clearTimeout(this.#timer);
    this.#connection?.discard();
    this.#connection = null;
    const turn = ++this.#turn;
    const connection = this.#open();
    if (!connection) return;
    this.#connection = connection;
    this.#watch("addEventListener");
    connection.onopen = (event) => {
      if (turn !== this.#turn) return;
      this.#wasOnline = true;
      this.#flush();
      this.#enter("online");
      this.#tell("onOpenHandler", event);
    };
    connection.onmessage = (data) => {
      if (turn === this.#turn) this.#receive(data);
    };
    connection.onend = (event, held) => {
      this.#connection = null;
      this.#tell("onCloseHandler", event);
      if (turn !== this.#turn) return;
      if (held === null) this.#failed(turn, event, connection.timeLeft);
      else this.#lost(event, held);
    };
    this.#enter("connecting");
  }

  #open() {
    const { WebSocket = globalThis.WebSocket, protocols } = this.#options;
    if (!WebSocket) {
      this.#refuse(failure(0, "not_supported", "This platform has no WebSocket: pass one in options.WebSocket."));
      return null;
    }
    try {
      return new Connection(new WebSocket(this.#address().href, protocols), this.#options);
    } catch (error) {
      // For example a socket without TLS on a page with TLS, or a subprotocol that is not a token.
      this.#refuse(failure(0, "not_supported", error.message));
      return null;
    }
  }

  #lost({ code, reason }, held) {
    const error = failure(code, "closed", reason || `The connection was closed with code ${code}.`);
    if (code === 1008 || (code >= 4000 && code < 4500)) return this.#refuse(error);
    // A message that one connection took is never sent again: these three codes are its own fault.
    if (code === 1003 || code === 1007 || code === 1009) this.#report(error);
    if (!this.#retry) return this.#stop("closed", error);
    if (held >= STEADY) this.#failures = 0;
    this.#wait(0, undefined, windowOf(reason));
  }

  async #failed(turn, { reason }, timeLeft) {
    const silent = timeLeft > 0 ? undefined : failure(0, "timeout", reason);
    // A server that did not answer in all that time would not answer now.
    const answer = timeLeft > 0 ? await probe(this.#address(), [this.#options.protocols].flat(), timeLeft) : {};
    if (turn !== this.#turn) return;
    const { error = silent, isFinal, isOfApplication, retryAfter } = answer;
    // While a server restarts, a proxy may answer anything.
    if (isFinal && (isOfApplication || !this.#wasOnline)) return this.#refuse(error);
    if (this.#retry) return this.#wait(retryAfter, error);
    this.#stop("closed", this.#report(error ?? failure(0, "unreachable", "The server could not be reached.")));
  }

  #wait(atLeast = 0, error = undefined, within = 0) {
    const { retryDelay, maxRetryDelay } = this.#options;
    // Any delay up to a growing limit, or within the server's own, so that thousands of pages that lost a server do not
    // return at once.
    const jitter = Math.random() * (within || Math.min(maxRetryDelay, retryDelay * 2 ** this.#failures++));
    const delay = Math.min(atLeast + jitter, LONGEST_TIMER);
    this.#timer = setTimeout(() => this.#connect(), delay);
    this.#mayHurry = !atLeast;
    this.#enter("waiting", { retryAt: Date.now() + delay, error });
  }

  // The network or the page came back, or the visitor has left the page.
  #return = ({ type, persisted }) => {
    if (type === "pagehide") return persisted && this.#leave();
    if (type === "visibilitychange" && document.visibilityState === "hidden") return;
    if (this.#state !== "waiting") this.#connection?.check();
    else if (this.#mayHurry) this.#connect();
  };

  #watch(method) {
    for (const type of ["online", "pageshow", "pagehide"]) globalThis[method]?.(type, this.#return);
    globalThis.document?.[method]("visibilitychange", this.#return);
  }

  // Some browsers keep the socket of a page to which its visitor may come back, who would still be here.
  #leave() {
    if (!this.#retry || this.#state === "waiting") return;
    if (this.connected) return this.#connection.cut("The page was left.");
    this.#turn++;
    this.#connection?.discard();
    this.#connection = null;
    this.#wait();
  }

  #refuse(error) {
    this.#stop("refused", error);
    this.#report(error);
  }

  #stop(state, error = undefined) {
    this.#turn++;
    clearTimeout(this.#timer);
    this.#watch("removeEventListener");
    this.#queued = 0;
    const unsent = this.#queue.splice(0);
    const why = error ?? failure(0, "closed", "The connection was closed before this message could be sent.");
    for (const { reject } of unsent) reject(why);
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
      this.#connection.send(text);
      resolve();
    }
  }

  #receive(data) {
    const message = parse(data);
    if (!message) return this.#report(failure(0, "bad_message", "The server sent text that is not a valid message."));
    if (message.action === PONG) return this.#connection.answered();
    if (message.action === PING) return; // A server that does not know pings sent it back.
    if (message.action === "__error") {
      const { status = 0, code = "failed" } = message.error ?? {};
      return this.#report(failure(status, code, message.message));
    }
    // Not enumerable, so that it does not appear when a page writes or compares a message.
    if (!("json" in message)) Object.defineProperty(message, "json", { value: readMessage });
    if (message.action === "__resumed") return this.#tell("onResumeHandler", this.#positions.resume(message));
    if (message.action === "__presence") return guarded(() => this.#watches.get(message.groupId)?.update(message));
    // What the page has already is not told again.
    if (!this.#positions.take(message.__position)) return;
    const functions = this.#actions.get(message.action);
    if (!functions?.size) return this.#tell("onMessageHandler", message);
    for (const [fn, isOnce] of [...functions]) {
      if (isOnce) functions.delete(fn);
      guarded(() => fn(message));
    }
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
    for (const group of this.#watches.keys()) url.searchParams.append("presence", group);
    if (this.onResumeHandler || this.#positions.areWanted) {
      url.searchParams.set("resume", "1");
      this.#positions.send(url);
    }
    return url;
  }
}

// One socket from its creation to its end. The end is reported once, even if the platform or the network does not.
class Connection {
  #socket;
  #heartbeat;
  #begun = Date.now();
  #connectTimeout;
  #openedAt = null;
  #isOver = false;
  #timer;

  constructor(socket, { connectTimeout, heartbeat, heartbeatTimeout }) {
    this.#socket = socket;
    this.#connectTimeout = connectTimeout;
    const late = `The server did not answer within ${connectTimeout / 1_000} s.`;
    this.#timer = alarm(connectTimeout, (isLate) => {
      // Messages that arrived while the page slept are reported after this.
      if (isLate) this.#timer = setTimeout(() => this.cut(late), LATE);
      else this.cut(late);
    });
    const ask = () => this.send(JSON.stringify({ action: PING }));
    this.#heartbeat = new Heartbeat(heartbeat, heartbeatTimeout, ask, () => this.cut("The server stopped answering."));
    socket.onopen = (event) => {
      if (this.#isOver || this.#openedAt !== null) return;
      clearTimeout(this.#timer);
      this.#openedAt = Date.now();
      if (heartbeat > 0) ask();
      this.onopen(event);
    };
    socket.onmessage = ({ data }) => {
      if (this.#isOver) return;
      this.#heartbeat.heard();
      this.onmessage(data);
    };
    // Outside browsers an error without a listener is thrown, and on some platforms no close event follows.
    socket.onerror = () => {
      if (this.#openedAt === null) this.#end(lost());
      else this.#endSoon();
    };
    socket.onclose = (event) => this.#end(event);
  }

  get isOpen() {
    return !this.#isOver && this.#socket.readyState === 1;
  }

  get timeLeft() {
    return this.#connectTimeout - (Date.now() - this.#begun);
  }

  send(text) {
    this.#socket.send(text);
  }

  close(code, reason) {
    this.#endSoon();
    this.#socket.close(code, reason);
  }

  // Ends it without an event.
  discard() {
    this.onend = () => {};
    if (this.#socket.readyState < 2) this.#socket.close(1000);
    this.#end();
  }

  check() {
    this.#heartbeat.check();
  }

  answered() {
    this.#heartbeat.arm();
  }

  // A network that drops everything would also drop the closing handshake.
  cut(reason) {
    this.#end(lost(reason));
    this.#socket.close();
  }

  #endSoon() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#end(lost()), END_TIMEOUT);
  }

  #end(event) {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#heartbeat.stop();
    this.onend(event, this.#openedAt && Date.now() - this.#openedAt);
  }
}

// Notices a connection that was lost silently: after a quiet time it asks the server, and without an answer it ends.
class Heartbeat {
  #interval;
  #timeout;
  #ask;
  #silent;
  #isArmed = false;
  #heardAt = 0;
  #answerBy = 0; // Deadline of the answer; 0 while none is awaited.
  #timer;

  constructor(interval, timeout, ask, silent) {
    this.#interval = interval;
    this.#timeout = timeout;
    this.#ask = ask;
    this.#silent = silent;
  }

  heard() {
    this.#heardAt = Date.now();
    this.#answerBy = 0;
  }

  // Only a server that has answered once is expected to answer again.
  arm() {
    if (this.#isArmed || !(this.#interval > 0)) return;
    this.#isArmed = true;
    this.#set(this.#interval);
  }

  check() {
    if (this.#isArmed) this.#expect(Math.min(CHECK_TIMEOUT, this.#timeout));
  }

  stop() {
    this.#isArmed = false;
    clearTimeout(this.#timer);
  }

  #expect(within) {
    const now = Date.now();
    // Asking again does not extend the deadline.
    const left = this.#answerBy > now ? Math.min(within, this.#answerBy - now) : within;
    this.#answerBy = now + left;
    this.#set(left);
    this.#ask();
  }

  #set(delay) {
    clearTimeout(this.#timer);
    this.#timer = alarm(delay, (isLate) => this.#ring(isLate));
  }

  #ring(isLate) {
    // Late timers of a hidden page or a sleeping machine prove nothing: the answer may have arrived unread.
    if (this.#answerBy && isLate) return this.#expect(Math.min(CHECK_TIMEOUT, this.#timeout));
    if (this.#answerBy) return this.#silent();
    const quiet = Date.now() - this.#heardAt;
    if (quiet >= 0 && quiet < this.#interval) this.#set(this.#interval - quiet);
    else this.#expect(this.#timeout);
  }
}

// How far the page has come in each stream.
class Positions {
  // By stream, the newest last: where to go on, the position of the last message told, whether the server refused it, and
  // whether it is that of a message before which some are missing, which the page is still to be told.
  #known = new Map();
  #sent = new Set(); // Streams whose positions the connection was opened with.
  #unsent = new Set(); // Streams whose positions did not fit.
  #owner = ""; // Whose positions they are.
  #isRemembered = false;
  #isGiven = false; // The page gave them for its next connection.
  #wereGiven = false;

  get newest() {
    return [...this.#known.values()].filter(({ isRefused }) => !isRefused).map(({ position }) => position).reverse();
  }

  get areWanted() {
    return this.#wereGiven || this.#isRemembered || this.#known.size > 0;
  }

  give(positions) {
    this.#isGiven = this.#wereGiven = true;
    this.#replace(positions);
    this.#store();
  }

  begin(owner, isRemembered) {
    const isAnother = owner !== this.#owner;
    this.#owner = owner;
    this.#isRemembered = isRemembered;
    if (this.#isGiven) this.#store();
    else if (isAnother) this.#replace(this.#remembered());
    this.#isGiven = false;
  }

  // Adds as many as fit, the newest first.
  send(url) {
    const all = this.newest;
    let length = url.search.length;
    const fit = all.slice(0, MOST_SENT).filter((position) => (length += "&position=".length + position.length) <= LONGEST_QUERY);
    for (const position of fit) url.searchParams.append("position", position);
    const streams = (positions) => new Set(positions.map((position) => read(position).stream));
    this.#sent = streams(fit);
    this.#unsent = streams(all.slice(fit.length));
  }

  // Takes over the position of a message, and tells whether the message is a new one.
  take(position) {
    const next = read(position);
    if (!next) return true;
    const known = this.#known.get(next.stream);
    const last = read(known?.told);
    // Epoch 0 stands for messages that have no place in their stream.
    if (next.epoch && next.epoch === last?.epoch && next.offset <= last.offset) return false;
    // What is missing before this message is still to be told.
    this.#set(position, position, known?.isRefused || known?.isLost);
    this.#store();
    return true;
  }

  // Takes over what the server says of each stream, and returns what the page wants to know.
  resume({ streams, refused = 0 }) {
    const named = new Set();
    const told = Object.entries({ ...streams }).map(([name, about]) => [name, this.#resumeStream({ ...about }, named)]);
    // The server knows these streams no more, or the page is not in them any more, or not yet.
    const isRefused = (stream) => refused > 0 && this.#sent.has(stream) && !named.has(stream);
    for (const [stream, known] of this.#known) if (isRefused(stream)) known.isRefused = true;
    this.#sent.clear();
    this.#unsent.clear();
    this.#store();
    return {
      recovered: refused === 0 && told.every(([, { recovered }]) => recovered),
      missed: told.reduce((sum, [, { missed }]) => sum + missed, 0),
      refused,
      streams: Object.fromEntries(told),
    };
  }

  #resumeStream(about, named) {
    const { recovered = false, missed = 0, position } = about;
    const { stream } = read(position) ?? {};
    if (!stream) return { ...about, recovered, missed };
    named.add(stream);
    const known = this.#known.get(stream);
    const reason = this.#unsent.has(stream) ? "unsent" : (known?.isRefused || known?.isLost) && "refused";
    // Once a message has come, an equal position proves nothing.
    const isLost = recovered && reason && (known?.isLost || known?.position !== position);
    // The messages that were missed follow, each with its own position.
    if (!recovered || !missed) this.#set(position, known?.told);
    else if (known) this.#set(known.position, known.told); // A loss is told once.
    return isLost ? { ...about, recovered: false, missed, reason } : { ...about, recovered, missed };
  }

  #replace(positions) {
    this.#known.clear();
    for (const position of positions) if (read(position)) this.#set(position, position);
  }

  #set(position, told, isLost = false) {
    const { stream } = read(position);
    this.#known.delete(stream);
    this.#known.set(stream, { position, told, isLost });
    if (this.#known.size > MOST_STREAMS) this.#known.delete(this.#known.keys().next().value);
  }

  // A page may be denied its storage, or it may be full: then a reload resumes nothing, and all else goes on.
  #remembered() {
    if (!this.#isRemembered) return [];
    try {
      return sessionStorage.getItem(REMEMBERED + this.#owner)?.split(" ").reverse() ?? [];
    } catch {
      return [];
    }
  }

  #store() {
    if (!this.#isRemembered) return;
    try {
      sessionStorage.setItem(REMEMBERED + this.#owner, this.newest.slice(0, MOST_SENT).join(" "));
    } catch {
      // As above.
    }
  }
}

// Who is in a group.
class Watch {
  #group;
  #functions = new Set();
  #members = new Map(); // By user.
  #count = null; // Until the server has told it.

  constructor(group) {
    this.#group = group;
  }

  add(fn) {
    this.#functions.add(fn);
    if (this.#count === null) return;
    const joined = [...this.#members.values()];
    queueMicrotask(() => { if (this.#functions.has(fn)) guarded(() => fn(this.#change(joined, []))); });
  }

  // Tells whether no function is left.
  remove(fn) {
    this.#functions.delete(fn);
    return !this.#functions.size;
  }

  update({ joined = [], left, count, reset = false }) {
    const before = new Map(this.#members);
    // A group that is too large for a list has a count alone.
    const isListed = left !== undefined;
    if (reset || !isListed) this.#members.clear();
    for (const { userId } of left ?? []) this.#members.delete(userId);
    for (const member of joined) this.#members.set(member.userId, member);
    this.#count = count ?? this.#members.size;
    // The whole list comes again after each reconnect, and most of it is no news.
    const text = JSON.stringify;
    const news = joined.filter((member) => text(member) !== text(before.get(member.userId)));
    const gone = isListed ? [...before.values()].filter(({ userId }) => !this.#members.has(userId)) : [];
    const change = this.#change(news, gone);
    for (const fn of [...this.#functions]) guarded(() => fn(change));
  }

  #change(joined, left) {
    return { group: this.#group, joined, left, count: this.#count, members: [...this.#members.values()] };
  }
}

class BroadcastMessage {
  constructor(action, message, groupId, userId) {
    this.action = action;
    this.message = payload(message);
    this.groupId = groupId;
    this.userId = userId;
    this.recipients = [];
  }

  addRecipient(value, type) {
    this.recipients.push({ type, value: name(value) });
    return this;
  }
}

// Browsers report every refused attempt as 1006; a plain GET of the same URL is answered with the reason.
async function probe(url, protocols, timeLeft) {
  url.protocol = url.protocol.replace("ws", "http");
  const signal = AbortSignal.timeout(Math.min(PROBE_TIMEOUT, timeLeft));
  // A GET to the page's own site has no Origin; the referrer names the page instead.
  const options = { cache: "no-store", redirect: "manual", referrerPolicy: "origin", signal };
  const ask = async (credentials) => {
    const answer = await fetch(url, { ...options, credentials });
    return answer.status >= 400 ? refusal(answer) : otherwise(answer, protocols);
  };
  try {
    return await ask("include");
  } catch {
    if (!globalThis.location || url.origin === location.origin) return {};
  }
  try {
    // A server that accepts any page lets no page read answers with cookies. Without cookies the answer may differ.
    return { ...await ask("omit"), isFinal: false };
  } catch {
    return {};
  }
}

async function refusal(answer) {
  const { status, statusText, headers } = answer;
  const text = await answer.text();
  const { code, detail, title } = parse(text) ?? {};
  const plain = headers.get("content-type")?.startsWith("text/plain") && text.trim();
  const words = detail || title || plain || `The server answered ${status} ${statusText}`.trim();
  const isProblem = headers.get("content-type")?.startsWith("application/problem+json") && typeof code === "string";
  // Refusals in the application's own form carry this header.
  const kind = headers.get("websocket-refusal");
  return {
    error: failure(status, kind ?? code ?? "refused", words),
    // 408, 425 and 429 say "not now".
    isFinal: status < 500 && ![408, 425, 429].includes(status),
    isOfApplication: isProblem || kind !== null,
    retryAfter: milliseconds(headers.get("retry-after")),
  };
}

function otherwise({ status, type, headers }, protocols) {
  if (type === "opaqueredirect" || status >= 300) {
    return { error: failure(status, "redirected", REDIRECTED), isFinal: true };
  }
  const known = headers.get("websocket-protocols")?.split(",").map((protocol) => protocol.trim()).filter(Boolean);
  if (known && protocols.length && !protocols.some((protocol) => known.includes(protocol))) {
    const detail = `The server speaks none of the subprotocols ${protocols.join(", ")}, but ${known.join(", ") || "none at all"}. `
      + "Config::subprotocols names those that it speaks.";
    return { error: failure(status, "unknown_subprotocol", detail), isFinal: true };
  }
  return { error: failure(status, "not_opened", status === 204 ? WOULD_TAKE : NO_SOCKETS) };
}

function resolve(url) {
  let resolved;
  try {
    resolved = new URL(url, globalThis.document?.baseURI ?? globalThis.location?.href);
  } catch {
    throw new TypeError(`"${url}" is not an absolute URL. ${NO_PAGE}`);
  }
  resolved.protocol = resolved.protocol.replace("http", "ws");
  resolved.hash = "";
  if (!/^wss?:$/.test(resolved.protocol)) throw new TypeError(`"${resolved}" is neither a ws: nor an http: URL. ${NO_PAGE}`);
  return resolved;
}

function milliseconds(retryAfter) {
  const seconds = Number(retryAfter ?? 0);
  const left = Number.isNaN(seconds) ? Date.parse(retryAfter) - Date.now() : seconds * 1_000;
  return Math.max(0, left || 0);
}

// How long a server that closes many connections wants their return to take, as the reason for closing names it.
function windowOf(reason) {
  const [, seconds = 0] = /\bretry within (\d{1,5})s\b/.exec(reason) ?? [];
  return seconds * 1_000;
}

function failure(status, code, detail) {
  return Object.assign(new Error(detail), { status, code, detail });
}

// The close event that a platform did not send.
function lost(reason = "") {
  const about = { code: 1006, reason, wasClean: false };
  return globalThis.CloseEvent ? new CloseEvent("close", about) : { type: "close", ...about };
}

// Calls back after a delay and tells whether it was late, as timers of hidden pages and sleeping machines are.
function alarm(delay, ring) {
  const due = Date.now() + delay;
  return setTimeout(() => ring(Date.now() - due > LATE), Math.min(delay, LONGEST_TIMER));
}

function encode(message) {
  if (typeof message === "string") return message.replace(/\p{Surrogate}/gu, "\ufffd");
  if (typeof message === "object" && message && !Array.isArray(message)) return stringify(message);
  throw new TypeError("A message must be an object or a string.");
}

function payload(message) {
  if (typeof (message ?? "") === "string") return name(message);
  try {
    return stringify(message);
  } catch {
    return message; // Unchanged, for `send` to refuse.
  }
}

// JSON without loss, except that halves of surrogate pairs are replaced as toWellFormed does.
function stringify(value) {
  const text = JSON.stringify(value, (key, part) => {
    if (isLost(part)) throw new TypeError(`JSON cannot hold ${key ? `the value of "${key}"` : "this value"}.`);
    return part;
  });
  // JSON.stringify escapes each half. After an escaped backslash the same letters are text.
  return text.replace(/\\\\|\\ud[89a-f][0-9a-f]{2}/g, (part) => (part === "\\\\" ? part : "\ufffd"));
}

function isLost(value) {
  if (typeof value !== "object" || !value) return ["bigint", "function", "symbol"].includes(typeof value);
  // A Map, a Blob or an Error would become {}.
  const prototype = Object.getPrototypeOf(value);
  const isPlain = !prototype || !Object.getPrototypeOf(prototype) || Array.isArray(value);
  return !isPlain && Object.keys(value).length === 0;
}

function read(position) {
  if (typeof position !== "string") return undefined;
  const [, stream, epoch, offset] = POSITION.exec(position) ?? [];
  return stream && { stream, epoch: BigInt(`0x${epoch}`), offset: BigInt(`0x${offset}`) };
}

function readMessage() {
  return JSON.parse(this.message);
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

// An error of the page is reported like any uncaught error and does not prevent reconnecting.
function guarded(call) {
  try {
    call();
  } catch (error) {
    queueMicrotask(() => { throw error; });
  }
}
