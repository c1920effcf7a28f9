//! A message's Markdown as HTML that is safe to show.

use std::iter::Peekable;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use pulldown_cmark::{CodeBlockKind, Event, LinkType, Options, Parser, Tag, TagEnd, html};

/// Renders Markdown to HTML that holds only text, its marks and links to other sites.
///
/// HTML becomes text, an image a link to it, and a link to anything but `http`, `https` and `mailto`
/// its text alone.
pub(crate) fn render(markdown: &str) -> String {
    let parser = Parser::new_ext(markdown, Options::ENABLE_STRIKETHROUGH);
    let html = html_of(Tamer::default().tame(parser.peekable()));
    if html.len() > MAX_HTML {
        return html_of(as_typed(markdown));
    }
    html
}

// 64 KiB of `>` would become more than a megabyte of nested quotes in every reader's queue.
const MAX_HTML: usize = 256 * 1024;

fn html_of<'a>(events: impl IntoIterator<Item = Event<'a>>) -> String {
    let mut html = String::new();
    html::push_html(&mut html, events.into_iter());
    html
}

fn as_typed(text: &str) -> [Event<'_>; 3] {
    [
        Event::Start(Tag::CodeBlock(CodeBlockKind::Indented)),
        Event::Text(text.into()),
        Event::End(TagEnd::CodeBlock),
    ]
}

/// Replaces elements that do not belong into a chat.
#[derive(Default)]
struct Tamer<'a> {
    tamed: Vec<Event<'a>>,
    /// The links and images around the current event: whether each became a link.
    around: Vec<bool>,
}

impl<'a> Tamer<'a> {
    fn tame(mut self, mut events: Peekable<impl Iterator<Item = Event<'a>>>) -> Vec<Event<'a>> {
        while let Some(event) = events.next() {
            let tamed = match event {
                Event::Start(
                    Tag::Link {
                        link_type,
                        dest_url,
                        ..
                    }
                    // An image would report each reader to its host; a link asks first.
                    | Tag::Image {
                        link_type,
                        dest_url,
                        ..
                    },
                ) => {
                    let has_text = !matches!(events.peek(), Some(Event::End(_)));
                    self.enter(link_type, &dest_url, has_text);
                    continue;
                }
                Event::End(TagEnd::Link | TagEnd::Image) => {
                    if self.around.pop() != Some(true) {
                        continue;
                    }
                    Event::InlineHtml("</a>".into())
                }
                // A visitor that writes `<div>` means the text.
                Event::InlineHtml(text) => Event::Text(text),
                Event::Html(line) => {
                    self.tamed.push(Event::Text(line.trim_end().to_owned().into()));
                    if matches!(events.peek(), Some(Event::End(_)) | None) {
                        continue;
                    }
                    Event::HardBreak
                }
                Event::Start(Tag::HtmlBlock) => Event::Start(Tag::Paragraph),
                Event::End(TagEnd::HtmlBlock) => Event::End(TagEnd::Paragraph),
                // Its language would become a class.
                Event::Start(Tag::CodeBlock(_)) => {
                    Event::Start(Tag::CodeBlock(CodeBlockKind::Indented))
                }
                Event::SoftBreak => Event::HardBreak,
                other => other,
            };
            self.tamed.push(tamed);
        }
        self.tamed
    }

    fn enter(&mut self, link_type: LinkType, target: &str, has_text: bool) {
        let address = match link_type {
            LinkType::Email => Some(format!("mailto:{target}")),
            _ => is_harmless(target).then(|| target.to_owned()),
        };
        // HTML has no links in links, and Markdown has images in links and links in images.
        let is_inside = self.around.contains(&true);
        let address = address.filter(|_| !is_inside);
        self.around.push(address.is_some());
        if let Some(address) = address {
            self.tamed.push(Event::InlineHtml(opening(&address).into()));
        }
        if !has_text {
            self.tamed.push(Event::Text(target.to_owned().into()));
        }
    }
}

/// Whether an address leads to another site or to a mailbox, spelled as browsers take it without
/// mending: they cut blanks off, skip tabs, and read what has no scheme as relative.
fn is_harmless(address: &str) -> bool {
    let Some((scheme, rest)) = address.split_once(':') else {
        return false;
    };
    let is = |name: &str| scheme.eq_ignore_ascii_case(name);
    let has_host = || {
        let host = rest.strip_prefix("//").unwrap_or_default();
        host.starts_with(|first: char| !matches!(first, '/' | '\\' | '?' | '#'))
    };
    is("mailto") && !rest.is_empty() || (is("http") || is("https")) && has_host()
}

/// Endorses no site, and tells it nothing of the page.
fn opening(address: &str) -> String {
    let address = utf8_percent_encode(address, NOT_IN_URLS).to_string();
    let address = address.replace('&', "&amp;");
    format!(r#"<a href="{address}" target="_blank" rel="noopener noreferrer nofollow">"#)
}

/// What ends an attribute or has no place in a URL; `%` stays, so that no address is encoded twice.
const NOT_IN_URLS: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'\'')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

#[cfg(test)]
mod tests;
