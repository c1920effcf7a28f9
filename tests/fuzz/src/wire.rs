//! RFC 6455 as a reader of both directions: what a client's bytes mean, and whether a server's are
//! well-formed. It knows nothing of the library.

pub const TEXT: u8 = 1;
pub const BINARY: u8 = 2;
pub const CLOSE: u8 = 8;
pub const PING: u8 = 9;
pub const PONG: u8 = 10;

/// What a client's bytes ask of the server.
#[derive(Debug, Default)]
pub struct Conversation {
    /// Whole messages, in their order.
    pub messages: Vec<Message>,
    /// Payloads of pings, in their order.
    pub pings: Vec<Vec<u8>>,
    pub end: End,
    /// What is wrong may be noticed only at the end of its frame, which never came.
    pub is_unsure: bool,
}

/// A message of a client.
#[derive(Debug)]
pub struct Message {
    pub opcode: u8,
    pub payload: Vec<u8>,
}

/// How a client's half of the connection ends.
#[derive(Debug, Default, PartialEq, Eq)]
pub enum End {
    /// It just stops, perhaps within a frame.
    #[default]
    Cut,
    /// The client closes, with this code if it has one.
    Closed(Option<u16>),
    /// The server has to close, with one of these codes.
    Broken(Vec<u16>),
}

/// Reads what a client sent, for a server that takes messages up to a size.
pub fn conversation(mut bytes: &[u8], max_message_size: usize, takes_binary: bool) -> Conversation {
    let mut seen = Conversation::default();
    let mut message: Option<Message> = None;
    while let Some(head) = Head::read(&mut bytes) {
        let codes = head.breaches(message.as_ref(), max_message_size);
        if !codes.is_empty() {
            seen.is_unsure = codes == [1002] && (bytes.len() as u64) < head.length;
            seen.end = End::Broken(codes);
            return seen;
        }
        let (masked, rest) = bytes.split_at(bytes.len().min(head.length as usize));
        bytes = rest;
        let is_whole = masked.len() as u64 == head.length;
        let mask = head.mask.into_iter().flatten().cycle();
        let payload: Vec<u8> = masked
            .iter()
            .zip(mask)
            .map(|(byte, mask)| byte ^ mask)
            .collect();
        match head.opcode {
            _ if head.opcode >= CLOSE && !is_whole => return seen,
            CLOSE => {
                seen.end = close(&payload);
                return seen;
            }
            PING => seen.pings.push(payload),
            PONG => {}
            opcode => {
                let message = message.get_or_insert(Message {
                    opcode,
                    payload: Vec::new(),
                });
                message.payload.extend_from_slice(&payload);
                // Refused as soon as nothing that follows could make it text.
                if message.opcode == TEXT
                    && !begins_text(&message.payload, head.is_final && is_whole)
                {
                    seen.end = End::Broken(vec![1007]);
                    return seen;
                }
            }
        }
        if head.opcode >= CLOSE || !head.is_final || !is_whole {
            continue;
        }
        match message.take() {
            Some(whole) if takes_binary || whole.opcode == TEXT => seen.messages.push(whole),
            _ => {
                seen.end = End::Broken(vec![1003]);
                return seen;
            }
        }
    }
    seen
}

/// Whether bytes are UTF-8, or the beginning of it where more may follow.
fn begins_text(bytes: &[u8], is_all: bool) -> bool {
    match std::str::from_utf8(bytes) {
        Ok(_) => true,
        Err(error) => !is_all && error.error_len().is_none(),
    }
}

fn close(payload: &[u8]) -> End {
    let (code, reason) = match *payload {
        [] => return End::Closed(None),
        [one, other, ref reason @ ..] => (u16::from_be_bytes([one, other]), reason),
        [_] => return End::Broken(vec![1002]),
    };
    let is_text = std::str::from_utf8(reason).is_ok();
    match (may_travel(code), is_text) {
        (true, true) => End::Closed(Some(code)),
        (true, false) => End::Broken(vec![1007]),
        (false, true) => End::Broken(vec![1002]),
        (false, false) => End::Broken(vec![1002, 1007]),
    }
}

