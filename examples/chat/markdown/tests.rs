use proptest::{collection::vec, prelude::*, sample::select};

use super::render;

#[test]
fn markdown_becomes_html() {
    for (markdown, html) in [
        (
            "Hello from **curl**",
            "<p>Hello from <strong>curl</strong></p>\n",
        ),
        ("one\ntwo", "<p>one<br />\ntwo</p>\n"),
        ("~~a~~ `b<c`", "<p><del>a</del> <code>b&lt;c</code></p>\n"),
        (
            "7. a\n8. b",
            "<ol start=\"7\">\n<li>a</li>\n<li>b</li>\n</ol>\n",
        ),
        ("a &lt; b", "<p>a &lt; b</p>\n"),
        ("a < b & c", "<p>a &lt; b &amp; c</p>\n"),
    ] {
        assert_eq!(render(markdown), html);
    }
}

#[test]
fn html_in_a_message_stays_visible_text() {
    for (markdown, html) in [
        (
            "a <b onclick=x>b</b>",
            "<p>a &lt;b onclick=x&gt;b&lt;/b&gt;</p>\n",
        ),
        (
            "<script>alert(1)</script>",
            "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>\n",
        ),
        (
            "<div>\nx\n</div>",
            "<p>&lt;div&gt;<br />\nx<br />\n&lt;/div&gt;</p>\n",
        ),
        ("<!-- x -->", "<p>&lt;!-- x --&gt;</p>\n"),
        ("a <?php x ?>", "<p>a &lt;?php x ?&gt;</p>\n"),
    ] {
        assert_eq!(render(markdown), html);
    }
}

#[test]
fn links_open_elsewhere_and_vouch_for_nothing() {
    for (markdown, address) in [
        ("[a](https://a.example/)", "https://a.example/"),
        (
            "[a](HTTP://a.example/?b=1&c=2)",
            "HTTP://a.example/?b=1&amp;c=2",
        ),
        ("[a](<https://a.example/b c>)", "https://a.example/b%20c"),
        ("[a](https://a.example/%41é)", "https://a.example/%41%C3%A9"),
        ("[a](mailto:ann@a.example)", "mailto:ann@a.example"),
        (
            "[a][1]\n\n[1]: https://a.example/ \"onclick=x\"",
            "https://a.example/",
        ),
    ] {
        let rel = r#"target="_blank" rel="noopener noreferrer nofollow""#;
        let html = format!("<p><a href=\"{address}\" {rel}>a</a></p>\n");
        assert_eq!(render(markdown), html);
    }
    for (markdown, link) in [
        ("<https://a.example/>", ">https://a.example/</a>"),
        ("<ann@a.example>", "href=\"mailto:ann@a.example\""),
        ("[](https://a.example/)", ">https://a.example/</a>"),
    ] {
        let html = render(markdown);
        assert!(html.contains(link), "{html}");
    }
}

#[test]
fn links_that_lead_anywhere_else_are_their_text() {
    for address in [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "<java\tscript:alert(1)>",
        "<  javascript:alert(1)>",
        "<\u{1}javascript:alert(1)>",
        "&#106;avascript:alert(1)",
        "javascript&colon;alert(1)",
        "javascript&#x3a;alert(1)",
        "java&Tab;script:alert(1)",
        "java&NewLine;script:alert(1)",
        "java\\script:alert(1)",
        "vbscript:x",
        "data:text/html,x",
        "file:///etc/passwd",
        "tel:1",
        "ht\u{ad}tp://a.example/",
        "<ht\ttp://a.example/>",
        "http:a",
        "http:/a",
        "http:///a",
        "http:\\\\\\\\a",
        "https://",
        "https:?a",
        "mailto:",
        "//a.example/",
        "/a",
        "a",
        "?a",
        "#a",
        ":a",
        "",
    ] {
        let html = render(&format!("[text]({address})"));
        assert!(
            html.contains("text") && !html.contains("href"),
            "{address:?}: {html}"
        );
    }
    assert_eq!(
        render("<javascript:alert(1)>"),
        "<p>javascript:alert(1)</p>\n"
    );
}

#[test]
fn images_become_links_and_no_link_is_in_another() {
    for (markdown, links, text) in [
        ("![cat](https://a.example/cat.png)", 1, "cat"),
        (
            "![](https://a.example/cat.png)",
            1,
            "https://a.example/cat.png",
        ),
        ("![cat](javascript:alert(1))", 0, "cat"),
        ("![cat](/cat.png)", 0, "cat"),
        (
            "[a ![cat](https://b.example/)](https://a.example/)",
            1,
            "a cat",
        ),
        ("[a ![cat](https://b.example/)](/a)", 1, "a cat"),
        (
            "![a [cat](https://b.example/)](https://a.example/)",
            1,
            "a cat",
        ),
        (
            "![a ![b ![cat](https://c.example/)](https://b.example/)](/a)",
            1,
            "a b cat",
        ),
    ] {
        let html = render(markdown);
        assert!(!html.contains("<img"), "{html}");
        let count = |tag| html.matches(tag).count();
        assert_eq!((count("<a "), count("</a>")), (links, links), "{html}");
        assert_eq!(text_of(&html).trim(), text);
    }
}

