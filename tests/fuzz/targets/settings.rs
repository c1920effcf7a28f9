//! Settings files: no bytes make the reader panic, and a file whose meaning is known is read so.

#![no_main]

use std::{env, fs, path::PathBuf, process};

use arbitrary::{Arbitrary, Unstructured};
use http::Request;
use libfuzzer_sys::fuzz_target;
use web_connection_socket::{
    Config, WebConnectionSocketLayer,
    config::{ConfigErrorKind, ScriptMap},
};
use web_connection_socket_fuzz::http::{Body, answer, layered};

fuzz_target!(|data: &[u8]| match data {
    [0, rest @ ..] => {
        let file = SettingsFile::arbitrary(&mut Unstructured::new(rest));
        known(&file.expect("any bytes make a file"));
    }
    bytes => unknown(bytes),
});

/// Bytes that may or may not be a settings file.
fn unknown(bytes: &[u8]) {
    match read(bytes) {
        Ok(config) => {
            let text = decoded(bytes).to_ascii_lowercase();
            if is_on(&config) {
                assert!(text.contains("usewebsockets"), "sockets were not turned on");
                assert!(
                    text.contains("websocketprocessscriptmap"),
                    "the script map is missing"
                );
            }
        }
        Err((kind, text)) => {
            use ConfigErrorKind::{
                Bool, Elsewhere, Empty, Malformed, NoScriptMap, NoSection, NotFound, Repeated,
                ScriptMap, Unreadable,
            };
            // The last two are of a file that the section refers to.
            let is_of_text = matches!(
                kind,
                Malformed
                    | NoScriptMap
                    | NoSection
                    | Empty
                    | Elsewhere
                    | Repeated
                    | ScriptMap
                    | Bool
                    | NotFound
                    | Unreadable
            );
            assert!(is_of_text, "{text}");
            let lines = decoded(bytes).split('\n').count();
            if let Some((_, rest)) = text.split_once(", line ") {
                let digits = rest.split(|char: char| !char.is_ascii_digit()).next();
                let line: usize = digits.unwrap_or_default().parse().expect("a line");
                assert!((1..=lines).contains(&line), "{text}");
            }
        }
    }
}

/// A file that was written for what it says.
fn known(file: &SettingsFile<'_>) {
    let bytes = file.bytes();
    let result = read(&bytes);
    let switches = file.values(Key::Switch);
    let maps = file.values(Key::ScriptMap);
    let shown = decoded(&bytes);
    let error = |kind: ConfigErrorKind| match &result {
        Err((found, _)) => assert_eq!(*found, kind, "{shown}"),
        Ok(_) => panic!("{kind:?} was not noticed: {shown}"),
    };
    // No XML may hold it.
    if shown.contains('\0') {
        return error(ConfigErrorKind::Malformed);
    }
    let is_empty = |entry: &Entry<'_>| matches!(entry.what, What::Comment(_));
    if file.entries.iter().all(is_empty) {
        return error(ConfigErrorKind::Empty);
    }
    if switches.len() > 1 || maps.len() > 1 {
        return error(ConfigErrorKind::Repeated);
    }
    let switch = match switches
        .first()
        .map(|text| text.to_ascii_lowercase())
        .as_deref()
    {
        Some("true" | "yes" | "1") => true,
        Some("false" | "no" | "0") | None => false,
        Some(_) => return error(ConfigErrorKind::Bool),
    };
    let map = match maps.first().filter(|text| !text.is_empty()) {
        Some(text) => match text.strip_prefix('.').unwrap_or(text) {
            "" => return error(ConfigErrorKind::ScriptMap),
            map if map.bytes().all(|byte| byte.is_ascii_alphanumeric()) => Some(map),
            _ => return error(ConfigErrorKind::ScriptMap),
        },
        None => None,
    };
    if switch && map.is_none() {
        return error(ConfigErrorKind::NoScriptMap);
    }
    let Ok(config) = result else {
        panic!("{result:?}: {shown}");
    };
    assert_eq!(is_on(&config), switch, "{shown}");
    if switch {
        let map = map.unwrap_or(ScriptMap::default().as_str()).to_owned();
        assert!(
            is_guarded(&config, &format!("/__WebSocket.{map}")),
            "{shown}"
        );
    }
}

fn read(bytes: &[u8]) -> Result<Config, (ConfigErrorKind, String)> {
    thread_local! {
        static FILE: PathBuf = folder().join(format!("fuzzed-settings-{}.xml", process::id()));
    }
    FILE.with(|file| {
        fs::write(file, bytes).expect("a place for the file");
        let config = Config::from_settings_file(file);
        config.map_err(|error| (error.kind(), error.to_string()))
    })
}

/// Where files are memory, if there is such a place.
fn folder() -> PathBuf {
    let memory = PathBuf::from("/dev/shm");
    if memory.is_dir() {
        memory
    } else {
        env::temp_dir()
    }
}

fn is_on(config: &Config) -> bool {
    is_guarded(config, "/__broadcastWebSocket.wc")
}

/// Whether the middleware takes a URL for one of its own: it is closed to every caller.
fn is_guarded(config: &Config, path: &str) -> bool {
    let app = layered(&WebConnectionSocketLayer::new(config.clone()));
    let request = Request::post(path)
        .body(Body::from("{}"))
        .expect("a request");
    answer(&app, request).status() == 403
}

