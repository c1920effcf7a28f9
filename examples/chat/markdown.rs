//! A message's Markdown as HTML that is safe to show.

use ammonia::{Builder, UrlRelative};
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd, html};

/// Renders Markdown to sanitised HTML, or to `None` where that would be out of all proportion.
pub(crate) fn render(markdown: &str) -> Option<String> {
    let mut html = String::new();
    html::push_html(
        &mut html,
        Parser::new_ext(markdown, Options::ENABLE_STRIKETHROUGH).map(tame),
    );
    if html.len() > MAX_HTML {
        return None;
    }

    let safe = Builder::default()
        .rm_tags(["img"])
        .url_schemes(["http", "https", "mailto"].into())
        .url_relative(UrlRelative::Deny)
        .link_rel(Some("noopener noreferrer nofollow"))
        .set_tag_attribute_value("a", "target", "_blank")
        .clean(&html);
    Some(safe.to_string())
}

/// Turns what does not belong into a chat into what does.
fn tame(event: Event<'_>) -> Event<'_> {
    match event {
        // Somebody who writes `<div>` wants to be read, not to be obeyed.
        Event::Html(text) | Event::InlineHtml(text) => Event::Text(text),
        // An image would tell its host who reads along; a link asks first.
        Event::Start(Tag::Image {
            link_type,
            dest_url,
            title,
            id,
        }) => Event::Start(Tag::Link {
            link_type,
            dest_url,
            title,
            id,
        }),
        Event::End(TagEnd::Image) => Event::End(TagEnd::Link),
        Event::SoftBreak => Event::HardBreak,
        other => other,
    }
}

// 64 KiB of `>` would become more than a megabyte of nested quotes in every reader's queue.
const MAX_HTML: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(markdown: &str) -> String {
        render(markdown).unwrap()
    }

    #[test]
    fn markdown_becomes_html() {
        assert_eq!(
            rendered("Hello from **curl**"),
            "<p>Hello from <strong>curl</strong></p>\n"
        );
        assert_eq!(rendered("one\ntwo"), "<p>one<br>\ntwo</p>\n");
    }

    #[test]
    fn html_in_a_message_stays_visible_text() {
        assert_eq!(
            rendered("a <b onclick=x>b</b>"),
            "<p>a &lt;b onclick=x&gt;b&lt;/b&gt;</p>\n"
        );
        assert!(!rendered("<script>alert(1)</script>").contains("<script"));
    }

    #[test]
    fn links_open_elsewhere_and_vouch_for_nobody() {
        let html = rendered("[a](https://a.example/)");
        for part in [
            r#"href="https://a.example/""#,
            r#"target="_blank""#,
            r#"rel="noopener noreferrer nofollow""#,
        ] {
            assert!(html.contains(part), "{part} in {html}");
        }
    }

    #[test]
    fn links_that_run_code_lose_their_address() {
        for markdown in [
            "[a](javascript:alert(1))",
            "[a](<java\tscript:alert(1)>)",
            "[a](data:text/html,x)",
            "<javascript:alert(1)>",
        ] {
            assert!(!rendered(markdown).contains("href"), "{markdown}");
        }
    }

    #[test]
    fn images_become_links() {
        let html = rendered("![cat](https://a.example/cat.png)");
        assert!(
            !html.contains("<img") && html.contains(">cat</a>"),
            "{html}"
        );
    }

    #[test]
    fn what_would_grow_out_of_proportion_is_not_rendered() {
        assert_eq!(render(&">".repeat(64 * 1024)), None);
    }
}
