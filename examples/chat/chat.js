import { WebConnectionWebSocket } from "./scripts/webconnection-websocket.js";
import { article, delivery, element, outgoing, paint } from "./message.js";
import { show as showPeople } from "./people.js";

// The action of the application, in both directions.
const CHAT = "broadcastchatmessage";
// The group of all pages that show who is here.
const PEOPLE = "chat/people";

const $ = (id) => document.getElementById(id);
const text = $("text"), log = $("messages"), pending = $("pending");
const me = { name: "", group: "" };
const drafts = (() => { try { return window.sessionStorage; } catch { return {}; } })();

const socket = new WebConnectionWebSocket();
let timer = 0;
let unread = 0;
let receipts = 0;
let visit = 0; // Counts the visits of this tab.
let isHere = false; // The page knows who is here.
let lastOwn = null;
let isFollowed = true; // The end of the log is in view, and stays so when the log's height changes.
const unconfirmed = []; // What went into the socket and has no receipt yet, oldest first: { receipt, body, echoed, shown }.

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
  $("command").replaceChildren(...words(command()));

  $("welcome").hidden = true;
  $("chat").hidden = false;
  text.value = drafts.chat ?? "";
  fit();
  text.focus();
  begin(++visit);
}

// What was said last is shown first, and the socket goes on behind it: nothing falls in between, nothing comes twice.
async function begin(ours) {
  for (const old of log.querySelectorAll(":scope > :not(#empty, #pending)")) old.remove();
  let recent = { messages: [], positions: [] };
  try {
    const query = new URLSearchParams({ group: me.group });
    const answer = await fetch(`recent?${query}`, { signal: AbortSignal.timeout(5_000) });
    if (answer.ok) recent = await answer.json();
  } catch {
    // The socket tells what is wrong with the server.
  }
  if (ours !== visit) return;
  for (const message of recent.messages) if (isForMe(message)) add(article(message, message.userId === me.name));
  socket.positions = recent.positions;
  connect();
}

function isForMe({ action, recipients }) {
  return action === CHAT && !recipients.some(({ type, value }) => type === "allButUser" && value === me.name);
}

function leave() {
  takeBack(unconfirmed);
  visit++;
  socket.close();
  isHere = false;
  history.replaceState(null, "", location.pathname);
  $("chat").hidden = true;
  $("welcome").hidden = false;
  $("name").focus();
}

