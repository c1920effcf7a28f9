/** A recipient of a message; `value` is the name of the group or user, or the id of the connection. */
export interface Recipient {
  type: RecipientType;
  /** Empty for `all`; a `group` with an empty name selects all sockets, too. */
  value: string;
}

export type RecipientType =
  | "group" | "user" | "allButUser"
  | "all" | "allButGroup" | "connection" | "allButConnection";

/** A message in either direction. */
export interface Message {
  /** The subject, by which both ends choose a handler. */
  action: string;
  /** A text; it may be JSON, for `JSON.parse` to read. */
  message: string;
  /** A group of the sender. */
  groupId: string;
  /** The sender. Without an `identify` hook on the server it is what the sender claims to be. */
  userId: string;
  /** The recipients; an empty list selects all sockets. */
  recipients: Recipient[];
  /** Additional keys of the sender. */
  [key: string]: unknown;
}

/** A message as it arrives. */
export interface SocketMessage<Payload = unknown> extends Message {
  /**
   * The place of the message in its stream (a group, a user, or all sockets), if the server keeps a history of it. The
   * client remembers it, and drops a message that it has told already.
   */
  __position?: string;
  /**
   * Parses `message` as JSON, each time it is called. The type is what you expect of the sender; it is not checked.
   *
   * It is not enumerable, and missing if the sender added a key of this name.
   *
   * @throws SyntaxError if `message` is not JSON, for example empty.
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
   * A key for decisions: one of the server (`bad_message`, `refused`, `foreign_origin`, …), or one of these:
   *
   * - `closed`: the connection ended, or there is none
   * - `queue_full`: the queue of messages that wait for the connection is full
   * - `not_json`: the message cannot be written as JSON
   * - `timeout`: the attempt took longer than {@link Options.connectTimeout}
   * - `unreachable`: the server could not be reached
   * - `not_opened`: the URL answered, but no socket opened; `detail` says whether the server answered
   * - `unknown_subprotocol`: the server speaks none of {@link Options.protocols}
   * - `redirected`: the URL redirects, and WebSockets follow no redirects
   * - `not_supported`: the platform has no WebSocket, or does not allow this one
   */
  code: string;
  /** One sentence for people. */
  detail: string;
}

/**
 * - `closed`: no connection and no attempt: before `tryConnect`, after `close`, or after a connection without `retry`
 * - `connecting`: an attempt is running, or it failed and the client asks the server why
 * - `online`: the connection is open
 * - `waiting`: the connection was lost; the next attempt begins at `retryAt`
 * - `refused`: the server refused this page; no further attempt is made before the next `tryConnect`
 */
export type State = "closed" | "connecting" | "online" | "waiting" | "refused";

export interface StateChange {
  state: State;
  /** When the next attempt begins, in milliseconds as `Date.now()` counts them; for `waiting` only. */
  retryAt?: number;
  /** Why, where it is known. */
  error?: WebConnectionError;
}

/** What became of the messages that were sent while there was no connection. */
export interface Resume {
  /** Whether nothing is missing: what was sent meanwhile follows. If not, load the state of the page anew. */
  recovered: boolean;
  /** How many messages follow that were sent meanwhile. */
  missed: number;
  /** How many positions belong to no stream of this visitor, any more or yet; the client names them no more. */
  refused: number;
  /** The streams by name of their group; the visitor's own is `__user`, that of all sockets `__all`. */
  streams: Record<string, StreamResume>;
}

export interface StreamResume {
  recovered: boolean;
  missed: number;
  /** Where the stream is now. */
  position?: string;
  /**
   * Why it was not recovered:
   *
   * - `expired`: more was missed than the server keeps or sends again
   * - `elsewhere`: this server has another history, because it was restarted or is another node
   * - `gap`: the server itself missed messages, also while the connection was open
   * - `timeout`, `unavailable`: the server's store did not answer
   * - `unknown`: the history holds no such position
   * - `unsent`: the client has too many streams to name them all
   * - `refused`: the connection had opened without the group, which the server added later
   */
  reason?: string;
}

/** A user in a group that the page watches. */
export interface Member {
  userId: string;
  /** What the application says of the member. */
  info?: unknown;
}

export interface PresenceChange {
  group: string;
  /** Who came, or has another `info`, since the last call; everyone at first. */
  joined: Member[];
  /**
   * Who left since the last call. A user who returns within the rule's `leave_after` (10 s by default), as
   * after a reload, has never left.
   */
  left: Member[];
  /** How many users are in the group. */
  count: number;
  /** All of them; empty while they are more than the server lists. */
  members: Member[];
}

export interface Options {
  /** A constructor to use instead of the global `WebSocket`, such as that of the package `ws`. */
  WebSocket?: (new (url: string, protocols: string[]) => unknown) | undefined;
  /** Subprotocols to offer; none by default. */
  protocols?: string | string[] | undefined;
  /** How long an attempt may take, in ms (15 000), including the request that asks why it failed. */
  connectTimeout?: number | undefined;
  /**
   * How long nothing may arrive before the client asks the server for a sign of life, in ms (25 000; 0 never asks).
   * It asks at once when the network or the page comes back. A server that never answered is not given up.
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
  /**
   * `"session"` keeps the positions in `sessionStorage`, so that a reload of the page resumes where it was: for pages
   * that keep what they received there, too. They are those of the URL without its query, the user and the groups;
   * pages of one tab that have all these in common need positions of their own. A storage that is denied or full costs
   * that alone.
   */
  remember?: "session" | undefined;
  /** Where to begin instead of at the next message: for pages that loaded their state first, with its position. */
  positions?: string | readonly (string | null | undefined)[] | undefined;
}