#[test]
fn the_language_of_a_code_block_is_no_class() {
    assert_eq!(
        render("```a\tmessage own\nx\n```"),
        "<pre><code>x\n</code></pre>\n"
    );
}

#[test]
fn what_would_grow_out_of_proportion_is_shown_as_typed() {
    let html = render(&">".repeat(64 * 1024));
    assert_eq!(
        html,
        format!("<pre><code>{}</code></pre>\n", "&gt;".repeat(64 * 1024))
    );
}

proptest! {
    #[test]
    fn no_text_becomes_active_or_unbalanced(parts in vec(part(), 0..24)) {
        check(&parts.concat())?;
    }

    #[test]
    fn no_address_becomes_active(address in "[ -~\t]{0,24}", kind in select(vec!["", "!"])) {
        check(&format!("{kind}[a](<{address}>)\n\n{kind}[a]({address})\n\n<{address}>"))?;
    }
}

/// Pieces of Markdown and HTML that mean something to one another.
fn part() -> impl Strategy<Value = String> {
    let marks = [
        "<",
        ">",
        "\"",
        "'",
        "&",
        "&lt;",
        "&quot;",
        "&#34;",
        "&colon;",
        "[",
        "]",
        "(",
        ")",
        "](",
        "![",
        "*",
        "**",
        "_",
        "`",
        "```",
        "~~",
        "> ",
        "- ",
        "1. ",
        "# ",
        "\n",
        "\n\n",
        "    ",
        "\t",
        "\\",
        "javascript:",
        "data:",
        "https://a.example/",
        "mailto:a@b.example",
        "<a href=\"x\">",
        "</a>",
        "<script>",
        "</script>",
        "<!--",
        "-->",
        "<![CDATA[",
        "]]>",
        "<img src=x onerror=y>",
        " onclick=x ",
        " class=\"x\" ",
        "---\n",
        "[a]: ",
        "é",
        "\0",
        "\u{202e}",
        "x",
    ];
    prop_oneof![4 => select(marks.to_vec()).prop_map(str::to_owned), 1 => "[ -~]{1,6}"]
}

/// Reads the HTML with rules of its own: of tags only these, of attributes only a link's and a
/// list's, all closed in their order, and no link in another.
fn check(markdown: &str) -> Result<(), TestCaseError> {
    let html = render(markdown);
    let mut open = Vec::new();
    for piece in html.split('<').skip(1) {
        let (tag, _) = piece.split_once('>').expect("a whole tag");
        if let Some(name) = tag.strip_prefix('/') {
            prop_assert_eq!(open.pop(), Some(name), "{:?}: {}", markdown, html);
            continue;
        }
        let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        let is_fine = match name {
            "a" => !open.contains(&"a") && is_fine_link(attributes),
            "ol" => attributes.is_empty() || is_fine_start(attributes),
            "br" | "hr" => attributes == "/",
            _ => TAGS.contains(&name) && attributes.is_empty(),
        };
        prop_assert!(is_fine, "{markdown:?}: {tag} in {html}");
        if attributes != "/" {
            open.push(name);
        }
    }
    prop_assert!(open.is_empty(), "{markdown:?}: {html}");
    Ok(())
}

const TAGS: [&str; 16] = [
    "blockquote",
    "code",
    "del",
    "em",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "li",
    "p",
    "pre",
    "strong",
    "ul",
    "ol",
];

fn is_fine_link(attributes: &str) -> bool {
    let rest = attributes
        .strip_prefix("href=\"")
        .and_then(|rest| rest.split_once('"'));
    rest.is_some_and(|(address, rest)| {
        let lower = address.to_ascii_lowercase();
        let is_absolute = ["http://", "https://", "mailto:"]
            .iter()
            .any(|start| lower.starts_with(start));
        let is_clean = address
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'\'');
        is_absolute && is_clean && rest == r#" target="_blank" rel="noopener noreferrer nofollow""#
    })
}

fn is_fine_start(attributes: &str) -> bool {
    let number = attributes
        .strip_prefix("start=\"")
        .and_then(|rest| rest.strip_suffix('"'));
    number.is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
}

fn text_of(html: &str) -> String {
    let mut pieces = html.split('<');
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |text, piece| {
        text + piece.split_once('>').map_or("", |(_, text)| text)
    })
}
