//! What is read from settings files, and how flaws in them are reported.

use std::path::Path;

use super::document::{PROCESS_SCRIPT_MAP, Settings, USE_WEB_SOCKETS};
use super::flaw::{Flaw, Spot};
use super::xml;
use crate::config::ConfigErrorKind;

const WEB_CONFIG: &str = r#"<?xml version="1.0"?>
<configuration>
  <webConnectionConfiguration>
    <add key="TempPath" value="C:\Temp\" />
    <add key="UseWebSockets" value="True"/>
    <add key="WebSocketProcessScriptmap" value="wwd" />
  </webConnectionConfiguration>
</configuration>
"#;

fn read(text: &str) -> Result<Settings, Flaw> {
    xml::parse_document(text)?.complete()
}

fn on(script_map: &str) -> Settings {
    Settings {
        enabled: Some(true),
        script_map: Some(script_map.parse().unwrap()),
    }
}

const SECTION: &str = "webConnectionConfiguration";

const OTHER_SECTION: &str =
    "<webConnectionConfiguration><add key='TempPath' value='x'/></webConnectionConfiguration>";

fn element(use_web_sockets: &str, script_map: &str) -> String {
    format!(
        "<s>\n<{USE_WEB_SOCKETS}>{use_web_sockets}</{USE_WEB_SOCKETS}>\n\
         <{PROCESS_SCRIPT_MAP}>{script_map}</{PROCESS_SCRIPT_MAP}>\n</s>"
    )
}

fn error(text: &str) -> (Spot, ConfigErrorKind, String) {
    let flaw = read(text).unwrap_err();
    let spot = flaw.spot;
    let error = flaw.in_file(Path::new("x.xml"));
    (spot, error.kind(), error.to_string())
}

#[test]
fn s04_elements_are_read_anywhere_under_the_root() {
    for text in [
        &element("True", "wwd"),
        "<a><b><UseWebSockets>True</UseWebSockets></b>\
         <c><WebSocketProcessScriptmap>wwd</WebSocketProcessScriptmap></c></a>",
        "<a xmlns='urn:x' xmlns:w='urn:y'><w:UseWebSockets t='1'>1</w:UseWebSockets>\
         <WebSocketProcessScriptmap>.wwd</WebSocketProcessScriptmap></a>",
    ] {
        assert_eq!(read(text).unwrap(), on("wwd"), "{text}");
    }
}

#[test]
fn s04_pairs_are_read_in_the_section_of_a_web_config_alone() {
    assert_eq!(read(WEB_CONFIG).unwrap(), on("wwd"));

    let elsewhere = WEB_CONFIG
        .replace("webConnectionConfiguration>", "appSettings>")
        .replace("</conf", &format!("{OTHER_SECTION}</conf"));
    assert_eq!(read(&elsewhere).unwrap(), Settings::default());

    let after = format!(
        "<configuration><location>{OTHER_SECTION}</location>\
         <add key='UseWebSockets' value='nonsense'/></configuration>"
    );
    assert_eq!(read(&after).unwrap(), Settings::default());

    let nested = WEB_CONFIG
        .replace("<webC", "<location path='.'><location><webC")
        .replace(
            "</webConnectionConfiguration>",
            "</webConnectionConfiguration></location></location>",
        );
    assert_eq!(read(&nested).unwrap(), on("wwd"));
}

#[test]
fn s04_the_documented_lines_alone_mean_what_they_mean_in_a_file() {
    for text in [
        "<UseWebSockets>True</UseWebSockets>\n\
         <WebSocketProcessScriptmap>wwd</WebSocketProcessScriptmap>\n",
        "<?xml version='1.0'?><!-- both --><usewebsockets>1</usewebsockets>\
         <s><WebSocketProcessScriptmap>wwd</WebSocketProcessScriptmap></s>",
        "<add key=\"UseWebSockets\" value=\"True\" />\r\n\
         <add key=\"WebSocketProcessScriptmap\" value=\"wwd\" ></add>",
        "<TempPath>x</TempPath><UseWebSockets>True</UseWebSockets>\
         <add key='WebSocketProcessScriptmap' value='wwd'/>",
    ] {
        assert_eq!(read(text).unwrap(), on("wwd"), "{text}");
    }
    let (spot, kind, _) = error("<UseWebSockets>True</UseWebSockets>");
    assert_eq!((spot.line, kind), (Some(1), ConfigErrorKind::NoScriptMap));
    let (spot, kind, _) = error("\n<UseWebSockets>True</UseWebSockets>\n<UseWebSockets/>");
    assert_eq!((spot.line, kind), (Some(3), ConfigErrorKind::Repeated));
}

