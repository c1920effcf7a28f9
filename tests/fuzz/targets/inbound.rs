//! A socket from its first byte to its end: whatever a client sends, in whatever pieces, and however
//! it takes what comes, the server answers as RFC 6455 demands, uses bounded memory, and ends.

#![no_main]

use std::{convert::Infallible, sync::Arc, time::Duration};

use arbitrary::{Arbitrary, Unstructured};
use http::{HeaderMap, Request, Response, request::Parts};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use tokio::time::Instant;
use tower::{Layer, util::BoxCloneSyncService};
use web_connection_socket::{
    Config, Hub, RawMessage, Recipient, RequestBody, Socket, SocketMessage, WebConnectionSocket,
    WebConnectionSocketLayer,
};
use web_connection_socket_fuzz::{
    http::Body,
    peer::{Peer, Script, Then},
    runtime,
    wire::{self, CLOSE, Conversation, End, PONG, Sent, TEXT},
};

fuzz_target!(|data: &[u8]| {
    let [flags, length, rest @ ..] = data else {
        return;
    };
    let (way, rest) = rest.split_at(usize::from(*length).min(rest.len()));
    let way = Way::arbitrary(&mut Unstructured::new(way)).expect("any bytes make a way");
    let bytes = if flags & 1 == 0 {
        rest.to_vec()
    } else {
        let frames = Vec::<Piece>::arbitrary_take_rest(Unstructured::new(rest));
        let frames = frames.expect("any bytes make frames");
        frames.iter().flat_map(Piece::bytes).collect()
    };
    let kind = KINDS[usize::from(flags >> 1 & 3)];
    let then = if flags & 8 == 0 {
        Then::Leaves
    } else {
        Then::Stays
    };
    let room = if flags & 16 == 0 {
        usize::MAX
    } else {
        usize::from(way.room)
    };

    SERVERS.with(|servers| {
        let server = &servers[kind as usize];
        let mut output = Vec::with_capacity(2 * bytes.len() + 4_096);
        let script = Script {
            bytes: &bytes,
            splits: way.splits,
            takes: way.takes,
            then,
            room,
        };
        let mut lasted = Duration::ZERO;
        let memory = allocation_counter::measure(|| {
            lasted = run(server, way.path, script, &mut output);
        });
        assert!(server.hub.is_empty());
        let stats = server.hub.stats();
        assert_eq!((stats.bytes_queued, stats.dispatches_running), (0, 0));
        let asked = wire::conversation(&bytes, MAX_MESSAGE, kind == Kind::Raw);
        let longest = IDLE
            + HANDLED * (2 + asked.messages.len() as u32)
            + if kind == Kind::Slow {
                PER_FRAME * bytes.len() as u32
            } else {
                Duration::ZERO
            };
        assert!(lasted <= longest, "{lasted:?} of {longest:?}");
        let bound = MEMORY + 16 * bytes.len() as u64;
        assert!(
            memory.bytes_max < bound,
            "{} bytes of {bound}",
            memory.bytes_max
        );
        answered(&asked, &output, kind, then, room);
    });
});

/// What a server does with messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// It broadcasts them.
    Relay,
    /// It broadcasts so many per second.
    Slow,
    /// It dispatches them to an application.
    Application,
    /// It sends them back as they are.
    Raw,
}

const KINDS: [Kind; 4] = [Kind::Relay, Kind::Slow, Kind::Application, Kind::Raw];

/// Runs one socket to its end and tells how long that took.
fn run(server: &Server, path: &str, script: Script<'_>, output: &mut Vec<u8>) -> Duration {
    runtime::run(async {
        let start = Instant::now();
        let stream = Peer::new(script, output);
        let socket = server.service.accept::<Body, _, _>(parts(path), stream);
        // Only the number of groups that the path names can be wrong.
        let _refused = socket.await.is_err();
        start.elapsed()
    })
}

fn parts(path: &str) -> Parts {
    let uri = format!("/?{path}").parse().unwrap_or_default();
    let (mut parts, ()) = Request::new(()).into_parts();
    parts.uri = uri;
    parts.headers = HeaderMap::new();
    parts
}

