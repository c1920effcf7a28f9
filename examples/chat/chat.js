// Whatever comes over the socket is set as text. The one exception, the `html` that the application rendered out of
// a message's Markdown, is copied node by node through a list of harmless elements: see `richText`.

import { WebConnectionWebSocket } from "./scripts/webconnection-websocket.js";

const $ = (id) => document.getElementById(id);
const text = $("text"), log = $("messages");
const me = { name: "", group: "" };
const drafts = (() => { try { return window.sessionStorage; } catch { return {}; } })();

const socket = new WebConnectionWebSocket();
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
  const greeting = JSON.stringify({ action: "chatmessage", message: "Hello from a terminal", userId: "curl" });
  $("command").textContent = `curl -d '${greeting}' ${new URL("__broadcastWebSocket.wc", location.href)}`;

  $("welcome").hidden = true;
  $("chat").hidden = false;
  text.value = drafts.chat ?? "";
  fit();
  text.focus();
  connect();
}

function leave() {
  takeBack(unconfirmed);
  socket.close();
  history.replaceState(null, "", location.pathname);
  $("chat").hidden = true;
  $("welcome").hidden = false;
  $("name").focus();
}

function connect() {
  socket.tryConnect(true, me.group, me.name);
}

socket.onStateHandler = ({ state, retryAt, error }) => {
  clearInterval(timer);
  if (state !== "waiting") return show(state, state === "refused" ? `Refused: ${error.detail}` : STATES[state]);
  const tick = () => show(state, STATES[state], `in ${Math.ceil(Math.max(0, retryAt - Date.now()) / 1000)} s`);
  timer = setInterval(tick, 250);
  tick();
};

const STATES = { closed: "Left", connecting: "Connecting", online: "Online", waiting: "Reconnecting" };

function show(state, label, countdown = "") {
  $("state").dataset.state = state;
  // A live region is announced at every write, even of the same words.
  if ($("state-text").textContent !== label) $("state-text").textContent = label;
  $("countdown").textContent = countdown;
  $("retry").hidden = state !== "waiting" && state !== "refused";
}

socket.on("chatmessage", (message) => add(article(message), message.userId === me.name));
socket.on("sent", ({ message }) => confirmed(Number(message)));

socket.onErrorHandler = ({ status, code, detail }) => {
  if (!socket.connected) return; // The state says it, and the close handler took back what was lost.
  if (status) takeBack([unconfirmed.shift()].filter(Boolean));
  notice(`${detail} (${code})`);
};

socket.onCloseHandler = ({ code }) => {
  if (!unconfirmed.length) return;
  const what = code === 1009 ? "The message is larger than this server accepts."
    : "The connection was lost before the message was confirmed.";
  notice(`${what} It is back in the input.`);
  takeBack(unconfirmed);
};

function send() {
  const body = text.value.trimEnd();
  if (!body.trim()) return text.focus();
  if (!socket.connected) return notice("Not connected. Your message stays in the input.");
  const audience = $("audience").value;
  const message = socket.createBroadcastMessage("broadcastchatmessage", body);
  if (audience === "group") message.addRecipient(me.group, audience);
  if (audience === "allButUser") message.addRecipient(me.name, audience);
  socket.send(message);
  unconfirmed.push({ body, echoed: audience !== "allButUser" });
  text.value = "";
  keepDraft();
  fit();
  text.focus();
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
document.addEventListener("visibilitychange", () => { if (!document.hidden) { unread = 0; document.title = "Chat"; } });

const asked = new URLSearchParams(location.search);
$("name").value = asked.get("name") ?? "";
$("group").value = asked.get("group") ?? "";
if ($("name").value.trim()) join();
