//! How the chat's page looks; pictures of it are kept below the target folder.

use crate::support::browser::Viewport;
use crate::support::chat::Chat;
use crate::support::page::Page;
use crate::support::{axe, outside_dir};

#[tokio::test]
async fn the_page_fits_a_phone_and_a_desk_in_light_and_dark() {
    let chat = Chat::start().await;
    let origin = chat.url("");
    for (name, width, height, is_phone) in [("phone", 390, 844, true), ("desk", 1280, 800, false)] {
        for (scheme, is_dark) in [("light", false), ("dark", true)] {
            let viewport = Viewport {
                width,
                height,
                is_phone,
                is_dark,
            };
            let page = Page::join_in(viewport, &origin, "ann", "red").await;
            let browser = page.browser();
            page.send(LONG_MESSAGE).await;
            page.message("the end").await;
            browser.until(NOTHING_MOVES).await;
            let picture = format!("{name}-{scheme}");
            let file = outside_dir().join(format!("{picture}.png"));
            std::fs::write(file, browser.screenshot().await).unwrap();

            let size: (u32, u32) = browser.evaluate("return [innerWidth, innerHeight]").await;
            assert_eq!(size, (width, height), "{picture}");
            assert!(
                browser.evaluate::<bool>(NO_SIDEWAYS_SCROLL).await,
                "{picture} scrolls sideways"
            );
            assert!(
                browser.evaluate::<bool>(INPUT_IS_IN_VIEW).await,
                "{picture} hides the input"
            );
            let violations = axe::violations(browser, "color-contrast").await;
            assert!(violations.is_empty(), "{picture}: {violations:#?}");
        }
    }
}

const NOTHING_MOVES: &str =
    "document.getAnimations().every(animation => animation.playState !== 'running')";

const NO_SIDEWAYS_SCROLL: &str = "
    const { scrollWidth, clientWidth } = document.documentElement;
    return scrollWidth <= clientWidth && scrollX === 0";

const INPUT_IS_IN_VIEW: &str = "
    return ['#text', '#send'].every(selector => {
        const { left, top, right, bottom, width, height } = document.querySelector(selector).getBoundingClientRect();
        return width > 0 && height > 0 && left >= 0 && top >= 0 && right <= innerWidth && bottom <= innerHeight;
    })";

const LONG_MESSAGE: &str = "a word that is longer than any screen is wide: \
    Donaudampfschifffahrtselektrizitaetenhauptbetriebswerkbauunterbeamtengesellschaftsvorsitzendenstellvertreterin, \
    some `code that has no place to break_____________________________________________________________`, \
    and https://example.com/a/path/that/is/long/a/path/that/is/long/a/path/that/is/long/a/path/that/is/long — the end";