/// Checks what the server sent against what the client asked.
fn answered(asked: &Conversation, output: &[u8], kind: Kind, then: Then, room: usize) {
    let (frames, cut_off) = wire::sent(output);
    let is_complete = room == usize::MAX;
    assert!(
        cut_off.is_empty() || !is_complete,
        "a frame is cut off: {cut_off:02x?}"
    );

    let closes = frames.iter().filter(|frame| frame.opcode == CLOSE).count();
    let last = frames.last();
    assert!(closes <= 1 && (closes == 0 || last.is_some_and(|last| last.opcode == CLOSE)));
    assert!(
        closes == 0 || cut_off.is_empty(),
        "something follows the close frame"
    );
    if let Some(close) = last.filter(|last| last.opcode == CLOSE) {
        closed(asked, wire::sent_code(close.payload), kind);
    } else {
        let is_owed = is_complete && asked.end != End::Cut && !asked.is_unsure;
        assert!(!is_owed, "no close frame answers {:?}", asked.end);
    }
    let pongs: Vec<_> = frames.iter().filter(|frame| frame.opcode == PONG).collect();
    let mut pings = asked.pings.iter();
    for pong in &pongs {
        let of = |ping: &Vec<u8>| ping == pong.payload;
        assert!(pings.any(of), "no ping asked for {pong:02x?}");
    }
    let messages = frames.iter().filter(|frame| frame.opcode < CLOSE);
    let messages: Vec<_> = messages.collect();
    let is_whole = is_complete && asked.end == End::Cut;
    match kind {
        Kind::Relay | Kind::Slow => relayed(asked, &texts(&messages), is_whole),
        Kind::Application => drop(texts(&messages)),
        Kind::Raw => {
            let back = messages.iter().map(|one| (one.opcode, one.payload));
            let asked = asked.messages.iter();
            let asked = asked.map(|one| (one.opcode, one.payload.as_slice()));
            assert!(
                asked
                    .clone()
                    .zip(back.clone())
                    .all(|(one, other)| one == other)
            );
            assert!(back.len() <= asked.len(), "no message said this");
            assert!(
                !is_whole || back.len() == asked.len(),
                "a message did not come back"
            );
        }
    }
    if is_whole && then == Then::Leaves && kind != Kind::Application {
        let newest = pongs.last().map(|pong| pong.payload);
        assert_eq!(
            newest,
            asked.pings.last().map(Vec::as_slice),
            "a ping is unanswered"
        );
    }
}

/// A close frame answers the client's, or says what it did wrong.
fn closed(asked: &Conversation, code: Option<u16>, kind: Kind) {
    match (&asked.end, code) {
        // The application closes sockets, too.
        (_, Some(4410 | 4001)) if kind == Kind::Application => {}
        (_, Some(1008)) => {}
        (End::Closed(asked), sent) => assert_eq!(*asked, sent),
        (End::Broken(codes), Some(code)) => assert!(codes.contains(&code), "{code} of {codes:?}"),
        (end, code) => panic!("{code:?} answers {end:?}"),
    }
}

/// Each message comes back as the library writes it, each that is none as an error, in their order.
fn relayed(asked: &Conversation, texts: &[String], is_whole: bool) {
    let mut texts = texts.iter();
    for message in &asked.messages {
        let expected = match SocketMessage::from_slice(&message.payload) {
            Ok(message) if is_for_all(&message) => String::from_utf8(message.encode()).ok(),
            Ok(message) if may_be_for_me(&message) => {
                let own = message.encode();
                if texts
                    .as_slice()
                    .first()
                    .is_some_and(|text| text.as_bytes() == own)
                {
                    texts.next();
                }
                continue;
            }
            Ok(_) => continue,
            Err(_) => None,
        };
        let Some(text) = texts.next() else {
            assert!(
                !is_whole,
                "{} messages, and one is missing",
                asked.messages.len()
            );
            return;
        };
        match expected {
            Some(expected) => assert_eq!(*text, expected),
            None => assert_eq!(error_code(text).as_deref(), Some("bad_message"), "{text}"),
        }
    }
    assert_eq!(texts.as_slice(), [""; 0], "no message said this");
}

fn is_for_all(message: &SocketMessage) -> bool {
    let mut recipients = message.recipients.iter();
    recipients.all(|one| *one == Recipient::all() || *one == Recipient::group(""))
}

