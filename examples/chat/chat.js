// Whatever comes over the socket is set as text. The one exception, the `html` that the application rendered out of
// a message's Markdown, is copied node by node through a list of harmless elements: see `richText`.

const $ = (id) => document.getElementById(id);
const text = $("text"), log = $("messages");
const me = { name: "", group: "" };
const drafts = (() => { try { return window.sessionStorage; } catch { return {}; } })();

let socket = null;
let attempts = 0;
let timer = 0;
let unread = 0;
let unconfirmed = []; // What went into the socket and was not answered by "sent" yet, oldest first: { body, echoed }.

function join() {
  me.name = $("name").value.trim();
  me.group = $("group").value.trim();
  if (!me.name) return $("name").focus();
  history.replaceState(null, "", `?${new URLSearchParams(me.group ? me : { name: me.name })}`);

  $("my-name").textContent = me.name;
  $("my-group").textContent = me.group;
  paint($("my-avatar"), me.name);
  const [, forGroup] = $("audience").options;
  forGroup.disabled = !me.group;
  forGroup.textContent = me.group ? `Group ${me.group}` : "My group (none joined)";
  $("audience").value = "all";
  const greeting = JSON.stringify({ action: "chatmessage", message: "Hello from **curl**", userId: "curl" });
  $("command").textContent = `curl -d '${greeting}' ${new URL("__broadcastWebSocket.wc", location.href)}`;

  $("welcome").hidden = true;
  $("chat").hidden = false;
  text.value = drafts.chat ?? "";
  fit();
  text.focus();
  attempts = 0;
  connect();
}

function leave() {
  clearInterval(timer);
  const left = socket;
  socket = null;
  left?.close(1000);
  takeBack(unconfirmed);
  history.replaceState(null, "", location.pathname);
  $("chat").hidden = true;
  $("welcome").hidden = false;
  $("name").focus();
}

function connect() {
  clearInterval(timer);
  show("connecting", "Connecting");
  const url = new URL("__initializeSocket.wc", location.href);
  url.search = new URLSearchParams(me.group ? { userId: me.name, groupId: me.group } : { userId: me.name });
  const address = new URL(url);
  address.protocol = url.protocol === "https:" ? "wss:" : "ws:";

  const mine = socket = new WebSocket(address);
  let opened = 0;
  mine.onopen = () => {
    opened = performance.now();
    show("online", "Online");
  };
  mine.onmessage = ({ data }) => { if (mine === socket) receive(data); };
  mine.onclose = async ({ code, reason }) => {
    if (mine !== socket) return;
    if (unconfirmed.length) {
      const what = code === 1009 ? "The message is larger than this server accepts."
        : "The connection was lost before the message was confirmed.";
      notice(`${what} It is back in the input.`);
      takeBack(unconfirmed);
    }
    // A browser tells every refused attempt as 1006; a GET of the same address is answered with the cause.
    const final = code === 1008 || (code >= 4000 && code < 4500);
    const cause = final ? reason || `closed with code ${code}` : opened ? null : await refusal(url);
    if (mine !== socket) return;
    if (cause) return show("refused", `Refused: ${cause}`);
    // A server that accepts and drops at once must not be hammered: only a connection that held resets the delay.
    if (opened && performance.now() - opened > 5000) attempts = 0;
    reconnectLater();
  };
}

async function refusal(url) {
  try {
    const answer = await fetch(url, { cache: "no-store", signal: AbortSignal.timeout(5000) });
    if (answer.status < 400 || answer.status >= 500) return null;
    const problem = await answer.json().catch(() => null);
    return problem?.detail || problem?.title || `the server answered ${answer.status}`;
  } catch {
    return null;
  }
}

function reconnectLater() {
  const due = Date.now() + Math.random() * Math.min(10_000, 500 * 2 ** attempts++);
  const tick = () => {
    if (Date.now() >= due) connect();
    else show("waiting", "Reconnecting", `in ${Math.ceil((due - Date.now()) / 1000)} s`);
  };
  timer = setInterval(tick, 250);
  tick();
}

function show(state, label, countdown = "") {
  $("state").dataset.state = state;
  // A live region is announced at every write, even of the same words.
  if ($("state-text").textContent !== label) $("state-text").textContent = label;
  $("countdown").textContent = countdown;
  $("retry").hidden = state !== "waiting" && state !== "refused";
}

function send() {
  const body = text.value.trimEnd();
  if (!body.trim()) return text.focus();
  if (socket?.readyState !== WebSocket.OPEN) return notice("Not connected. Your message stays in the input.");
  const audience = $("audience").value;
  socket.send(JSON.stringify({
    action: "broadcastchatmessage", message: body, userId: me.name, groupId: me.group, recipients: recipients(audience),
  }));
  unconfirmed.push({ body, echoed: audience !== "allButUser" });
  text.value = "";
  keepDraft();
  fit();
  text.focus();
}

function recipients(type) {
  if (type === "group") return [{ type, value: me.group }];
  if (type === "allButUser") return [{ type, value: me.name }];
  return [];
}

function takeBack(sent) {
  text.value = unsent(sent.splice(0));
  keepDraft();
  fit();
}

function keepDraft() {
  drafts.chat = unsent(unconfirmed);
}

