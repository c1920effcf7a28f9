//! How the chat's page looks; pictures of it are kept below the target folder.

use crate::support::browser::{Browser, Viewport};
use crate::support::chat::Chat;
use crate::support::page::Page;
use crate::support::{axe, outside_dir};

#[tokio::test]
async fn the_chat_fits_a_phone_and_a_desk_in_light_and_dark() {
    for (name, viewport) in viewports() {
        let chat = Chat::start().await;
        let page = Page::join_in(viewport, &chat.url(""), "ann", "red").await;
        let browser = page.browser();
        let bob = Page::join(
            &chat.url(""),
            "Bartholomew Featherstonehaugh the Younger",
            "",
        )
        .await;
        bob.send("Good **morning**").await;
        page.message("Good morning").await;
        page.send("Morning").await;
        page.send(LONG_MESSAGE).await;
        page.message("the end").await;
        browser.until(IS_SENT).await;
        looks_good(browser, viewport, &format!("chat-{name}")).await;
        for input in ["#audience", "#text", "#send", "#leave", "#people-count"] {
            assert!(is_in_view(browser, input).await, "{name} hides {input}");
        }

        // What has no room on a phone is a tap away.
        if viewport.is_phone {
            assert!(!is_in_view(browser, "#command").await);
            browser.click("#people-count").await;
            looks_good(browser, viewport, &format!("people-{name}")).await;
            browser.click("#terminal > summary").await;
            looks_good(browser, viewport, &format!("terminal-{name}")).await;
            assert!(is_in_view(browser, "#copy").await, "{name}");
        }
        assert!(is_in_view(browser, "#command").await, "{name}");
        assert!(browser.evaluate::<bool>(WORDS_ARE_WHOLE).await, "{name}");
    }
}

const IS_SENT: &str = "document.querySelector('.delivery')?.dataset.state === 'sent' \
    && !document.querySelector('.outgoing')";

const WORDS_ARE_WHOLE: &str = "
    const words = [...document.querySelectorAll('#command .word')];
    const { right } = document.querySelector('#command').parentElement.getBoundingClientRect();
    return words.length > 5 && words.every(word =>
        word.getClientRects().length === 1 && word.getBoundingClientRect().right <= right)";

#[tokio::test]
async fn the_welcome_fits_a_phone_and_a_desk_in_light_and_dark() {
    let chat = Chat::start().await;
    for (name, viewport) in viewports() {
        let browser = Browser::start(viewport).await;
        browser.go_to(&chat.url("/")).await;
        looks_good(&browser, viewport, &format!("welcome-{name}")).await;
        for input in ["#name", "#group", "#join"] {
            assert!(is_in_view(&browser, input).await, "{name} hides {input}");
        }
    }
}

fn viewports() -> impl Iterator<Item = (String, Viewport)> {
    let screens = [("phone", 390, 844, true), ("desk", 1280, 800, false)];
    screens
        .into_iter()
        .flat_map(|(screen, width, height, is_phone)| {
            [("light", false), ("dark", true)].map(|(scheme, is_dark)| {
                let viewport = Viewport {
                    width,
                    height,
                    is_phone,
                    is_dark,
                };
                (format!("{screen}-{scheme}"), viewport)
            })
        })
}

async fn looks_good(browser: &Browser, viewport: Viewport, name: &str) {
    browser.until(NOTHING_MOVES).await;
    let file = outside_dir().join(format!("{name}.png"));
    std::fs::write(file, browser.screenshot().await).expect("a file below the target folder");

    let size: (u32, u32) = browser.evaluate("return [innerWidth, innerHeight]").await;
    assert_eq!(size, (viewport.width, viewport.height), "{name}");
    let is_dark: bool = browser
        .evaluate("return matchMedia('(prefers-color-scheme: dark)').matches")
        .await;
    assert_eq!(is_dark, viewport.is_dark, "{name}");
    assert!(
        browser.evaluate::<bool>(NO_SIDEWAYS_SCROLL).await,
        "{name} scrolls sideways"
    );
    let violations = axe::violations(browser).await;
    assert!(violations.is_empty(), "{name}: {violations:#?}");
}

async fn is_in_view(browser: &Browser, selector: &str) -> bool {
    let script = format!(
        "const element = document.querySelector('{selector}');
        const {{ left, top, right, bottom, width, height }} = element.getBoundingClientRect();
        return element.checkVisibility() && width > 0 && height > 0
            && left >= 0 && top >= 0 && right <= innerWidth && bottom <= innerHeight"
    );
    browser.evaluate(&script).await
}

const NOTHING_MOVES: &str =
    "document.getAnimations().every(animation => animation.playState !== 'running')";

const NO_SIDEWAYS_SCROLL: &str = "
    const scrollers = [document.documentElement, document.querySelector('#messages')];
    return scrollers.every(({ scrollWidth, clientWidth }) => scrollWidth <= clientWidth)";

const LONG_MESSAGE: &str = "a word that is longer than any screen is wide: \
    Donaudampfschifffahrtselektrizitaetenhauptbetriebswerkbauunterbeamtengesellschaftsvorsitzendenstellvertreterin, \
    some `code that has no place to break_____________________________________________________________`, \
    and https://example.com/a/path/that/is/long/a/path/that/is/long/a/path/that/is/long/a/path/that/is/long — the end";