fn decoded(bytes: &[u8]) -> String {
    let wide = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units = bytes.chunks(2).map(|pair| match *pair {
            [one, other] => unit([one, other]),
            _ => 0xFFFD,
        });
        String::from_utf16_lossy(&units.collect::<Vec<_>>())
    };
    match bytes {
        [0xFF, 0xFE, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => wide(rest, u16::from_be_bytes),
        [b'<', 0, ..] => wide(bytes, u16::from_le_bytes),
        [0, b'<', ..] => wide(bytes, u16::from_be_bytes),
        bytes => String::from_utf8_lossy(bytes).into_owned(),
    }
}

#[derive(Arbitrary, Debug)]
struct SettingsFile<'a> {
    encoding: Encoding,
    is_web_config: bool,
    entries: Vec<Entry<'a>>,
}

#[derive(Arbitrary, Debug)]
enum Encoding {
    Plain,
    Marked,
    Little,
    Big,
}

#[derive(Arbitrary, Debug)]
struct Entry<'a> {
    what: What<'a>,
    upper: bool,
    spaced: bool,
    form: u8,
}

#[derive(Arbitrary, Debug)]
enum What<'a> {
    Switch(u8),
    ScriptMap(u8),
    Other(&'a str),
    Comment(&'a str),
}

#[derive(Clone, Copy, PartialEq)]
enum Key {
    Switch,
    ScriptMap,
}

impl SettingsFile<'_> {
    fn bytes(&self) -> Vec<u8> {
        let entries = self
            .entries
            .iter()
            .map(|entry| entry.text(self.is_web_config));
        let entries: String = entries.collect();
        let text = if self.is_web_config {
            format!(
                "<configuration>\n<webConnectionConfiguration>\n{entries}\
                 </webConnectionConfiguration>\n<UnseenSettings/></configuration>"
            )
        } else {
            format!("<?xml version=\"1.0\"?>\n<Settings>\n{entries}</Settings>\n")
        };
        let wide = |mark: [u8; 2], unit: fn(u16) -> [u8; 2]| {
            let units = text.encode_utf16().flat_map(unit);
            mark.into_iter().chain(units).collect()
        };
        match self.encoding {
            Encoding::Plain => text.into_bytes(),
            Encoding::Marked => [b"\xEF\xBB\xBF", text.as_bytes()].concat(),
            Encoding::Little => wide([0xFF, 0xFE], u16::to_le_bytes),
            Encoding::Big => wide([0xFE, 0xFF], u16::to_be_bytes),
        }
    }

    fn values(&self, key: Key) -> Vec<&'static str> {
        let entries = self.entries.iter();
        entries
            .filter_map(|entry| (entry.ours()?.0 == key).then_some(entry.ours()?.1))
            .collect()
    }
}

impl Entry<'_> {
    fn ours(&self) -> Option<(Key, &'static str)> {
        match self.what {
            What::Switch(index) => Some((Key::Switch, pick(&SWITCHES, index))),
            What::ScriptMap(index) => Some((Key::ScriptMap, pick(&MAPS, index))),
            What::Other(_) | What::Comment(_) => None,
        }
    }

    fn text(&self, as_pair: bool) -> String {
        let (name, value) = match (self.ours(), &self.what) {
            (_, What::Comment(text)) => {
                return format!("<!-- {} -->\n", text.replace('-', "_"));
            }
            (_, What::Other(text)) => ("OtherSetting", escaped(text)),
            (Some((Key::Switch, value)), _) => ("UseWebSockets", self.written(value, as_pair)),
            (Some((Key::ScriptMap, value)), _) => {
                ("WebSocketProcessScriptmap", self.written(value, as_pair))
            }
            (None, _) => return String::new(),
        };
        let name = if self.upper {
            name.to_ascii_uppercase()
        } else {
            name.to_owned()
        };
        let space = if self.spaced { " \n\t" } else { "" };
        if as_pair {
            let quote = if self.form & 4 == 0 { '"' } else { '\'' };
            format!("<add key={quote}{name}{quote} value={quote}{space}{value}{space}{quote}/>\n")
        } else {
            format!("<{name}>{space}{value}{space}</{name}>\n")
        }
    }

    /// A value in one of the ways that XML has for it.
    fn written(&self, value: &str, as_pair: bool) -> String {
        match self.form & 3 {
            1 => value
                .chars()
                .map(|char| format!("&#{};", char as u32))
                .collect(),
            2 => value
                .chars()
                .map(|char| format!("&#x{:X};", char as u32))
                .collect(),
            3 if !as_pair => format!("<![CDATA[{value}]]><!-- x -->"),
            _ => escaped(value),
        }
    }
}

/// Text as it stands in XML, without what XML cannot hold.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for char in text.chars() {
        match char {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\'' => out += "&apos;",
            char => out.push(char),
        }
    }
    out
}

fn pick<T: Copy>(from: &[T], index: u8) -> T {
    from[usize::from(index) % from.len()]
}

const SWITCHES: [&str; 12] = [
    "True",
    "true",
    "TRUE",
    "1",
    "yes",
    "False",
    "false",
    "0",
    "no",
    "",
    "on",
    "True False",
];

const MAPS: [&str; 8] = ["wwd", ".wwd", "wc3", "WC", "", ".", "w/d", "a.b"];
