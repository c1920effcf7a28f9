//! What becomes of the text that a visitor writes.

use serde_json::json;

use crate::support::browser::{Engine, in_each_browser};
use crate::support::chat::Chat;
use crate::support::http::Http;
use crate::support::page::Page;

in_each_browser! {
    s15_markdown_is_rendered_by_the_application,
    markup_from_a_visitor_stays_text,
    html_from_a_program_is_shown_without_its_scripts,
    s06_what_the_documentation_posts_is_shown,
    an_action_that_the_page_does_not_know_is_shown_as_text,
}

async fn s15_markdown_is_rendered_by_the_application(engine: Engine) {
    let chat = Chat::start().await;
    let ann = Page::join_with(engine, &chat.url(""), "ann", "").await;

    ann.send("some **strong** words, `code` and [a link](https://example.com/)")
        .await;

    let html = ann.message("some strong words").await.html;
    assert!(html.contains("<strong>strong</strong>"), "{html}");
    assert!(html.contains("<code>code</code>"), "{html}");
    assert!(html.contains("href=\"https://example.com/\""), "{html}");
}

async fn markup_from_a_visitor_stays_text(engine: Engine) {
    let chat = Chat::start().await;
    let origin = chat.url("");
    let name = "<img src=x onerror=window.intruded=1>";
    let (mallory, bob) = tokio::join!(
        Page::join_with(engine, &origin, name, "<b>"),
        Page::join_with(engine, &origin, "bob", "")
    );

    for payload in PAYLOADS {
        mallory.send(payload).await;
    }
    mallory.send("the last one").await;

    for page in [&mallory, &bob] {
        page.message("the last one").await;
        assert_eq!(page.messages().await.len(), PAYLOADS.len() + 1);
        assert_nothing_intruded(page).await;
    }
    assert!(bob.messages().await.iter().all(|shown| shown.user == name));
}

async fn html_from_a_program_is_shown_without_its_scripts(engine: Engine) {
    let chat = Chat::start().await;
    let ann = Page::join_with(engine, &chat.url(""), "ann", "").await;
    let html = PAYLOADS.concat();

    let message =
        json!({ "action": "broadcastchatmessage", "message": html, "html": html, "userId": html });
    post(&chat, &message.to_string()).await;
    // Each by itself: what one of them leaves open must not hide the others.
    for html in PAYLOADS {
        let message = json!({ "action": "broadcastchatmessage", "message": html });
        post(&chat, &message.to_string()).await;
    }
    let last = r#"{"action":"broadcastchatmessage","message":"a &lt; b <b>c</b> <a href=\"https://a.example/\">d</a>"}"#;
    post(&chat, last).await;

    let shown = ann.message("a < b c d").await;
    assert!(shown.html.contains("<b>c</b>"), "{shown:?}");
    assert!(
        shown.html.contains("href=\"https://a.example/\""),
        "{shown:?}"
    );
    assert_eq!(ann.messages().await.len(), PAYLOADS.len() + 2);
    for text in ["over everything", "in a form", "in another form"] {
        ann.message(text).await;
    }
    assert_nothing_intruded(&ann).await;
}

async fn s06_what_the_documentation_posts_is_shown(engine: Engine) {
    let chat = Chat::start().await;
    let ann = Page::join_with(engine, &chat.url(""), "ann", "").await;

    let bytes = r#"{"action":"broadcastchatmessage","userId":"RickFox","groupId":"Web Connection Chat 03-10-2021","Message":"Hello from FoxPro 10:00:00"}"#;
    let url = chat.url("/__broadcastwebsocket.wc");
    let answer = Http::new().post(&url, &[], bytes).await;

    assert_eq!(
        (answer.status.as_u16(), &answer.json()["matched"]),
        (200, &json!(1))
    );
    let shown = ann.message("Hello from FoxPro 10:00:00").await;
    assert_eq!((&*shown.user, shown.own), ("RickFox", false));
}

async fn an_action_that_the_page_does_not_know_is_shown_as_text(engine: Engine) {
    let chat = Chat::start().await;
    let ann = Page::join_with(engine, &chat.url(""), "ann", "").await;
    for (message, notice) in [
        (
            json!({"action": "order.shipped", "message": "<b>7</b>", "userId": "shop"}),
            "shop sent “order.shipped”: <b>7</b>",
        ),
        (json!({"action": "refresh"}), "A program sent “refresh”"),
        (
            json!({"message": "?"}),
            "A program sent a message without an action: ?",
        ),
        (
            json!({"action": "sent", "message": "9"}),
            "A program sent “sent”: 9",
        ),
    ] {
        post(&chat, &message.to_string()).await;
        let is_shown = format!(
            "[...document.querySelectorAll('#messages .notice')].at(-1)?.textContent === '{notice}'"
        );
        ann.browser().until(&is_shown).await;
    }
    assert_nothing_intruded(&ann).await;
}

/// Broadcasts as a program on this machine does.
async fn post(chat: &Chat, message: &str) {
    let url = chat.url("/__broadcastWebSocket.wc");
    let answer = Http::new().post(&url, &[], message).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
}

async fn assert_nothing_intruded(page: &Page) {
    let intruded: bool = page.browser().evaluate("return 'intruded' in window").await;
    assert!(!intruded, "a visitor's script ran");
    let active: Vec<String> = page.browser().evaluate(ACTIVE_MARKUP).await;
    assert!(active.is_empty(), "{active:#?}");
}

const PAYLOADS: [&str; 16] = [
    "<script>window.intruded = 1</script>",
    "<img src=x onerror=\"window.intruded = 1\">",
    "<svg onload=\"window.intruded = 1\"></svg>",
    "<iframe srcdoc=\"<script>parent.intruded = 1</script>\"></iframe>",
    "<a href=\"javascript:window.intruded = 1\">press</a>",
    "[press](javascript:window.intruded=1)",
    "[press](JaVaScRiPt&colon;window.intruded=1)",
    "![picture](x\" onerror=\"window.intruded=1)",
    "<style>@import 'https://example.com/x.css'</style><form action=/x><input autofocus onfocus=\"window.intruded=1\"></form>",
    "`</code><script>window.intruded = 1</script>`",
    "<div style=\"position:fixed;inset:0\" id=\"text\" class=\"message\">over everything</div>",
    "<a href=\"java&Tab;script:window.intruded=1\" onclick=\"window.intruded=1\">press</a>",
    "<form><input name=childNodes>in a form</form>",
    "<form><input name=childNodes><input name=tagName><input name=nodeType>in another form</form>",
    "<template><img src=x onerror=window.intruded=1></template><noscript><img src=x onerror=window.intruded=1></noscript>shown",
    "</article><script>window.intruded = 1</script><math><mtext><img src=x onerror=window.intruded=1>",
];

const ACTIVE_MARKUP: &str = "
    const elements = [...document.querySelectorAll('#messages :is(.author, .body, .notice, .quietly) *, #names .name *')];
    const tags = 'a b blockquote br code del em h1 h2 h3 h4 h5 h6 hr li ol p pre s strong table tbody td th thead tr ul'.split(' ');
    const isActive = element =>
        !tags.includes(element.localName)
        || [...element.attributes].some(({ name, value }) =>
            name.startsWith('on') || ['class', 'id', 'style'].includes(name) || /^\\s*(javascript|data|vbscript):/i.test(value));
    return elements.filter(isActive).map(element => element.outerHTML)";
