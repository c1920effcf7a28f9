use std::str::FromStr;

use quick_xml::Reader;
use quick_xml::escape::{resolve_predefined_entity, unescape};
use quick_xml::events::{BytesRef, BytesStart, Event};

use super::{Cause, PROCESS_SCRIPT_MAP, Spot, USE_WEB_SOCKETS};
use crate::config::ScriptMap;
use crate::config::error::Malformed;
use crate::config::switch::Switch;

/// What a settings file says about sockets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Settings {
    pub(super) enabled: Option<bool>,
    pub(super) script_map: Option<ScriptMap>,
}

/// What is wrong with a settings file, and where.
#[derive(Clone, Debug)]
pub(super) struct Flaw {
    pub(super) spot: Spot,
    pub(super) cause: Cause,
}

/// Reads the settings out of a file's text, in time proportional to its length.
pub(super) fn read(text: &str) -> Result<Settings, Flaw> {
    let mut scan = Scan::new(text);
    scan.run()?;
    let on = scan.use_web_sockets;
    let enabled = match &on {
        Some(entry) => Some(entry.parse::<Switch>(USE_WEB_SOCKETS)?.0),
        None => None,
    };
    let script_map = match scan.script_map.filter(|entry| !entry.value.is_empty()) {
        Some(entry) => Some(entry.parse(PROCESS_SCRIPT_MAP)?),
        None => None,
    };
    if enabled == Some(true) && script_map.is_none() {
        let line = on.map(|entry| entry.line);
        return Err(flaw(line, Some(PROCESS_SCRIPT_MAP), Cause::NoScriptMap));
    }
    Ok(Settings {
        enabled,
        script_map,
    })
}

struct Scan<'t> {
    text: &'t str,
    reader: Reader<&'t [u8]>,
    /// How many elements are open.
    depth: usize,
    /// How many were open where the section began that the scan is in.
    section: Option<usize>,
    /// Whether the root says that this is a `web.config`.
    is_web_config: bool,
    has_root: bool,
    has_section: bool,
    use_web_sockets: Option<Entry>,
    script_map: Option<Entry>,
}

/// A setting as it stands in the file.
struct Entry {
    line: usize,
    value: String,
}

impl<'t> Scan<'t> {
    fn new(text: &'t str) -> Self {
        Self {
            text,
            reader: Reader::from_str(text),
            depth: 0,
            section: None,
            is_web_config: false,
            has_root: false,
            has_section: false,
            use_web_sockets: None,
            script_map: None,
        }
    }

    fn run(&mut self) -> Result<(), Flaw> {
        loop {
            let start = self.position();
            match self.next()? {
                Event::Start(element) => {
                    if let Some(key) = self.key_of(&element) {
                        let value = self.value(start, key)?;
                        self.found(key, start, &value)?;
                    } else {
                        self.element(&element, start)?;
                        self.enter(&element);
                    }
                }
                Event::Empty(element) => match self.key_of(&element) {
                    Some(key) => self.found(key, start, "")?,
                    None => self.element(&element, start)?,
                },
                Event::End(_) => self.leave(),
                Event::Eof => return self.end(),
                _ => {}
            }
        }
    }