/**
 * A WebSocket connection that sends and receives messages and reconnects after a loss.
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
 * With a map of payloads by action, {@link on} knows the actions and what `json()` returns:
 *
 * ```ts
 * const socket = new WebConnectionWebSocket<{ "order.shipped": { id: number } }>();
 * socket.on("order.shipped", (message) => console.log(message.json().id));
 * ```
 */
export class WebConnectionWebSocket<Events extends object = Record<string, unknown>> {
  /**
   * Creates a client that is not connected yet.
   *
   * @param url Relative to the page, or to its `<base href>`; `http` and `https` are read as `ws` and `wss`. By default
   *   `__initializeSocket.wc` in the page's directory. Outside a page, on a server too, it has to be absolute.
   * @throws TypeError if it is not a valid URL, or relative without a page.
   */
  constructor(url?: string | URL, options?: Options);

  /** Called with every message whose action has no function of {@link on}. */
  onMessageHandler?: ((message: SocketMessage) => void) | undefined;

  /** Called when a connection opened. */
  onOpenHandler?: ((event: Event) => void) | undefined;

  /** Called when a connection ended or was given up, or when an attempt failed (code 1006). */
  onCloseHandler?: ((event: CloseEvent) => void) | undefined;

  /**
   * Called with the server's error messages, which reach no other handler; with the reason when the server refuses the
   * page or ends the connection for good; and when `send` could not keep a message. Without it they go to the console.
   */
  onErrorHandler?: ((error: WebConnectionError) => void) | undefined;

  /**
   * Called whenever a connection has opened, before the messages that were missed; when the server adds the page to a
   * group later, from whose `position` on it gets all; and when the server itself missed some later on. A page that sets it before `tryConnect` is told from its first connection on.
   */
  onResumeHandler?: ((resume: Resume) => void) | undefined;

  /** Called at every change of {@link state}. */
  onStateHandler?: ((change: StateChange) => void) | undefined;

  /** Whether the connection is open, so that a message is sent at once. */
  readonly connected: boolean;

  readonly state: State;

  /**
   * How far the page has come in each stream with a history, the newest first. The client names them when it reconnects:
   * as many as fit into a query of 2 000 characters, and 64 at most.
   *
   * Positions that a page sets replace all that the client has, the remembered ones too: messages up to them are not
   * told, and the next connection begins behind them. What is no position is left out.
   */
  get positions(): string[];
  set positions(positions: string | readonly (string | null | undefined)[]);

  /**
   * Opens the connection, and replaces an open one.
   *
   * @param retry Whether to try again after a failure or a loss: each time after a random delay below a growing limit,
   *   and not before the server's `Retry-After`, or at once when the network or the page comes back. After a close whose
   *   reason says `retry within 20s`, the first attempt comes at a random moment of these 20 seconds. It ends with an
   *   answer from 400 to 499 (except 408, 425 and 429), with a redirect or an unknown subprotocol, and with the close
   *   codes 1008 and 4000 to 4499. Once the page has been online, only an answer of the application is one of those.
   * @param groupId The group, or groups, to be a member of; none by default.
   * @param userId The user to claim; none by default. A server that identifies its visitors ignores both. Another user
   *   or other groups than before begin without {@link positions}, unless the page has set them since.
   */
  tryConnect(retry?: boolean, groupId?: string | readonly string[] | null, userId?: string | null): void;

  /**
   * Ends the connection and all attempts to open one. Messages that still wait are rejected.
   *
   * An event handler may call it with its event, which is ignored.
   *
   * @param code 1000 (the default), or 3000 to 4999.
   * @param reason At most 123 bytes of UTF-8.
   * @throws RangeError if either is out of range; the connection stays open then.
   */
  close(code?: number, reason?: string): void;
  close(event: Event): void;

  /**
   * Calls a function for every message with this action, compared exactly. Such messages do not reach
   * `onMessageHandler`. Several functions are called in their order.
   *
   * @returns a function that removes it.
   */
  on<Action extends keyof Events & string>(
    action: Action, fn: (message: SocketMessage<Events[Action]>) => void,
  ): () => void;

  /** Like {@link on}, for the next such message only. */
  once<Action extends keyof Events & string>(
    action: Action, fn: (message: SocketMessage<Events[Action]>) => void,
  ): () => void;

  /** Removes a function that was added by {@link on} or {@link once}. */
  off<Action extends keyof Events & string>(
    action: Action, fn: (message: SocketMessage<Events[Action]>) => void,
  ): void;

  /**
   * Calls a function with who is in a group, and at every change. The server has to have a presence rule for the group
   * and to let this visitor watch it.
   *
   * Call it before `tryConnect`: a connection that is open already watches what it was opened with, and further groups
   * follow with the next one.
   *
   * @returns a function that removes it.
   */
  presence(group: string, fn: (change: PresenceChange) => void): () => void;

  /**
   * Makes a message from the user and the (first) group that `tryConnect` named.
   *
   * @param message A string, or a value to be sent as JSON.
   */
  createBroadcastMessage(action: string, message?: unknown): BroadcastMessage;

  /**
   * Sends a message, a plain object of the same form, or a string as it is. While the connection is opening or about
   * to be tried again, the message waits in a queue.
   *
   * @returns a promise that is fulfilled when the browser took the message. That is no promise of delivery: a message
   *   on its way when the connection broke is lost, and is never sent again. It is rejected with a
   *   {@link WebConnectionError} if the message cannot be written as JSON, if the queue is full, if no attempt is being
   *   made, or if the attempts end before the message was sent. A page need not await it.
   */
  send(message: Partial<Message> | string): Promise<void>;
}