#[test]
fn an_empty_file_or_section_is_never_off_in_silence() {
    for (text, line, key) in [
        (
            "<configuration>\n<webConnectionConfiguration/></configuration>",
            2,
            Some(SECTION),
        ),
        (
            "<configuration>\n<webConnectionConfiguration>\n<!-- <add key='UseWebSockets' \
             value='True'/> --> </webConnectionConfiguration><other/></configuration>",
            2,
            Some(SECTION),
        ),
        (
            "<configuration><other/><webConnectionConfiguration><clear/><remove key='x'/>\
             </webConnectionConfiguration></configuration>",
            1,
            Some(SECTION),
        ),
        ("<webConnectionConfiguration file=' '/>", 1, Some(SECTION)),
        ("\n<s/>", 2, None),
        (
            "<s>text<!-- <UseWebSockets>True</UseWebSockets> --></s>",
            1,
            None,
        ),
    ] {
        let (spot, kind, told) = error(text);
        assert_eq!((spot.line, spot.key), (Some(line), key), "{text}");
        assert_eq!(kind, ConfigErrorKind::Empty, "{text}");
        assert!(told.contains("empty; set UseWebSockets"), "{told}");
    }
    // One that says other things is read, and the log says that sockets are off.
    assert_eq!(read(OTHER_SECTION).unwrap(), Settings::default());
}

#[test]
fn a_section_whose_content_is_made_elsewhere_is_an_error_with_the_attribute() {
    let encrypted = "<configuration>\n<webConnectionConfiguration>\n<w:EncryptedData/>\n\
                     </webConnectionConfiguration></configuration>";
    let attribute = |name: &str| {
        WEB_CONFIG.replace(
            "nfiguration>\n    <add",
            &format!("nfiguration {name}='x'>\n    <add"),
        )
    };
    for (text, line, key) in [
        (
            attribute("configProtectionProvider"),
            3,
            "configProtectionProvider",
        ),
        (
            attribute("CONFIGPROTECTIONPROVIDER"),
            3,
            "configProtectionProvider",
        ),
        (attribute("configBuilders"), 3, "configBuilders"),
        (encrypted.to_owned(), 3, "EncryptedData"),
    ] {
        let (spot, kind, told) = error(&text);
        assert_eq!((spot.line, spot.key), (Some(line), Some(key)), "{text}");
        assert_eq!(kind, ConfigErrorKind::Elsewhere, "{text}");
        assert!(
            told.starts_with(&format!("x.xml, line {line}, {key}: ")),
            "{told}"
        );
    }
    // What is encrypted beside the section does not matter.
    let beside = WEB_CONFIG.replace(
        "<webC",
        "<connectionStrings configProtectionProvider='x'><EncryptedData/></connectionStrings><webC",
    );
    assert_eq!(read(&beside).unwrap(), on("wwd"));
}

#[test]
fn what_is_taken_back_does_not_count() {
    for (inserted, expected) in [
        ("<clear/>", Settings::default()),
        (
            "<remove key='usewebsockets'/><add key='UseWebSockets' value='no'/>",
            Settings {
                enabled: Some(false),
                ..on("wwd")
            },
        ),
        ("<remove key='Other'/>", on("wwd")),
        (
            "<remove key='WebSocketProcessScriptmap'/>\
             <add key='WebSocketProcessScriptmap' value='wc3'/>",
            on("wc3"),
        ),
    ] {
        let text = WEB_CONFIG.replace("  </webC", &format!("{inserted}</webC"));
        assert_eq!(read(&text).unwrap(), expected, "{inserted}");
    }
    // Elsewhere it means other things.
    let beside = WEB_CONFIG.replace("</conf", "<handlers><clear/></handlers></conf");
    assert_eq!(read(&beside).unwrap(), on("wwd"));
}

