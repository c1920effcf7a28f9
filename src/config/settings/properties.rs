//! What holds for every settings file, however broken.

use proptest::prelude::{Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};

use super::document::Settings;
use super::file::decode;
use super::flaw::Flaw;
use super::xml;

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..2_000)) {
        let _result = read(&decode(&bytes));
    }

    #[test]
    fn no_pieces_of_settings_panic(text in pieces()) {
        let _result = read(&text);
    }

    #[test]
    fn a_flaw_lies_within_the_file(text in pieces()) {
        if let Err(flaw) = read(&text) {
            let lines = text.split('\n').count();
            prop_assert!(flaw.spot.line.is_none_or(|line| (1..=lines).contains(&line)));
        }
    }

    #[test]
    fn no_entity_is_expanded(declared in "[a-z]{1,8}", value in "[a-z]{1,8}") {
        let text = format!(
            "<!DOCTYPE s [<!ENTITY e{declared} \"{value}\">]>\
             <s><WebSocketProcessScriptmap>&e{declared};</WebSocketProcessScriptmap></s>"
        );
        prop_assert!(read(&text).is_err());
    }

    #[test]
    fn other_settings_change_nothing(before in other(), after in other(), map in "[a-z]{1,8}") {
        let ours = format!(
            "<UseWebSockets>True</UseWebSockets>\
             <WebSocketProcessScriptmap>{map}</WebSocketProcessScriptmap>"
        );
        let settings = read(&format!("<s>{before}{ours}{after}</s>")).unwrap();
        prop_assert_eq!(settings.enabled, Some(true));
        prop_assert_eq!(settings.script_map, map.parse().ok());
    }
}

fn read(text: &str) -> Result<Settings, Flaw> {
    xml::parse_document(text)?.complete()
}

fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        proptest::sample::select(PIECES).prop_map(str::to_owned),
        "[ -~\n]{0,6}",
        any::<String>(),
    ];
    proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

fn other() -> impl Strategy<Value = String> {
    proptest::collection::vec(("[A-Za-z]{13,20}", "[ -%'-;=?-~\n]{0,30}"), 0..20).prop_map(
        |settings| {
            settings
                .iter()
                .map(|(name, value)| format!("<{name}>{value}</{name}>\n<!-- {name} -->"))
                .collect()
        },
    )
}

const PIECES: &[&str] = &[
    "<?xml version=\"1.0\" encoding=\"utf-8\"?>",
    "<configuration>",
    "</configuration>",
    "<webConnectionConfiguration>",
    "</webConnectionConfiguration>",
    "<webConnectionConfiguration/>",
    "<webConnectionConfiguration configSource='x'>",
    "<webConnectionConfiguration file=",
    "<clear/>",
    "<remove key='UseWebSockets'/>",
    "<EncryptedData/>",
    "<add key=\"UseWebSockets\" value=\"True\"/>",
    "<add key='WebSocketProcessScriptmap' value='w&#119;d' />",
    "<add key=",
    "<add value=&gt; key>",
    "<UseWebSockets>",
    "</UseWebSockets>",
    "<UseWebSockets/>",
    "<websocketprocessscriptmap>",
    "</websocketprocessscriptmap>",
    "True",
    "wwd",
    "&amp;",
    "&lol9;",
    "&#x110000;",
    "&#0;",
    "&",
    "<![CDATA[",
    "]]>",
    "<!--",
    "-->",
    "--",
    "<!DOCTYPE a [<!ENTITY lol9 \"x\">",
    "]>",
    "<?",
    "?>",
    "<",
    ">",
    "\n",
    "\u{feff}",
    "\0",
];
