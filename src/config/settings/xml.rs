//! Reads the settings out of XML.

use quick_xml::Reader;
use quick_xml::escape::{resolve_predefined_entity, unescape};
use quick_xml::events::{BytesRef, BytesStart, Event};

use super::document::{Document, PROCESS_SCRIPT_MAP, Settings, USE_WEB_SOCKETS};
use super::flaw::{Cause, Elsewhere, Flaw, Malformed};
use super::lines::Lines;
use super::link::Link;
use crate::config::bool::parse_bool;

/// Reads a file's text, in time proportional to its length.
pub(super) fn parse_document(text: &str) -> Result<Document, Flaw> {
    let mut scan = Scan::new(text);
    if let Some(nul) = text.find('\0') {
        return Err(Flaw::new(Some(scan.lines.at(nul)), None, Malformed::Nul));
    }
    scan.run()?;
    let enabled = match &scan.use_web_sockets {
        Some(entry) => Some(entry.parse(USE_WEB_SOCKETS, parse_bool)?),
        None => None,
    };
    let script_map = match scan.script_map.filter(|entry| !entry.value.is_empty()) {
        Some(entry) => Some(entry.parse(PROCESS_SCRIPT_MAP, str::parse)?),
        None => None,
    };
    Ok(Document {
        settings: Settings {
            enabled,
            script_map,
        },
        enabled_line: scan.use_web_sockets.map(|entry| entry.line),
        link: scan.link,
        has_section: scan.section_line.is_some(),
    })
}