#[test]
fn s04_sockets_are_left_out_or_off_without_a_script_map() {
    assert_eq!(read("<s><Name/></s>").unwrap(), Settings::default());
    let off = Settings {
        enabled: Some(false),
        script_map: None,
    };
    for text in [
        "<s><UseWebSockets>False</UseWebSockets></s>",
        &element("no", ""),
        "<s><UseWebSockets>0</UseWebSockets><WebSocketProcessScriptmap/></s>",
    ] {
        assert_eq!(read(text).unwrap(), off, "{text}");
    }
}

#[test]
fn names_and_values_are_read_in_any_case_with_space_around_them() {
    let text = "<S>\n<usewebsockets>\n  TRUE\n</usewebsockets>\
                <WEBSOCKETPROCESSSCRIPTMAP>\twwd </WEBSOCKETPROCESSSCRIPTMAP></S>";
    assert_eq!(read(text).unwrap(), on("wwd"));
    let text = WEB_CONFIG
        .replace("UseWebSockets", " usewebsockets ")
        .replace("webConnectionConfiguration", "WEBCONNECTIONCONFIGURATION")
        .replace("add key", "Add Key")
        .replace("value=\"True\"", "VALUE=' yes '");
    assert_eq!(read(&text).unwrap(), on("wwd"));
}

#[test]
fn comments_character_data_and_plain_entities_are_text() {
    for value in [
        "w<!-- not this -->wd",
        "<![CDATA[wwd]]>",
        "w<![CDATA[w]]>d",
        "&#119;&#x77;d",
        "<?skip this?>wwd",
    ] {
        let text = element("<!-- off? -->True", value);
        assert_eq!(read(&text).unwrap(), on("wwd"), "{value}");
    }
    let commented =
        element("True", "wwd").replace("<s>", "<s><!-- <UseWebSockets>False</UseWebSockets> -->");
    assert_eq!(read(&commented).unwrap(), on("wwd"));

    let entities = WEB_CONFIG.replace("\"wwd\"", "\"w&#x77;d\"");
    assert_eq!(read(&entities).unwrap(), on("wwd"));
}

#[test]
fn a_bad_value_is_an_error_with_its_line_and_key() {
    for bad in ["", "on", "2", "True False", "&quot;True&quot;"] {
        let (spot, kind, text) = error(&element(bad, "wwd"));
        assert_eq!(spot.line, Some(2), "{bad}");
        assert_eq!(spot.key, Some(USE_WEB_SOCKETS));
        assert_eq!(kind, ConfigErrorKind::Bool);
        assert!(
            text.starts_with("x.xml, line 2, UseWebSockets: \""),
            "{text}"
        );
    }
    let (spot, kind, text) = error(&WEB_CONFIG.replace("\"wwd\"", "\"w/d\""));
    assert_eq!((spot.line, kind), (Some(6), ConfigErrorKind::ScriptMap));
    assert!(
        text.starts_with("x.xml, line 6, WebSocketProcessScriptmap: \"w/d\" is not a script map"),
        "{text}"
    );
}

#[test]
fn s04_sockets_that_are_on_need_a_script_map() {
    for text in [
        element("True", " "),
        "<s>\n<UseWebSockets>True</UseWebSockets></s>".to_owned(),
    ] {
        let (spot, kind, text) = error(&text);
        assert_eq!(spot.line, Some(2));
        assert_eq!(kind, ConfigErrorKind::NoScriptMap);
        assert!(
            text.contains(", WebSocketProcessScriptmap: missing"),
            "{text}"
        );
    }
}

