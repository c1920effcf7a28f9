/** Who a message goes to; `value` is the name of the group or user, or the id of the connection. */
export interface Recipient {
  type: RecipientType;
  /** Empty for `all`; a `group` with an empty name is everybody, too. */
  value: string;
}

export type RecipientType =
  | "group" | "user" | "allButUser"
  | "all" | "allButGroup" | "connection" | "allButConnection";

/** What a message says, on its way in either direction. */
export interface Message {
  /** What it is about: the key that both ends route by. */
  action: string;
  /** A text; it may be JSON, for `JSON.parse` to read. */
  message: string;
  /** A group of the sender. */
  groupId: string;
  /** The sender. Without an `identify` hook on the server it is what the sender claims to be. */
  userId: string;
  /** Nobody named means everybody. */
  recipients: Recipient[];
  /** Whatever else the sender put in. */
  [key: string]: unknown;
}

/** A message as it arrives. */
export interface SocketMessage<Payload = unknown> extends Message {
  /**
   * Parses `message` as JSON, each time it is called. The type is what you expect of the sender; nothing checks it.
   *
   * It is not among the message's keys, and is not there if the sender put in a key of this name.
   *
   * @throws SyntaxError if `message` is not JSON; an empty one is not.
   */
  json<T = Payload>(): T;
}

/** A message to send, from {@link WebConnectionWebSocket.createBroadcastMessage}. */
export interface BroadcastMessage extends Message {
  /** Adds a recipient and returns the message. Mind the order: the name comes first. */
  addRecipient(value: string, type: RecipientType): this;
}

/** What went wrong. It is an `Error` whose `message` is the `detail`. */
export interface WebConnectionError extends Error {
  /** The HTTP status of a refusal or an error message, or the close code of a connection; 0 where there is none. */
  status: number;
  /**
   * A key to decide by: the server's own (`bad_message`, `refused`, `foreign_origin`, …), or one of these:
   *
   * - `closed`: the connection ended, or there is none
   * - `queue_full`: too much waits for the connection
   * - `not_json`: JSON cannot hold what was to be sent
   * - `timeout`: the attempt took longer than {@link Options.connectTimeout}
   * - `unreachable`: there was no connection to the server
   * - `not_opened`: something answered, and no socket opened; `detail` says whether that was the server
   * - `unknown_subprotocol`: the server speaks none of {@link Options.protocols}
   * - `redirected`: the URL redirects, which no WebSocket follows
   * - `not_supported`: the platform has no WebSocket, or opens none here
   */
  code: string;
  /** One sentence for people. */
  detail: string;
}

/**
 * - `closed`: nothing is tried: before `tryConnect`, after `close`, or at the end of a connection without `retry`
 * - `connecting`: an attempt runs, or it failed and the server is asked why
 * - `online`: messages pass
 * - `waiting`: the connection was lost; the next attempt begins at `retryAt`
 * - `refused`: the server does not want this page, and no further attempt is made before the next `tryConnect`
 */
export type State = "closed" | "connecting" | "online" | "waiting" | "refused";

export interface StateChange {
  state: State;
  /** When the next attempt begins, in milliseconds as `Date.now()` counts them; for `waiting` only. */
  retryAt?: number;
  /** Why, where it is known. */
  error?: WebConnectionError;
}

export interface Options {
  /** A constructor to use instead of the global `WebSocket`, such as that of the package `ws`. */
  WebSocket?: (new (url: string, protocols: string[]) => unknown) | undefined;
  /** Subprotocols to offer; none by default. */
  protocols?: string | string[] | undefined;
  /** How long an attempt may take, in ms (15 000), the question why it failed included. */
  connectTimeout?: number | undefined;
  /**
   * How long nothing may come before the server is asked whether the connection lives, in ms (25 000; 0 never asks).
   * It is asked at once when the network or the page comes back. A server that never answered is not given up.
   */
  heartbeat?: number | undefined;
  /** How long that answer may take before the connection counts as lost, in ms (10 000); 5 s when the page came back. */
  heartbeatTimeout?: number | undefined;
  /** Upper limit of the first delay before another attempt, in ms (1 000). It doubles with every failure. */
  retryDelay?: number | undefined;
  /** Where the limit stops growing, in ms (30 000). */
  maxRetryDelay?: number | undefined;
  /** How many characters may wait for a connection, all messages together (262 144). */
  queueSize?: number | undefined;
}