fn may_be_for_me(message: &SocketMessage) -> bool {
    !message.recipients.contains(&Recipient::all_but_group(""))
}

fn texts(frames: &[&Sent<'_>]) -> Vec<String> {
    let text = |frame: &&Sent<'_>| {
        assert_eq!(frame.opcode, TEXT);
        let text = String::from_utf8(frame.payload.to_vec()).expect("the server sends UTF-8");
        let is_message = SocketMessage::from_slice(frame.payload).is_ok();
        assert!(is_message || error_code(&text).is_some(), "{text}");
        text
    };
    frames.iter().map(text).collect()
}

fn error_code(text: &str) -> Option<String> {
    let frame: Value = serde_json::from_str(text).ok()?;
    let is_error = frame["action"] == "__error" && frame["error"]["status"].is_u64();
    is_error.then(|| frame["error"]["code"].as_str().map(str::to_owned))?
}

type Inner = BoxCloneSyncService<Request<RequestBody<Body>>, Response<Body>, Infallible>;

struct Server {
    service: WebConnectionSocket<Inner>,
    hub: Arc<Hub>,
}

impl Server {
    fn new(layer: &WebConnectionSocketLayer) -> Self {
        let inner = BoxCloneSyncService::new(tower::service_fn(application));
        Self {
            service: layer.layer(inner),
            hub: layer.hub(),
        }
    }
}

/// An application that does what each message tells it to.
async fn application(request: Request<RequestBody<Body>>) -> Result<Response<Body>, Infallible> {
    let socket = Socket::from_extensions(request.extensions());
    let socket = socket.expect("every request is a dispatched one");
    let message = socket.message();
    let mut response = Response::new(Body::default());
    let headers = response.headers_mut();
    match message.action.as_str() {
        "json" => {
            headers.insert(
                "content-type",
                http::HeaderValue::from_static("application/json"),
            );
            *response.body_mut() = Body::from(message.message.clone());
        }
        "status" => {
            let status = message.message.parse().ok();
            *response.status_mut() = status.unwrap_or(http::StatusCode::IM_A_TEAPOT);
        }
        "header" => {
            for (line, name) in message.message.split(',').zip(ORDERS.iter().cycle()) {
                if let Ok(value) = line.parse() {
                    headers.append(*name, value);
                }
            }
        }
        "wait" => {
            let seconds = message.message.parse::<u8>().unwrap_or(60);
            tokio::time::sleep(Duration::from_secs(u64::from(seconds))).await;
        }
        "close" => _ = socket.close(web_connection_socket::CloseReason::new(4001, "")),
        "join" => _ = socket.join(message.message.as_str()),
        "leave" => _ = socket.leave(&message.message),
        _ => _ = socket.reply(message),
    }
    Ok(response)
}

const ORDERS: [&str; 3] = ["websocket-join", "websocket-leave", "websocket-close"];

thread_local! {
    static SERVERS: [Server; 4] = KINDS.map(|kind| {
        let config = Config::new().max_message_size(MAX_MESSAGE);
        let layer = |config| WebConnectionSocketLayer::new(config);
        Server::new(&match kind {
            Kind::Relay => layer(config).relay(),
            Kind::Slow => layer(config.message_rate(1, 3)).relay(),
            Kind::Application => layer(config.lifecycle_events(true)),
            Kind::Raw => layer(config).on_raw(|socket: Socket, message: RawMessage| async move {
                socket.send_raw(&message)
            }),
        })
    });
}

/// Small enough for short inputs to exceed it.
const MAX_MESSAGE: usize = 300;

/// A silent peer is pinged after 25 s, given up 10 s later, and closing takes at most 5 s.
const IDLE: Duration = Duration::from_secs(25 + 10 + 5);

/// What the application has for each message, and for the events at both ends.
const HANDLED: Duration = Duration::from_secs(30);

/// What a frame takes where frames are limited.
const PER_FRAME: Duration = Duration::from_secs(1);

/// What a socket may take beside what its client sent.
const MEMORY: u64 = 64 * 1_024;

/// How a client behaves.
#[derive(Arbitrary, Debug)]
struct Way<'a> {
    path: &'a str,
    splits: &'a [u8],
    takes: &'a [u8],
    room: u8,
}