#[test]
fn a_setting_made_twice_is_an_error_with_both_lines() {
    let text = WEB_CONFIG.replace(
        "  </webC",
        "<add key=\"usewebsockets\" value=\"False\"/>\n</webC",
    );
    let (spot, kind, text) = error(&text);
    assert_eq!((spot.line, kind), (Some(7), ConfigErrorKind::Repeated));
    assert!(
        text.ends_with("UseWebSockets: already set in line 5"),
        "{text}"
    );
}

#[test]
fn a_value_is_neither_an_element_nor_an_entity_of_the_documents_own() {
    for bad in ["<b>True</b>", "True<b/>", "&a;", "&b;", "&nbsp;"] {
        let (spot, kind, _) = error(&element(bad, "wwd"));
        assert_eq!(spot.key, Some(USE_WEB_SOCKETS), "{bad}");
        assert_eq!((spot.line, kind), (Some(2), ConfigErrorKind::Malformed));
    }
    let (spot, kind, _) = error(&WEB_CONFIG.replace("True", "&a;"));
    assert_eq!((spot.line, kind), (Some(5), ConfigErrorKind::Malformed));

    let elsewhere = element("True", "wwd").replace("<s>", "<s><Name>&b;</Name>");
    assert_eq!(read(&elsewhere).unwrap(), on("wwd"));
}

#[test]
fn a_document_type_is_an_error() {
    for doctype in [
        "<!DOCTYPE s>",
        "<!doctype s SYSTEM 'http://evil.test/s.dtd'>",
        "<!DOCTYPE s [<!ENTITY a \"True\"><!ENTITY b \"&a;&a;&a;\">]>",
    ] {
        let (spot, kind, told) = error(&format!("\n{doctype}\n{}", element("True", "wwd")));
        assert_eq!((spot.line, kind), (Some(2), ConfigErrorKind::Malformed));
        assert!(told.contains("<!DOCTYPE>"), "{told}");
    }
}

#[test]
fn what_is_no_text_is_an_error() {
    // UTF-32, which looks like UTF-16 at its beginning.
    let (spot, kind, told) = error("<\0\0s\0>\0");
    assert_eq!((spot.line, kind), (Some(1), ConfigErrorKind::Malformed));
    assert!(told.contains("save it as UTF-8"), "{told}");
}

#[test]
fn what_is_not_well_formed_is_an_error_with_its_line() {
    for (bad, line) in [
        ("", 1),
        ("\n\n", 3),
        ("just text", 1),
        ("{\"UseWebSockets\": true}", 1),
        ("<s>\n<a>\n</s>", 3),
        ("<s>\n<UseWebSockets>True\n", 2),
        ("<s>\n\n<a>", 3),
        ("<s>\n<a", 2),
        ("<s>\n<!-- <a></s>", 2),
        ("</s>", 1),
        ("<s>\n<Name>R&D</Name></s>", 2),
    ] {
        let (spot, kind, text) = error(bad);
        assert_eq!(kind, ConfigErrorKind::Malformed, "{bad:?}");
        assert_eq!(spot.line, Some(line), "{bad:?}: {text}");
    }
}

#[test]
fn a_web_config_of_iis_alone_is_no_settings_file() {
    let text = "<configuration><system.webServer/></configuration>";
    assert_eq!(error(text).1, ConfigErrorKind::NoSection);
}

#[test]
fn a_long_bad_value_is_cut_in_the_error() {
    let (_, _, text) = error(&element(&"x".repeat(100_000), "wwd"));
    assert!(text.len() < 300, "{}", text.len());
}

#[test]
fn files_made_to_be_slow_are_read_all_the_same() {
    let many = |piece: &str| piece.repeat(500_000 / piece.len());
    let attributes: String = (0..60_000).map(|n| format!(" a{n}='1'")).collect();
    for text in [
        many("<a>"),
        many("<UseWebSockets>"),
        many("<!DOCTYPE a ["),
        many("<!--"),
        many("<![CDATA["),
        many("&"),
        many("&#1;"),
        many("<webConnectionConfiguration>"),
        many("\n"),
        format!("<configuration><webConnectionConfiguration><add{attributes}/>"),
    ] {
        assert!(read(&text).is_err(), "{}", &text[..20]);
    }
}
