import { WebConnectionWebSocket } from "./scripts/webconnection-websocket.js";

const $ = (id) => document.getElementById(id);
const kept = sessionStorage;

// A name that no other visitor guesses. It stays with the tab, and so does what there is of the answer.
kept.visitor ??= crypto.randomUUID();
let answer = kept.answer ? JSON.parse(kept.answer) : { question: "", text: "", state: "none" };

const socket = new WebConnectionWebSocket(undefined, { remember: "session" });

// A reload comes before or after a message, never within one: the text and the client's place in it are of one age.
socket.on("begin", ({ message }) => change({ question: message, text: "", state: "writing", note: "" }));
socket.on("piece", ({ message }) => change({ text: answer.text + message }));
socket.on("end", () => { if (answer.state === "writing") change({ state: "whole" }); });

socket.on("refused", ({ message }) => say(message));

socket.onResumeHandler = ({ recovered, missed }) => {
  if (answer.state !== "writing") return;
  if (!recovered) change({ state: "torn", note: "The server no longer has what was written meanwhile. Please ask again." });
  else if (missed) change({ note: `The page came back; ${missed} ${missed === 1 ? "piece" : "pieces"} had been written meanwhile.` });
};

socket.onErrorHandler = ({ detail }) => say(detail);
socket.onStateHandler = ({ state, error }) => {
  $("state").dataset.state = state;
  $("state").textContent = state === "refused" ? `Refused: ${error.detail}` : STATES[state];
  show();
};

const STATES = { closed: "Closed", connecting: "Connecting", online: "Online", waiting: "Reconnecting" };

function change(what) {
  answer = { ...answer, ...what };
  kept.answer = JSON.stringify(answer);
  show();
}

function say(words) {
  change({ note: words, ...(answer.state === "none" && { state: "torn" }) });
}

function show() {
  const isAtEnd = innerHeight + scrollY >= document.documentElement.scrollHeight - 80;
  $("empty").hidden = answer.state !== "none";
  $("answer").hidden = answer.state === "none";
  $("answer").dataset.state = answer.state;
  $("question").textContent = answer.question;
  $("text").textContent = answer.text;
  $("note").textContent = answer.note ?? "";
  $("send").disabled = answer.state === "writing" || !socket.connected;
  $("reload").hidden = answer.state !== "writing";
  if (isAtEnd) scrollTo(0, document.documentElement.scrollHeight);
}

$("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  const question = $("ask").value.trim() || $("ask").placeholder;
  socket.send(socket.createBroadcastMessage("ask", question));
  $("ask").value = "";
});
$("reload").addEventListener("click", () => location.reload());

show();
socket.tryConnect(true, "", kept.visitor);