function unsent(sent) {
  return [...sent.map(({ body }) => body), text.value].filter(Boolean).join("\n\n");
}

function receive(data) {
  let message;
  try { message = JSON.parse(data); } catch { return notice("The server sent something that is no message."); }
  switch (message?.action) {
    case "chatmessage":
      return add(article(message), message.userId === me.name);
    case "sent":
      return confirmed(Number(message.message));
    case "__error":
      takeBack([unconfirmed.shift()].filter(Boolean));
      return notice(`${message.message} (${message.error?.code ?? "error"})`);
  }
}

function confirmed(reached) {
  const sent = unconfirmed.shift();
  keepDraft();
  if (reached === 0) notice("Nobody was there to read it.");
  else if (sent?.echoed === false) notice(`Sent to everybody but you: ${reached} ${reached === 1 ? "socket" : "sockets"}.`);
}

function article({ message, html, userId, recipients: to }) {
  const own = userId === me.name;
  const author = String(userId || "anonymous");
  const node = element("article", `message ${own ? "own" : "other"}`);
  node.dataset.user = String(userId ?? "");
  const avatar = element("span", "avatar");
  avatar.ariaHidden = "true";
  paint(avatar, author);
  const head = element("header", "head");
  const name = element("span", "author", author);
  name.dir = "auto";
  const time = element("time", "time", new Date().toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }));
  time.dateTime = new Date().toISOString();
  head.append(name, ...(own ? [element("span", "tag", "you")] : []), ...groups(to), time);
  const body = element("div", "body");
  body.dir = "auto";
  if (typeof html === "string") body.append(richText(html));
  else body.append(element("p", "plain", String(message ?? "")));
  node.append(avatar, head, body);
  return node;
}

function groups(to) {
  const named = Array.isArray(to) ? to.filter((one) => one?.type === "group" && one.value) : [];
  return named.map((one) => element("span", "tag", `only ${one.value}`));
}

const HARMLESS = "A B BLOCKQUOTE BR CODE DEL EM H1 H2 H3 H4 H5 H6 HR I LI OL P PRE S STRONG UL".split(" ");

// The application sanitises what it renders. This holds for a trusted program, too, that broadcasts HTML of its own.
function richText(html) {
  const copy = (from, to) => {
    for (const node of from.childNodes) {
      if (node.nodeType === Node.TEXT_NODE) to.append(node.data);
      if (node.nodeType !== Node.ELEMENT_NODE) continue;
      if (!HARMLESS.includes(node.tagName)) { copy(node, to); continue; }
      const kept = document.createElement(node.tagName);
      if (node.tagName === "A" && ["http:", "https:", "mailto:"].includes(node.protocol)) {
        Object.assign(kept, { href: node.href, target: "_blank", rel: "noopener noreferrer nofollow" });
      }
      if (node.tagName === "OL") kept.start = node.start;
      copy(node, kept);
      to.append(kept);
    }
    return to;
  };
  return copy(new DOMParser().parseFromString(html, "text/html").body, document.createDocumentFragment());
}

function add(node, own = false) {
  const follows = own || atEnd();
  $("empty")?.remove();
  const head = (one) => one?.querySelector(".head")?.textContent;
  node.classList.toggle("same", head(node) !== undefined && head(node) === head(log.lastElementChild));
  log.append(node);
  for (const wide of node.querySelectorAll("pre")) if (wide.scrollWidth > wide.clientWidth) wide.tabIndex = 0;
  while (log.childElementCount > 500) log.firstElementChild.remove();
  if (follows) log.scrollTop = log.scrollHeight;
  else $("newer").hidden = false;
  if (document.hidden) document.title = `(${++unread}) Chat`;
}

function atEnd() {
  return log.scrollHeight - log.scrollTop - log.clientHeight < 80;
}

function notice(words) {
  add(element("p", "notice", words));
}

function element(tag, className, words = "") {
  const node = document.createElement(tag);
  node.className = className;
  node.textContent = words;
  return node;
}

function paint(avatar, name) {
  const letters = [...name.trim()];
  avatar.textContent = (letters[0] ?? "?").toUpperCase();
  avatar.style.setProperty("--hue", letters.reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % 360, 7));
}

function fit() {
  text.style.height = "auto";
  text.style.height = `${Math.min(text.scrollHeight + 2, innerHeight * 0.3)}px`;
}

$("join-form").addEventListener("submit", (event) => { event.preventDefault(); join(); });
$("composer").addEventListener("submit", (event) => { event.preventDefault(); send(); });
$("leave").addEventListener("click", leave);
$("retry").addEventListener("click", connect);
$("newer").addEventListener("click", () => { log.scrollTop = log.scrollHeight; });
log.addEventListener("scroll", () => { if (atEnd()) $("newer").hidden = true; });
text.addEventListener("input", () => { keepDraft(); fit(); });
text.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  send();
});
addEventListener("online", () => { if ($("state").dataset.state === "waiting") connect(); });
document.addEventListener("visibilitychange", () => { if (!document.hidden) { unread = 0; document.title = "Chat"; } });

const asked = new URLSearchParams(location.search);
$("name").value = asked.get("name") ?? "";
$("group").value = asked.get("group") ?? "";
if ($("name").value.trim()) join();
