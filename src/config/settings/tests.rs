use std::path::Path;

use super::xml::{Flaw, Settings, read};
use super::{ConfigError, PROCESS_SCRIPT_MAP, Spot, USE_WEB_SOCKETS};
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

fn on(script_map: &str) -> Settings {
    Settings {
        enabled: Some(true),
        script_map: Some(script_map.parse().unwrap()),
    }
}

fn element(use_web_sockets: &str, script_map: &str) -> String {
    format!(
        "<s>\n<{USE_WEB_SOCKETS}>{use_web_sockets}</{USE_WEB_SOCKETS}>\n\
         <{PROCESS_SCRIPT_MAP}>{script_map}</{PROCESS_SCRIPT_MAP}>\n</s>"
    )
}

fn error(text: &str) -> (Spot, ConfigErrorKind, String) {
    let Flaw { spot, cause } = read(text).unwrap_err();
    let error = ConfigError::of_file(Path::new("x.xml"), spot, cause);
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
        .replace("</conf", "<webConnectionConfiguration/></conf");
    assert_eq!(read(&elsewhere).unwrap(), Settings::default());

    let after = "<configuration><location><webConnectionConfiguration/></location>\
                 <add key='UseWebSockets' value='nonsense'/></configuration>";
    assert_eq!(read(after).unwrap(), Settings::default());
}

#[test]
fn s04_sockets_are_left_out_or_off_without_a_script_map() {
    assert_eq!(read("<s/>").unwrap(), Settings::default());
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
        assert_eq!(kind, ConfigErrorKind::Switch);
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
        text.ends_with("UseWebSockets: set before, in line 5"),
        "{text}"
    );
}

#[test]
fn a_value_is_neither_an_element_nor_an_entity_of_the_documents_own() {
    let laughs = "<!DOCTYPE s [<!ENTITY a \"True\"><!ENTITY b \"&a;&a;&a;\">]>\n";
    for bad in ["<b>True</b>", "True<b/>", "&a;", "&b;", "&nbsp;"] {
        let (spot, kind, _) = error(&format!("{laughs}{}", element(bad, "wwd")));
        assert_eq!(spot.key, Some(USE_WEB_SOCKETS), "{bad}");
        assert_eq!((spot.line, kind), (Some(3), ConfigErrorKind::Malformed));
    }
    let (spot, kind, _) = error(&WEB_CONFIG.replace("True", "&a;"));
    assert_eq!((spot.line, kind), (Some(5), ConfigErrorKind::Malformed));

    let elsewhere = element("True", "wwd").replace("<s>", "<s><Name>&b;</Name>");
    assert_eq!(read(&format!("{laughs}{elsewhere}")).unwrap(), on("wwd"));
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
