import { WebConnectionWebSocket } from "./scripts/webconnection-websocket.js";

const $ = (id) => document.getElementById(id);
const me = new URLSearchParams(location.search).get("name") || `visitor ${Math.floor(Math.random() * 900) + 100}`;
const nodes = new Map(); // What each node said last, and when: { names, sockets, at }.
const GONE = 7_000; // A node says who is there every 2 s.
let own = "";

const socket = new WebConnectionWebSocket();

socket.on("welcome", ({ message }) => {
  own = message;
  state("online", `This page sits on node ${short(own)}`);
  show();
});
socket.on("here", ({ message }) => {
  const { node, names, sockets } = parsed(message);
  if (typeof node !== "string" || !Array.isArray(names)) return;
  nodes.set(node, { names, sockets, at: Date.now() });
  show();
});
socket.on("said", say);
// All nodes know who is in the lobby, also of a node that has just died.
socket.presence("lobby", ({ members, count }) => {
  const names = members.map(({ userId }) => userId).sort((one, other) => one.localeCompare(other));
  $("lobby-title").textContent = `In the lobby: ${count}`;
  $("lobby").replaceChildren(...names.map((name) => element("li", name === me ? "me" : "", name)));
});
socket.onResumeHandler = ({ recovered }) => {
  if (!recovered) notice("Some messages may be missing here. Reload the page to see the last ones.");
};
socket.onCloseHandler = () => state("offline", "No connection to a node; trying again …");

function say({ message, userId }) {
  const { node, text } = parsed(message);
  if (typeof node !== "string" || typeof text !== "string") return;
  const article = element("article", "", strong(userId), " on ", name(node), `: ${text}`);
  article.dataset.node = node;
  paint(article, node);
  add(article);
}

// A program may broadcast anything under any action: what is not of this page's making is ignored.
function parsed(text) {
  try {
    return JSON.parse(text) ?? {};
  } catch {
    return {};
  }
}

function notice(text) {
  add(element("p", "notice", text));
}

function add(line) {
  const log = $("log");
  const isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  $("empty")?.remove();
  log.append(line);
  while (log.children.length > 500) log.firstChild.remove();
  if (isAtEnd) log.scrollTop = log.scrollHeight;
}

// What was said last, on whichever node, comes first; the socket goes on behind it.
async function begin() {
  try {
    const answer = await fetch("recent", { signal: AbortSignal.timeout(5_000) });
    const { messages, position } = await answer.json();
    messages.filter(({ action }) => action === "said").forEach(say);
    socket.positions = [position];
  } catch {
    notice("What was said before cannot be shown.");
  }
  socket.tryConnect(true, "lobby", me);
}

$("me").textContent = me;
$("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = $("text").value.trim();
  if (!text) return;
  // What waits while there is no connection is sent after it is back.
  socket.send(socket.createBroadcastMessage("say", text)).catch(() => { $("text").value = text; });
  $("text").value = "";
});
setInterval(() => { forget(); show(); askNode(); }, 2_000);
askNode();
begin();

function forget() {
  for (const [node, { at }] of nodes) {
    if (Date.now() - at > GONE) nodes.delete(node);
  }
}

function show() {
  const all = [...nodes].sort(([one], [other]) => (other === own) - (one === own) || one.localeCompare(other));
  $("nodes").replaceChildren(...all.map(([node, { names, sockets }]) => {
    const many = sockets === 1 ? "1 socket" : `${sockets} sockets`;
    const item = element("li", "", name(node), node === own ? " – this page's" : "",
      element("p", "names", `${many}${names.length ? ": " : ""}${names.join(", ")}`));
    if (node === own) item.dataset.own = "";
    paint(item, node);
    return item;
  }));
  // The colours of what was said before the nodes were known.
  for (const article of $("log").querySelectorAll("article")) paint(article, article.dataset.node);
}

// Whether this page's node has a link to the others is nothing that they could tell.
async function askNode() {
  const broker = $("broker");
  try {
    const answer = await fetch("cluster");
    const { connected, nodes, gaps } = await answer.json();
    broker.dataset.connected = connected;
    broker.textContent = connected
      ? `${nodes.length} ${nodes.length === 1 ? "node is" : "nodes are"} up, ${gaps} ${gaps === 1 ? "gap" : "gaps"} reported.`
      : "This node has no link to the others: its own pages go on without them.";
  } catch {
    broker.dataset.connected = false;
    broker.textContent = "This page's node does not answer.";
  }
}

function state(state, text) {
  $("state").dataset.state = state;
  $("state").textContent = text;
}

function name(node) {
  const span = element("span", "node", short(node));
  span.title = node;
  return span;
}

function strong(text) {
  return element("strong", "", text);
}

// The part of a node's name that tells a few apart.
function short(node) {
  return node.slice(0, 6);
}

// Neighbours in the list of all nodes, which is the same on every page, are far apart in colour.
function paint(element, node) {
  const hue = [...nodes.keys()].sort().indexOf(node) * 137 + 250;
  element.style.setProperty("--node", `oklch(var(--light) 0.13 ${hue})`);
}

function element(tag, className, ...children) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...children);
  return element;
}