    /// The setting that an element is by its name.
    fn key_of(&self, element: &BytesStart<'_>) -> Option<&'static str> {
        // The root is the file's, whatever its name.
        if self.depth == 0 {
            return None;
        }
        known(element.local_name().as_ref())
    }

    /// The text of the element whose start was just read, up to its end.
    fn value(&mut self, start: usize, key: &'static str) -> Result<String, Flaw> {
        let mut value = String::new();
        loop {
            let malformed = match self.next()? {
                Event::Text(text) => {
                    value.push_str(&String::from_utf8_lossy(&text));
                    continue;
                }
                Event::CData(text) => {
                    value.push_str(&String::from_utf8_lossy(&text));
                    continue;
                }
                Event::GeneralRef(entity) => match resolve(&entity) {
                    Some(text) => {
                        value.push_str(&text);
                        continue;
                    }
                    None => Malformed::UnknownEntity,
                },
                Event::Start(_) | Event::Empty(_) => Malformed::ElementInValue,
                Event::End(_) => return Ok(value),
                Event::Eof => Malformed::Unclosed,
                _ => continue,
            };
            return Err(flaw(Some(self.line(start)), Some(key), malformed));
        }
    }

    /// Takes in an element that is no setting by its name.
    fn element(&mut self, element: &BytesStart<'_>, start: usize) -> Result<(), Flaw> {
        let name = element.local_name();
        if self.depth == 0 {
            self.has_root = true;
            self.is_web_config |= is(name.as_ref(), "configuration");
        }
        if is(name.as_ref(), "webConnectionConfiguration") {
            self.has_section = true;
        }
        if self.section.is_some() && is(name.as_ref(), "add") {
            self.pair(element, start)?;
        }
        Ok(())
    }

    /// Reads `<add key="…" value="…"/>`.
    fn pair(&mut self, element: &BytesStart<'_>, start: usize) -> Result<(), Flaw> {
        let (mut key, mut value) = (None, None);
        // The check for doubled attributes takes time quadratic in their number.
        for attribute in element.attributes().with_checks(false) {
            let attribute = attribute.map_err(|error| self.malformed(start, error.into()))?;
            let name = attribute.key.local_name();
            if is(name.as_ref(), "key") {
                key = known(attribute.value.trim_ascii());
            } else if is(name.as_ref(), "value") {
                value = Some(attribute.value);
            }
        }
        let Some(key) = key else {
            return Ok(());
        };
        let value = value.unwrap_or_default();
        let value = String::from_utf8_lossy(&value);
        match unescape(&value) {
            Ok(value) => self.found(key, start, &value),
            Err(_) => Err(flaw(
                Some(self.line(start)),
                Some(key),
                Malformed::UnknownEntity,
            )),
        }
    }

    fn found(&mut self, key: &'static str, start: usize, value: &str) -> Result<(), Flaw> {
        let line = self.line(start);
        let place = match key {
            USE_WEB_SOCKETS => &mut self.use_web_sockets,
            _ => &mut self.script_map,
        };
        if let Some(first) = place {
            let first_line = first.line;
            return Err(flaw(Some(line), Some(key), Cause::Repeated { first_line }));
        }
        let value = value.trim().to_owned();
        *place = Some(Entry { line, value });
        Ok(())
    }

    fn enter(&mut self, element: &BytesStart<'_>) {
        if is(element.local_name().as_ref(), "webConnectionConfiguration") {
            self.section.get_or_insert(self.depth);
        }
        self.depth += 1;
    }

    fn leave(&mut self) {
        self.depth -= 1;
        if self.section == Some(self.depth) {
            self.section = None;
        }
    }

    fn end(&self) -> Result<(), Flaw> {
        let last = self.line(self.text.len());
        if !self.has_root {
            return Err(flaw(Some(last), None, Malformed::NoRoot));
        }
        if self.depth > 0 {
            return Err(flaw(Some(last), None, Malformed::Unclosed));
        }
        if self.is_web_config && !self.has_section {
            return Err(flaw(None, None, Cause::NoSection));
        }
        Ok(())
    }

    fn next(&mut self) -> Result<Event<'t>, Flaw> {
        match self.reader.read_event() {
            Ok(event) => Ok(event),
            Err(error) => {
                let at = usize::try_from(self.reader.error_position()).unwrap_or(usize::MAX);
                Err(self.malformed(at, error))
            }
        }
    }

    fn malformed(&self, at: usize, error: quick_xml::Error) -> Flaw {
        flaw(Some(self.line(at)), None, Malformed::Xml(error))
    }

    fn position(&self) -> usize {
        usize::try_from(self.reader.buffer_position()).unwrap_or(usize::MAX)
    }

    fn line(&self, position: usize) -> usize {
        let bytes = self.text.as_bytes();
        let before = bytes.get(..position).unwrap_or(bytes);
        1 + before.iter().filter(|byte| **byte == b'\n').count()
    }
}

impl Entry {
    fn parse<T: FromStr<Err: Into<Cause>>>(&self, key: &'static str) -> Result<T, Flaw> {
        shortened(&self.value)
            .parse()
            .map_err(|error: T::Err| flaw(Some(self.line), Some(key), error))
    }
}

/// Cuts what is far too long, so that the error which it is bound to cause stays readable.
fn shortened(value: &str) -> String {
    match value.char_indices().nth(MAX_VALUE) {
        Some((end, _)) => format!("{}…", &value[..end]),
        None => value.to_owned(),
    }
}

fn known(name: &[u8]) -> Option<&'static str> {
    [USE_WEB_SOCKETS, PROCESS_SCRIPT_MAP]
        .into_iter()
        .find(|key| is(name, key))
}

fn is(name: &[u8], key: &str) -> bool {
    name.eq_ignore_ascii_case(key.as_bytes())
}

/// The text of a character reference, or of one of the five entities that need no declaration.
fn resolve(entity: &BytesRef<'_>) -> Option<String> {
    if entity.is_char_ref() {
        return entity.resolve_char_ref().ok()?.map(String::from);
    }
    let name = entity.decode().ok()?;
    resolve_predefined_entity(&name).map(str::to_owned)
}

fn flaw(line: Option<usize>, key: Option<&'static str>, cause: impl Into<Cause>) -> Flaw {
    Flaw {
        spot: Spot { line, key },
        cause: cause.into(),
    }
}

/// No script map comes near this many characters.
const MAX_VALUE: usize = 100;