/**
 * A WebSocket connection that sends and receives messages, and comes back when it was lost.
 *
 * ```js
 * import { WebConnectionWebSocket } from "./scripts/webconnection-websocket.js";
 *
 * const socket = new WebConnectionWebSocket();
 * socket.onMessageHandler = (msg) => console.log(msg.userId, msg.message);
 * socket.tryConnect(true, "chatusers", "ann");
 * socket.send(socket.createBroadcastMessage("broadcastchatmessage", "Hello"));
 * ```
 *
 * With a map of payloads by action, {@link on} knows the actions and what `json()` gives:
 *
 * ```ts
 * const socket = new WebConnectionWebSocket<{ "order.shipped": { id: number } }>();
 * socket.on("order.shipped", (message) => console.log(message.json().id));
 * ```
 */
export class WebConnectionWebSocket<Events extends object = Record<string, unknown>> {
  /**
   * Connects to nothing yet.
   *
   * @param url Relative to the page, or to its `<base href>`; `http` and `https` are read as `ws` and `wss`. By default
   *   `__initializeSocket.wc` in the page's directory. Outside a page, on a server too, it has to be absolute.
   * @throws TypeError if it is no URL, or there is no page that it could be relative to.
   */
  constructor(url?: string | URL, options?: Options);

  /** Called with every message whose action no function of {@link on} takes. */
  onMessageHandler?: ((message: SocketMessage) => void) | undefined;

  /** Called when a connection opened. */
  onOpenHandler?: ((event: Event) => void) | undefined;

  /** Called when a connection ended or was given up, or an attempt came to nothing (code 1006). */
  onCloseHandler?: ((event: CloseEvent) => void) | undefined;

  /**
   * Called with the server's error messages, which go nowhere else; with the reason when the server refuses the page
   * or ends the connection for good; with messages that `send` could not keep. Without it they go to the console.
   */
  onErrorHandler?: ((error: WebConnectionError) => void) | undefined;

  /** Called at every change of {@link state}. */
  onStateHandler?: ((change: StateChange) => void) | undefined;

  /** Whether a message that is sent now goes out at once. */
  readonly connected: boolean;

  readonly state: State;

  /**
   * Opens the connection; one that is there already is replaced.
   *
   * @param retry Whether to try again after a failure or a loss: each time after a random delay below a growing limit,
   *   and not before the server's `Retry-After`, or at once when the network or the page comes back. It ends with an
   *   answer from 400 to 499 (except 408, 425 and 429), with a redirect or an unknown subprotocol, and with the close
   *   codes 1008 and 4000 to 4499. Once the page has been online, only an answer of the application is one of those.
   * @param groupId The group, or groups, to be a member of; none by default.
   * @param userId The user to be; nobody by default. The server may know better and ignore both.
   */
  tryConnect(retry?: boolean, groupId?: string | readonly string[] | null, userId?: string | null): void;

  /**
   * Ends the connection, and all attempts to have one. What still waits to be sent is rejected.
   *
   * An event handler may call it with its event, which is ignored.
   *
   * @param code 1000 (the default), or 3000 to 4999.
   * @param reason At most 123 bytes of UTF-8.
   * @throws RangeError if either is something else; then the connection stays as it is.
   */
  close(code?: number, reason?: string): void;
  close(event: Event): void;

  /**
   * Calls a function for every message with this action, compared exactly. Such messages do not reach
   * `onMessageHandler`. Several functions are called in their order.
   *
   * @returns a function that ends it.
   */
  on<Action extends keyof Events & string>(
    action: Action, fn: (message: SocketMessage<Events[Action]>) => void,
  ): () => void;

  /** As {@link on}, for the next such message only. */
  once<Action extends keyof Events & string>(
    action: Action, fn: (message: SocketMessage<Events[Action]>) => void,
  ): () => void;

  /** Ends what {@link on} or {@link once} began with this function. */
  off<Action extends keyof Events & string>(
    action: Action, fn: (message: SocketMessage<Events[Action]>) => void,
  ): void;

  /**
   * Makes a message from the user and the (first) group that `tryConnect` named.
   *
   * @param message What is no string is sent as JSON.
   */
  createBroadcastMessage(action: string, message?: unknown): BroadcastMessage;

  /**
   * Sends a message, a plain object of the same form, or a string as it is. While the connection is being made or
   * waited for, the message waits in a queue.
   *
   * @returns a promise that is fulfilled when the browser took the message, which does not promise that it arrives:
   *   what was on its way when the connection broke is lost, and is never sent again. It is rejected with a
   *   {@link WebConnectionError} when JSON cannot hold the message, when the queue is full, when nothing is being tried,
   *   and when that ends before the message's turn came. A page need not wait for it.
   */
  send(message: Partial<Message> | string): Promise<void>;
}