function connect() {
  socket.tryConnect(true, [me.group, PEOPLE], me.name);
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

socket.on(CHAT, (message) => {
  const own = message.userId === me.name;
  // What this page sent comes back before its receipt, and takes the place of what was typed. Should it be from
  // another tab of the same visitor, this page's own is right behind it.
  if (own) unconfirmed.find(({ echoed, shown }) => echoed && shown.isConnected)?.shown.remove();
  const node = article(message, own);
  if (own) lastOwn = node;
  add(node, { own });
});

socket.on("sent", (message) => {
  const at = unconfirmed.findIndex(({ receipt }) => receipt === message.receipt);
  if (at < 0) return unknown(message);
  const [{ echoed, shown }] = unconfirmed.splice(at, 1);
  shown.remove();
  keepDraft();
  const reached = Number(message.message);
  if (reached === 0) notice("No one was there to read it.");
  else if (!echoed) notice(`Sent to everyone but you: ${reached} ${reached === 1 ? "socket" : "sockets"}.`);
  else {
    log.querySelector(".message .delivery")?.remove();
    lastOwn?.append(delivery("sent", "Sent"));
    if (atEnd()) log.scrollTop = log.scrollHeight;
  }
});

socket.presence(PEOPLE, (change) => {
  showPeople($("names"), $("people-count"), change, me.name);
  // Those who were here before are no news.
  if (isHere) {
    for (const { userId } of change.left) quietly(userId, "left");
    for (const { userId } of change.joined) quietly(userId, "joined");
  }
  isHere = true;
});

socket.onResumeHandler = ({ recovered }) => {
  if (!recovered) notice("Some messages may be missing here. Reload the page to see the last ones.");
};

socket.onMessageHandler = unknown;

function unknown({ action, message, userId }) {
  const what = action ? `“${action}”` : "a message without an action";
  notice(`${userId || "A program"} sent ${what}${message ? `: ${message}` : ""}`.slice(0, 300));
}

socket.onErrorHandler = ({ status, code, detail }) => {
  if (!socket.connected) return; // The state says it, and the close handler took back what was lost.
  if (status) takeBack(unconfirmed.slice(0, 1));
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
  const message = socket.createBroadcastMessage(CHAT, body);
  message.groupId = me.group;
  message.receipt = String(++receipts);
  if (audience === "group") message.addRecipient(me.group, audience);
  if (audience === "allButUser") message.addRecipient(me.name, audience);
  socket.send(message);
  const shown = outgoing(body);
  unconfirmed.push({ receipt: message.receipt, body, echoed: audience !== "allButUser", shown });
  $("empty")?.remove();
  pending.append(shown);
  log.scrollTop = log.scrollHeight;
  text.value = "";
  keepDraft();
  fit();
  text.focus();
}

function takeBack(sent) {
  const lost = unconfirmed.splice(0, sent.length);
  for (const { shown } of lost) shown.remove();
  text.value = unsent(lost);
  keepDraft();
  fit();
}

function keepDraft() {
  drafts.chat = unsent(unconfirmed);
}

function unsent(sent) {
  return [...sent.map(({ body }) => body), text.value].filter(Boolean).join("\n\n");
}

// Before what is on its way, which is the newest of all.
function add(node, { own = false, quiet = false } = {}) {
  const follows = own || atEnd();
  if (!quiet) $("empty")?.remove();
  const head = (one) => one?.querySelector(".head")?.textContent;
  node.classList.toggle("same", head(node) !== undefined && head(node) === head(pending.previousElementSibling));
  pending.before(node);
  for (const wide of node.querySelectorAll("pre")) if (wide.scrollWidth > wide.clientWidth) wide.tabIndex = 0;
  while (log.childElementCount > 500) log.firstElementChild.remove();
  if (follows) log.scrollTop = log.scrollHeight;
  else if (!quiet) $("newer").hidden = false;
  if (document.hidden && !quiet) document.title = `(${++unread}) Chat`;
}

function atEnd() {
  return log.scrollHeight - log.scrollTop - log.clientHeight < 80;
}

function notice(words) {
  add(element("p", "notice", words));
}

function quietly(name, what) {
  if (name === me.name) return;
  const last = pending.previousElementSibling;
  // After a restart of the server all come again, which is no news.
  if (what === "joined" && last?.dataset.left === name) return last.remove();
  const node = element("p", "quietly", `${name} ${what}`);
  if (what === "left") node.dataset.left = name;
  add(node, { quiet: true });
}

function command() {
  const greeting = { action: CHAT, message: "Hello from a terminal", userId: "curl" };
  const json = JSON.stringify(greeting, null, 1).replaceAll("\n", " ").replaceAll("  ", " ");
  return `curl -d '${json}' ${new URL("__broadcastWebSocket.wc", location.href)}`;
}

// Lines break between words alone; a URL is two, its last name being one.
function words(line) {
  const word = (one) => element("span", "word", one);
  return line.split(" ").flatMap((one, index) => {
    const slash = one.startsWith("http") ? one.lastIndexOf("/") + 1 : 0;
    const parts = slash ? [word(one.slice(0, slash)), element("wbr", ""), word(one.slice(slash))] : [word(one)];
    return index ? [" ", ...parts] : parts;
  });
}

async function copy() {
  const copied = navigator.clipboard?.writeText($("command").textContent).then(() => true, () => false);
  const done = await copied;
  if (!done) getSelection().selectAllChildren($("command"));
  $("copied").textContent = done ? "Copied" : "Selected, to be copied";
}

function fit() {
  text.style.height = "auto";
  text.style.height = `${Math.min(text.scrollHeight + 2, innerHeight * 0.3)}px`;
}

// Beside the room there is space for what is folded up above it, where opening one closes the other.
const desk = matchMedia("(min-width: 64rem)");
const unfold = () => {
  for (const fold of document.querySelectorAll(".fold")) {
    fold.name = desk.matches ? "" : "fold";
    fold.open = desk.matches;
  }
};
desk.addEventListener("change", unfold);
unfold();

$("join-form").addEventListener("submit", (event) => { event.preventDefault(); join(); });
$("composer").addEventListener("submit", (event) => { event.preventDefault(); send(); });
$("leave").addEventListener("click", leave);
$("retry").addEventListener("click", connect);
$("copy").addEventListener("click", copy);
$("newer").addEventListener("click", () => { log.scrollTop = log.scrollHeight; });
log.addEventListener("scroll", () => { isFollowed = atEnd(); if (isFollowed) $("newer").hidden = true; });
new ResizeObserver(() => { if (isFollowed) log.scrollTop = log.scrollHeight; }).observe(log);
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