struct Scan<'t> {
    lines: Lines<'t>,
    reader: Reader<&'t [u8]>,
    /// How many elements are open.
    depth: usize,
    /// How many were open where the current section began.
    section: Option<usize>,
    /// Whether the root says that this is a `web.config`.
    is_web_config: bool,
    root_line: Option<usize>,
    section_line: Option<usize>,
    /// Whether the section holds anything; where there is none, the root.
    has_content: bool,
    link: Option<Link>,
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
            lines: Lines::new(text),
            reader: Reader::from_str(text),
            depth: 0,
            section: None,
            is_web_config: false,
            root_line: None,
            section_line: None,
            has_content: false,
            link: None,
            use_web_sockets: None,
            script_map: None,
        }
    }

    fn run(&mut self) -> Result<(), Flaw> {
        loop {
            let start = self.position();
            match self.next()? {
                Event::Start(element) => {
                    if let Some(key) = known(element.local_name().as_ref()) {
                        let value = self.read_value(start, key)?;
                        self.record(key, start, &value)?;
                    } else {
                        self.read_element(&element, start)?;
                        self.open_element(&element);
                    }
                }
                Event::Empty(element) => match known(element.local_name().as_ref()) {
                    Some(key) => self.record(key, start, "")?,
                    None => self.read_element(&element, start)?,
                },
                Event::End(_) => self.close_element(),
                // Nothing that it could declare is needed, and readers disagree about it.
                Event::DocType(_) => {
                    let line = self.lines.at(start);
                    return Err(Flaw::new(Some(line), None, Malformed::DocumentType));
                }
                Event::Eof => return self.check_end(),
                _ => {}
            }
        }
    }

    /// Returns the text of the element whose start was just read, up to its end.
    fn read_value(&mut self, start: usize, key: &'static str) -> Result<String, Flaw> {
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
            return Err(Flaw::new(Some(self.lines.at(start)), Some(key), malformed));
        }
    }

    /// Reads an element whose name is not that of a setting.
    fn read_element(&mut self, element: &BytesStart<'_>, start: usize) -> Result<(), Flaw> {
        let name = element.local_name();
        let name = name.as_ref();
        if self.depth == 0 {
            self.root_line.get_or_insert(self.lines.at(start));
            self.is_web_config |= is(name, "configuration");
        }
        if self.section.is_some() {
            return self.read_in_section(element, start);
        }
        if is(name, SECTION) {
            // Content beside the section does not make up for an empty section.
            if self.section_line.is_none() {
                self.section_line = Some(self.lines.at(start));
                self.has_content = false;
            }
            return self.read_section(element, start);
        }
        self.has_content |= self.depth > 0 && self.section_line.is_none();
        // A fragment of a section, as documentation shows it.
        if self.depth == 0 && is(name, "add") {
            self.has_content = true;
            self.read_pair(element, start)?;
        }
        Ok(())
    }

    fn read_in_section(&mut self, element: &BytesStart<'_>, start: usize) -> Result<(), Flaw> {
        let name = element.local_name();
        let name = name.as_ref();
        if is(name, "clear") {
            self.use_web_sockets = None;
            self.script_map = None;
            return Ok(());
        }
        if is(name, "remove") {
            match self.attributes_of(element, start)?.0 {
                Some(USE_WEB_SOCKETS) => self.use_web_sockets = None,
                Some(_) => self.script_map = None,
                None => {}
            }
            return Ok(());
        }
        self.has_content = true;
        if is(name, "EncryptedData") {
            let line = self.lines.at(start);
            return Err(Flaw::new(
                Some(line),
                Some("EncryptedData"),
                Elsewhere::Encrypted,
            ));
        }
        if is(name, "add") {
            self.read_pair(element, start)?;
        }
        Ok(())
    }

    /// Reads where the content of a section stands.
    fn read_section(&mut self, element: &BytesStart<'_>, start: usize) -> Result<(), Flaw> {
        for attribute in element.attributes().with_checks(false) {
            let attribute = attribute.map_err(|error| self.malformed(start, error.into()))?;
            let name = attribute.key.local_name();
            let name = name.as_ref();
            let line = self.lines.at(start);
            if let Some((known, elsewhere)) = MADE.into_iter().find(|(known, _)| is(name, known)) {
                return Err(Flaw::new(Some(line), Some(known), elsewhere));
            }
            let Some(known) = LINKS.into_iter().find(|known| is(name, known)) else {
                continue;
            };
            let value = String::from_utf8_lossy(&attribute.value);
            let value = unescape(&value);
            let value =
                value.map_err(|_| Flaw::new(Some(line), Some(known), Malformed::UnknownEntity))?;
            // An empty attribute counts as missing.
            if value.trim().is_empty() {
                continue;
            }
            if let Some(first) = &self.link {
                let first_line = first.line;
                return Err(Flaw::new(
                    Some(line),
                    Some(known),
                    Cause::Repeated { first_line },
                ));
            }
            self.link = Some(Link {
                line,
                attribute: known,
                value: value.trim().to_owned(),
            });
        }
        Ok(())
    }

    /// Reads `<add key="…" value="…"/>`.
    fn read_pair(&mut self, element: &BytesStart<'_>, start: usize) -> Result<(), Flaw> {
        let (Some(key), value) = self.attributes_of(element, start)? else {
            return Ok(());
        };
        match unescape(&value) {
            Ok(value) => self.record(key, start, &value),
            Err(_) => Err(Flaw::new(
                Some(self.lines.at(start)),
                Some(key),
                Malformed::UnknownEntity,
            )),
        }
    }

    /// Reads which setting `key` names, and the raw `value`.
    fn attributes_of(
        &self,
        element: &BytesStart<'_>,
        start: usize,
    ) -> Result<(Option<&'static str>, String), Flaw> {
        let (mut key, mut value) = (None, String::new());
        // The check for doubled attributes takes time quadratic in their number.
        for attribute in element.attributes().with_checks(false) {
            let attribute = attribute.map_err(|error| self.malformed(start, error.into()))?;
            let name = attribute.key.local_name();
            if is(name.as_ref(), "key") {
                key = known(attribute.value.trim_ascii());
            } else if is(name.as_ref(), "value") {
                value = String::from_utf8_lossy(&attribute.value).into_owned();
            }
        }
        Ok((key, value))
    }

    fn record(&mut self, key: &'static str, start: usize, value: &str) -> Result<(), Flaw> {
        let line = self.lines.at(start);
        self.root_line.get_or_insert(line);
        self.has_content = true;
        let place = match key {
            USE_WEB_SOCKETS => &mut self.use_web_sockets,
            _ => &mut self.script_map,
        };
        if let Some(first) = place {
            let first_line = first.line;
            return Err(Flaw::new(
                Some(line),
                Some(key),
                Cause::Repeated { first_line },
            ));
        }
        let value = value.trim().to_owned();
        *place = Some(Entry { line, value });
        Ok(())
    }

    fn open_element(&mut self, element: &BytesStart<'_>) {
        if is(element.local_name().as_ref(), SECTION) {
            self.section.get_or_insert(self.depth);
        }
        self.depth += 1;
    }

    fn close_element(&mut self) {
        self.depth -= 1;
        if self.section == Some(self.depth) {
            self.section = None;
        }
    }

    fn check_end(&self) -> Result<(), Flaw> {
        let last = self.lines.last();
        let Some(root) = self.root_line else {
            return Err(Flaw::new(Some(last), None, Malformed::NoRoot));
        };
        if self.depth > 0 {
            return Err(Flaw::new(Some(last), None, Malformed::Unclosed));
        }
        if self.is_web_config && self.section_line.is_none() {
            return Err(Flaw::new(None, None, Cause::NoSection));
        }
        if !self.has_content && self.link.is_none() {
            let key = self.section_line.map(|_| SECTION);
            let line = self.section_line.unwrap_or(root);
            return Err(Flaw::new(Some(line), key, Cause::Empty));
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
        Flaw::new(Some(self.lines.at(at)), None, Malformed::Xml(error))
    }

    fn position(&self) -> usize {
        usize::try_from(self.reader.buffer_position()).unwrap_or(usize::MAX)
    }
}

impl Entry {
    fn parse<T, E: Into<Cause>>(
        &self,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Result<T, Flaw> {
        parse(&shortened(&self.value)).map_err(|error| Flaw::new(Some(self.line), Some(key), error))
    }
}

/// Cuts a value that is far too long, so that the error about it stays readable.
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

/// Returns the text of a character reference, or of one of the five entities that need no declaration.
fn resolve(entity: &BytesRef<'_>) -> Option<String> {
    if entity.is_char_ref() {
        return entity.resolve_char_ref().ok()?.map(String::from);
    }
    let name = entity.decode().ok()?;
    resolve_predefined_entity(&name).map(str::to_owned)
}

const SECTION: &str = "webConnectionConfiguration";

/// The attributes that name a file with a section's content: all of it, or what overrides it.
const LINKS: [&str; 2] = ["configSource", "file"];

/// The attributes of a section whose content is made by a program.
const MADE: [(&str, Elsewhere); 2] = [
    ("configProtectionProvider", Elsewhere::Encrypted),
    ("configBuilders", Elsewhere::Built),
];

/// No script map comes near this many characters.
const MAX_VALUE: usize = 100;