/// RFC 6455 §7.4 and what IANA registered since.
fn may_travel(code: u16) -> bool {
    !matches!(code, 0..=999 | 1004..=1006 | 1015..=2999 | 5000..)
}

struct Head {
    is_final: bool,
    reserved: u8,
    opcode: u8,
    mask: Option<[u8; 4]>,
    length: u64,
    is_minimal: bool,
}

impl Head {
    /// Takes a whole header off the front; none if it is not whole.
    fn read(bytes: &mut &[u8]) -> Option<Self> {
        let (&[first, second], mut rest) = bytes.split_first_chunk()?;
        let (length, is_minimal) = match second & 0x7F {
            126 => {
                let (length, after) = rest.split_first_chunk()?;
                rest = after;
                let length = u16::from_be_bytes(*length);
                (u64::from(length), length > 125)
            }
            127 => {
                let (length, after) = rest.split_first_chunk()?;
                rest = after;
                let length = u64::from_be_bytes(*length);
                (length, length > 0xFFFF && length >> 63 == 0)
            }
            length => (u64::from(length), true),
        };
        let mask = if second & 0x80 == 0 {
            None
        } else {
            let (mask, after) = rest.split_first_chunk()?;
            rest = after;
            Some(*mask)
        };
        *bytes = rest;
        Some(Self {
            is_final: first & 0x80 != 0,
            reserved: first & 0x70,
            opcode: first & 0x0F,
            mask,
            length,
            is_minimal,
        })
    }

    /// The codes of all that the header itself does wrong, whichever is noticed first.
    fn breaches(&self, message: Option<&Message>, max_message_size: usize) -> Vec<u16> {
        let is_control = self.opcode >= CLOSE;
        let is_known = matches!(self.opcode, 0 | TEXT | BINARY | CLOSE | PING | PONG);
        let wrong = self.reserved != 0
            || !is_known
            || self.mask.is_none()
            || !self.is_minimal
            || is_control && (!self.is_final || self.length > 125)
            || self.opcode == 0 && message.is_none()
            || matches!(self.opcode, TEXT | BINARY) && message.is_some();
        let so_far = message.map_or(0, |message| message.payload.len());
        let too_big = !is_control && self.length > (max_message_size - so_far) as u64;
        let mut codes = Vec::new();
        if wrong {
            codes.push(1002);
        }
        if too_big {
            codes.push(1009);
        }
        codes
    }
}

/// A frame that a server sent.
#[derive(Debug)]
pub struct Sent<'a> {
    pub opcode: u8,
    pub payload: &'a [u8],
}

/// Reads what a server sent and checks each frame; the rest, if any, is one frame that is cut off.
pub fn sent(mut bytes: &[u8]) -> (Vec<Sent<'_>>, &[u8]) {
    let mut frames = Vec::new();
    loop {
        let whole = bytes;
        let Some(head) = Head::read(&mut bytes) else {
            return (frames, whole);
        };
        assert!(head.is_final && head.reserved == 0, "{whole:02x?}");
        assert!(head.mask.is_none() && head.is_minimal, "{whole:02x?}");
        assert!(
            matches!(head.opcode, TEXT | BINARY | CLOSE | PING | PONG),
            "{whole:02x?}"
        );
        assert!(head.opcode < CLOSE || head.length <= 125, "{whole:02x?}");
        if (bytes.len() as u64) < head.length {
            return (frames, whole);
        }
        let (payload, rest) = bytes.split_at(head.length as usize);
        bytes = rest;
        frames.push(Sent {
            opcode: head.opcode,
            payload,
        });
    }
}

/// The code of a server's close frame, if it has one; checks what may travel in it.
pub fn sent_code(payload: &[u8]) -> Option<u16> {
    match close(payload) {
        End::Closed(code) => code,
        wrong => panic!("{wrong:?}: {payload:02x?}"),
    }
}
