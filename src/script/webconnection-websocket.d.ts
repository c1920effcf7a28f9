/** Who a message goes to; `value` is the name of the group or user, or the id of the connection. */
export interface Recipient {
  type: RecipientType;
  /** Empty for `all`; a `group` with an empty name is everybody, too. */
  value: string;
}

export type RecipientType =
  | "group" | "user" | "allButUser"
  | "all" | "allButGroup" | "connection" | "allButConnection";

/** A message as it arrives and as it is sent. */
export interface SocketMessage {
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

/** A message to send, from {@link WebConnectionWebSocket.createBroadcastMessage}. */
export interface BroadcastMessage extends SocketMessage {
  /** Adds a recipient and returns the message. Mind the order: the name comes first. */
  addRecipient(value: string, type: RecipientType): this;
}

/** What went wrong. It is an `Error` whose `message` is the `detail`. */
export interface WebConnectionError extends Error {
  /** The HTTP status of a refusal or an error message, or the close code of a connection; 0 where there is none. */
  status: number;
  /**
   * A key to decide by: the server's own (`bad_message`, `refused`, `foreign_origin`, …), `closed`, `queue_full`,
   * `unreachable`, or `not_opened` if the server would have taken the connection that did not open.
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
  WebSocket?: new (url: string, protocols: string[]) => unknown;
  /** Subprotocols to offer; none by default. */
  protocols?: string[];
  /** Upper limit of the first delay before another attempt, in ms (1 000). It doubles with every failure. */
  retryDelay?: number;
  /** Where the limit stops growing, in ms (30 000). */
  maxRetryDelay?: number;
  /** How many characters may wait for a connection, all messages together (262 144). */
  queueSize?: number;
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
 */
export class WebConnectionWebSocket {
  /**
   * Connects to nothing yet.
   *
   * @param url Relative to the page; `http` and `https` are read as `ws` and `wss`. By default
   *   `__initializeSocket.wc` in the page's directory. Outside a page it has to be absolute.
   * @throws TypeError if it is no URL.
   */
  constructor(url?: string | URL, options?: Options);

  /** Called with every message whose action no function of {@link on} takes. */
  onMessageHandler?(message: SocketMessage): void;

  /** Called when a connection opened. */
  onOpenHandler?(event: Event): void;

  /** Called when a connection ended, or an attempt came to nothing (code 1006). */
  onCloseHandler?(event: CloseEvent): void;

  /**
   * Called with the server's error messages, which go nowhere else; with the reason when the server refuses the page
   * or ends the connection for good; with messages that `send` could not keep. Without it they go to the console.
   */
  onErrorHandler?(error: WebConnectionError): void;

  /** Called at every change of {@link state}. */
  onStateHandler?(change: StateChange): void;

  /** Whether a message that is sent now goes out at once. */
  readonly connected: boolean;

  readonly state: State;

  /**
   * Opens the connection; one that is there already is replaced.
   *
   * @param retry Whether to try again after a failure or a loss: each time after a random delay below a growing limit,
   *   and not before the server's `Retry-After`. It ends with an answer from 400 to 499 (except 408, 425 and 429), and
   *   with the close codes 1008 and 4000 to 4499.
   * @param groupId The group, or groups, to be a member of; none by default.
   * @param userId The user to be; nobody by default. The server may know better and ignore both.
   */
  tryConnect(retry?: boolean, groupId?: string | readonly string[] | null, userId?: string | null): void;

  /** Ends the connection, and all attempts to have one. What still waits to be sent is rejected. */
  close(code?: number, reason?: string): void;

  /**
   * Calls a function for every message with this action, compared exactly. Such messages do not reach
   * `onMessageHandler`. Several functions are called in their order.
   *
   * @returns a function that ends it.
   */
  on(action: string, fn: (message: SocketMessage) => void): () => void;

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
   *   {@link WebConnectionError} when the queue is full, when nothing is being tried, and when that ends before the
   *   message's turn came. A page need not wait for it.
   */
  send(message: BroadcastMessage | Partial<SocketMessage> | string): Promise<void>;
}
