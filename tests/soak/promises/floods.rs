use std::time::Duration;

use tokio::{net::TcpStream, sync::oneshot, time::Instant};
use web_connection_socket::SocketMessage;

use crate::{
    Result,
    client::{Client, connect},
    line::Line,
    named,
    server::Server,
    spawn,
    wire::{self, Wire, handshake, masked, masked_text},
};

/// Broken copies of a message, each followed by a whole one that has to come back.
pub(super) async fn mutated_messages() -> Result<Line> {
    const MESSAGES: usize = 50_000;
    const WHOLE: &str = r#"{"action":"echo","message":"{\"a\":[1,2.5e3,null,\"\u00e9\"]}","groupId":"g","userId":"u","recipients":[{"type":"group","value":"g"},{"type":"allButUser","value":"v"}],"extra":{"deep":[[[{"x":true}]]]}}"#;
    const HOSTILE: [&str; 9] = [
        "",
        "[",
        "null",
        "{\"action\":1e400}",
        "{\"x\":\"\\ud800\"}",
        "{\"action\":\"a\",\"ACTION\":\"b\"}",
        "{\"message\":\"\\u0000\"}",
        "{\"recipients\":[{\"type\":\"everyone\"}]}",
        "{\"error\":{}}",
    ];

    let mut server = Server::start().await?;
    let mut wire = open(&server, "mutant").await?;
    let deep = format!("{{\"x\":{}", "[".repeat(10_000));
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let (mut errors, mut others) = (0, 0);
    for number in 0..MESSAGES {
        let text = match number % 50 {
            0 => deep.clone(),
            1 => HOSTILE[random.below(HOSTILE.len())].to_owned(),
            _ => mutated(WHOLE, &mut random),
        };
        let probe = format!(r#"{{"action":"echo","message":"probe {number}"}}"#);
        wire.send(&[masked_text(&text), masked_text(&probe)].concat())
            .await;
        loop {
            let answer = wire.text().await;
            if answer.contains(&format!("\"probe {number}\"")) {
                break;
            }
            if answer.contains("\"__error\"") {
                errors += 1;
            } else {
                others += 1;
            }
        }
    }
    let sockets = server.figures().await?.sockets;
    Ok(Line::new()
        .figure(
            format!("{MESSAGES} mutated: {errors} errors, {others} still messages"),
            errors > MESSAGES / 4,
        )
        .figure(format!("{} socket lost", 1 - sockets), sockets == 1)
        .and(named::tests(&[("it", "messages::")]).await?))
}

pub(super) async fn frames() -> Result<Line> {
    let continuations = flood("1 000 000 empty continuations", |_| {
        let mut bytes = masked(false, wire::TEXT, br#"{"action":"echo","message":"#);
        for _ in 0..1_000_000 {
            bytes.extend(masked(false, wire::CONTINUATION, b""));
        }
        bytes.extend(masked(true, wire::CONTINUATION, br#""whole"}"#));
        bytes
    });
    let fragments = flood("60 000 fragments of a byte", |_| {
        let mut bytes = masked(false, wire::TEXT, br#"{"action":"echo","message":""#);
        for _ in 0..60_000 {
            bytes.extend(masked(false, wire::CONTINUATION, b"x"));
        }
        bytes.extend(masked(true, wire::CONTINUATION, br#" whole"}"#));
        bytes
    });
    let pings = flood("100 000 pings", |_| {
        let mut bytes = Vec::new();
        for _ in 0..100_000 {
            bytes.extend(masked(true, wire::PING, &[b'.'; 125]));
        }
        bytes.extend(masked_text(r#"{"action":"echo","message":"whole"}"#));
        bytes
    });
    let line = Box::pin(continuations).await?;
    let line = line.and(Box::pin(fragments).await?);
    Ok(line.and(Box::pin(pings).await?))
}

/// Sends a flood that ends with a message, reads nothing until all is sent, and measures what that
/// costs the server and a healthy socket.
async fn flood(what: &str, bytes: fn(()) -> Vec<u8>) -> Result<Line> {
    let mut server = Server::start().await?;
    let mut healthy = Client::open(server.address, "userId=healthy").await?;
    let mut wire = open(&server, "flood").await?;
    let before = server.figures().await?;
    let (done, mut is_done) = oneshot::channel();
    let begin = Instant::now();
    let flooding = spawn(async move {
        wire.send(&bytes(())).await;
        let _listening = done.send(());
        loop {
            let frame = wire.frame().await.expect("an open socket");
            if frame.opcode == wire::TEXT {
                return frame.text().contains("whole");
            }
        }
    });
    let mut longest = Duration::ZERO;
    while is_done.try_recv().is_err() {
        let begin = Instant::now();
        healthy.send(&SocketMessage::new("echo")).await?;
        healthy.message().await?;
        longest = longest.max(begin.elapsed());
    }
    let whole = flooding.await?;
    let took = begin.elapsed().as_millis();
    let growth = server.figures().await?.peak - before.memory;
    Ok(Line::new()
        .figure(format!("{what}: {growth} KiB more"), growth <= 4 * 1024)
        .figure(format!("its message came through in {took} ms"), whole)
        .remark(format!(
            "another socket waited {} ms at most",
            longest.as_millis()
        )))
}

async fn open(server: &Server, user: &str) -> Result<Wire<TcpStream>> {
    let mut wire = Wire::over(connect(server.address).await?);
    wire.send(handshake(&format!("/?userId={user}")).as_bytes())
        .await;
    wire.head().await;
    Ok(wire)
}

/// Deletes, doubles or replaces a few characters.
fn mutated(text: &str, random: &mut Random) -> String {
    const SIGNS: &[u8] = br#"{}[]",:\0eu-. x"#;

    let mut bytes = text.as_bytes().to_vec();
    for _ in 0..1 + random.below(3) {
        if bytes.is_empty() {
            break;
        }
        let at = random.below(bytes.len());
        match random.below(4) {
            0 => drop(bytes.remove(at)),
            1 => bytes.insert(at, bytes[at]),
            2 => bytes[at] = SIGNS[random.below(SIGNS.len())],
            _ => bytes.truncate(at + 1),
        }
    }
    String::from_utf8(bytes).expect("ASCII stays ASCII")
}

/// Xorshift: the same numbers in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit as u64).unwrap_or_default()
    }
}
