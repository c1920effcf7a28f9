// Uses every name of the client; it is type-checked and never run.

import { WebConnectionWebSocket } from "web-connection-websocket";
import { WebConnectionWebSocket as Same } from "web-connection-websocket/web-connection-websocket.js";
import type {
  BroadcastMessage, Member, Message, Options, PresenceChange, Recipient, RecipientType, Resume, SocketMessage, State, StateChange,
  StreamResume, WebConnectionError,
} from "web-connection-websocket/webconnection-websocket.js";

class Recorder {
  constructor(readonly url: string, readonly protocols: string[]) {}
}

const options: Options = {
  WebSocket, protocols: ["chat"], retryDelay: 500, maxRetryDelay: 10_000, queueSize: 1_024,
  connectTimeout: 5_000, heartbeat: 10_000, heartbeatTimeout: 3_000, remember: "session", positions: ["1.2.3.4"],
};
const socket: WebConnectionWebSocket = new WebConnectionWebSocket();
const others: Same[] = [new Same("/live"), new Same(new URL("wss://app.example/"), options), new Same("/x", { WebSocket: Recorder, protocols: undefined, heartbeat: undefined })];

socket.onMessageHandler = (msg) => {
  const text: string = msg.action + msg.message + msg.groupId + msg.userId;
  const names: string[] = msg.recipients.map(({ type, value }: Recipient) => type + value);
  const extra: unknown = msg.anything;
  show(text, names, extra);
};
socket.onOpenHandler = (ev) => show(ev.type);
socket.onCloseHandler = (ev) => show(ev.code, ev.reason, ev.wasClean);
socket.onErrorHandler = ({ status, code, detail, message }: WebConnectionError) => show(status + 1, code + detail + message);
socket.onStateHandler = ({ state, retryAt, error }: StateChange) => show(state, retryAt ?? 0, error?.detail ?? "");
socket.onResumeHandler = ({ recovered, missed, refused, streams }: Resume) => {
  const lost = Object.entries(streams).filter(([, stream]: [string, StreamResume]) => !stream.recovered);
  show(recovered ? missed : refused, lost.map(([name, { reason = "", position = "" }]) => name + reason + position));
};
socket.onMessageHandler = undefined;
socket.onResumeHandler = undefined;
socket.onOpenHandler = undefined;
socket.onCloseHandler = undefined;
socket.onErrorHandler = undefined;
socket.onStateHandler = undefined;

socket.tryConnect();
socket.tryConnect(true);
socket.tryConnect(true, "red", "ann");
socket.tryConnect(true, ["red", "blue"] as const, null);

const stop: () => void = socket.presence("red", ({ group, joined, left, count, members }: PresenceChange) => {
  const names = members.map(({ userId, info }: Member) => userId + JSON.stringify(info));
  show(group, joined.length - left.length, count - 1, names);
});
stop();
const known: string[] = socket.positions;
socket.positions = known;
socket.positions = known[0] ?? [];
socket.positions = [undefined, null, "1.2.3.4"];
socket.on("placed", ({ __position }) => show(__position?.length));

const off: () => void = socket.on("order.shipped", (msg: SocketMessage) => show(JSON.parse(msg.message)));
off();
const read = (msg: SocketMessage) => show(msg.json<{ id: number }>().id + 1);
const end: () => void = socket.once("order.shipped", read);
socket.off("order.shipped", read);
end();

interface Events {
  "order.shipped": { id: number };
  "chat": string[];
}
const typed = new WebConnectionWebSocket<Events>("/live", options);
typed.on("order.shipped", (msg) => show(msg.json().id + 1, msg.userId));
typed.once("chat", (msg) => show(msg.json().map((line) => line.trim())));
typed.off("chat", () => {});
typed.onMessageHandler = (msg) => {
  const payload: unknown = msg.json();
  show(payload);
};
// @ts-expect-error: no such action
typed.on("order.shiped", () => {});
// @ts-expect-error: the payload has no such property
typed.on("order.shipped", (msg) => show(msg.json().name));

const msg: BroadcastMessage = socket.createBroadcastMessage("broadcastchatmessage", { n: 1 });
msg.userId = "ann";
msg.groupId = "red";
const types: RecipientType[] = ["group", "user", "allButUser", "all", "allButGroup", "connection", "allButConnection"];
for (const type of types) msg.addRecipient("x", type).addRecipient("y", type);
msg.colour = "green";
const sent: Promise<void> = socket.send(msg);
sent.catch((error: WebConnectionError) => show(error.code));
socket.send({ action: "a" });
socket.send("text");
socket.onMessageHandler = (received) => socket.send(received);
const message: Message = msg;
show(message);

const state: State = socket.state;
const isConnected: boolean = socket.connected;
show(state === "waiting", isConnected, others);
socket.close();
socket.close(4000, "enough");
// @ts-expect-error: no code
socket.close("4000");
addEventListener("pagehide", (event) => socket.close(event));

// @ts-expect-error: no such type of recipient
msg.addRecipient("red", "groups");
// @ts-expect-error: the state is the client's
socket.state = "online";
// @ts-expect-error: a message has an action
socket.createBroadcastMessage();

class Chat extends WebConnectionWebSocket {
  override onMessageHandler = (message: SocketMessage) => show(message.action);
}
new Chat().tryConnect();

function show(..._: unknown[]) {}