/// A frame as a client may send it, or something else.
#[derive(Arbitrary, Debug)]
enum Piece<'a> {
    Message(Words),
    Fragment(bool, bool, &'a [u8]),
    Ping(&'a [u8]),
    Close(u16, &'a str),
    Frame {
        first: First,
        mask: [u8; 4],
        form: u8,
        payload: &'a [u8],
    },
    Unmasked(First, &'a [u8]),
    Declared(First, u64),
    Raw(&'a [u8]),
}

/// The first byte of a frame; more often than not one that it may have.
#[derive(Arbitrary, Debug)]
enum First {
    Known(u8),
    Any(u8),
}

impl First {
    fn byte(&self) -> u8 {
        const KNOWN: [u8; 8] = [0x81, 0x82, 0x01, 0x02, 0x00, 0x80, 0x88, 0x89];
        match self {
            Self::Known(index) => KNOWN[usize::from(*index) % KNOWN.len()],
            Self::Any(byte) => *byte,
        }
    }
}

#[derive(Arbitrary, Debug)]
struct Words {
    action: u8,
    text: u8,
    more: u8,
}

impl Piece<'_> {
    fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Message(words) => frame(0x80 | TEXT, words.json().as_bytes()),
            Self::Fragment(begins, ends, payload) => {
                let opcode = if *begins { TEXT } else { 0 };
                frame(opcode | if *ends { 0x80 } else { 0 }, payload)
            }
            Self::Ping(payload) => frame(0x89, payload),
            Self::Close(code, reason) => {
                frame(0x88, &[&code.to_be_bytes(), reason.as_bytes()].concat())
            }
            Self::Frame {
                first,
                mask,
                form,
                payload,
            } => {
                let mut out = header(first.byte(), payload.len() as u64, true, *form);
                out.extend(mask);
                let mask = mask.iter().cycle();
                out.extend(payload.iter().zip(mask).map(|(byte, mask)| byte ^ mask));
                out
            }
            Self::Unmasked(first, payload) => {
                let mut out = header(first.byte(), payload.len() as u64, false, 0);
                out.extend(*payload);
                out
            }
            Self::Declared(first, length) => header(first.byte(), *length, true, 0),
            Self::Raw(bytes) => bytes.to_vec(),
        }
    }
}

impl Words {
    fn json(&self) -> String {
        const ACTIONS: [&str; 9] = [
            "json", "status", "header", "wait", "close", "join", "leave", "reply", "__error",
        ];
        const TEXTS: [&str; 16] = [
            "",
            "[]",
            "{}",
            r#"{"action":"a"}"#,
            r#"[{"action":"a"},{"action":""}]"#,
            "410",
            "500",
            "302",
            "a,b,4001 x",
            "a%0d%0a,%,999 x",
            "1",
            "200",
            "chat",
            "é",
            "\0",
            "204",
        ];
        const MORE: [&str; 6] = [
            "",
            r#","recipients":[{"type":"all"}]"#,
            r#","recipients":[{"type":"group","value":"chat"}]"#,
            r#","recipients":[{"type":"allButGroup"}]"#,
            r#","userId":"ann","groupId":"chat","x":[1,2]"#,
            r#","error":1"#,
        ];
        let pick = |from: &[&'static str], index: u8| from[usize::from(index) % from.len()];
        let text = Value::from(pick(&TEXTS, self.text));
        let action = pick(&ACTIONS, self.action);
        format!(
            r#"{{"action":"{action}","message":{text}{}}}"#,
            pick(&MORE, self.more)
        )
    }
}

/// A masked frame whose mask is nothing.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = header(first, payload.len() as u64, true, 0);
    out.extend([0; 4]);
    out.extend(payload);
    out
}

/// A header in the shortest form, or in one that may be too long.
fn header(first: u8, length: u64, is_masked: bool, form: u8) -> Vec<u8> {
    let mask = if is_masked { 0x80 } else { 0 };
    let mut out = vec![first];
    match (length, form % 4) {
        (0..126, 0 | 1) => out.push(mask | length as u8),
        (0..=0xFFFF, 0..=2) => {
            out.push(mask | 126);
            out.extend((length as u16).to_be_bytes());
        }
        _ => {
            out.push(mask | 127);
            out.extend(length.to_be_bytes());
        }
    }
    out
}
