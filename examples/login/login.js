import { WebConnectionWebSocket } from "/scripts/webconnection-websocket.js";

const find = (selector) => document.querySelector(selector);
const tell = (state) => { find("#state").textContent = state; };

const socket = new WebConnectionWebSocket();
socket.onOpenHandler = () => tell("Connected");
socket.onCloseHandler = () => tell("Connecting");
// After a refusal, or after the server closed with a code of its own, there is no next attempt.
socket.onErrorHandler = (error) => tell(error.detail);
socket.on("private", (message) => {
    const item = document.createElement("li");
    item.textContent = `${message.userId}: ${message.message}`;
    find("#messages").append(item);
});
// The cookie says who this is: no user is named.
socket.tryConnect(true);

find("#send").addEventListener("submit", (event) => {
    event.preventDefault();
    const written = new FormData(event.target);
    const message = socket.createBroadcastMessage("private", written.get("text"));
    message.addRecipient(written.get("to"), "user");
    socket.send(message).then(() => event.target.reset(), (error) => tell(error.message));
});
