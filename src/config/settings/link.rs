//! A section whose content stands in another file.

use std::path::{Component, Path, PathBuf};

use super::flaw::{Cause, Elsewhere, Flaw};

/// An attribute of a section that names the file with its content.
#[derive(Clone, Debug)]
pub(super) struct Link {
    pub(super) line: usize,
    pub(super) attribute: &'static str,
    pub(super) value: String,
}

impl Link {
    /// Returns a flaw at this attribute.
    pub(super) fn flaw(&self, cause: impl Into<Cause>) -> Flaw {
        Flaw::new(Some(self.line), Some(self.attribute), cause)
    }

    /// Returns the path of the file: beside the one that names it, or below.
    ///
    /// A path that leads out of the folder is not followed: settings must not become a way to read
    /// any file of the machine.
    pub(super) fn target(&self, from: &Path) -> Result<PathBuf, Cause> {
        // These files come from Windows.
        let relative = self.value.replace('\\', "/");
        let is_inside = |part| matches!(part, Component::Normal(_) | Component::CurDir);
        // A colon would name a drive or a stream of a file.
        let is_plain = !relative.contains(':');
        if !is_plain || !Path::new(&relative).components().all(is_inside) {
            return Err(Elsewhere::Outside(relative.into()).into());
        }
        Ok(from.with_file_name("").join(relative))
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::Link;
    use crate::config::settings::flaw::Flaw;
    use crate::config::settings::xml::parse_document;

    fn target(value: &str, from: &str) -> Option<PathBuf> {
        let link = Link {
            line: 1,
            attribute: "configSource",
            value: value.to_owned(),
        };
        link.target(Path::new(from)).ok()
    }

    #[test]
    fn a_file_beside_or_below_is_followed() {
        for (value, from, expected) in [
            ("x.config", "/srv/web.config", "/srv/x.config"),
            ("x.config", "web.config", "x.config"),
            (
                r"config\x.config",
                "/srv/web.config",
                "/srv/config/x.config",
            ),
            ("./config/x.config", "a/web.config", "a/config/x.config"),
        ] {
            let expected = Some(PathBuf::from(expected));
            assert_eq!(target(value, from), expected, "{value}");
        }
    }

    #[test]
    fn a_path_out_of_the_folder_is_not_followed() {
        for value in [
            "/etc/passwd",
            "../x.config",
            r"..\x.config",
            "config/../../x.config",
            r"C:\x.config",
            "C:x.config",
            r"\\server\share\x.config",
            "x.config:stream",
        ] {
            assert_eq!(target(value, "/srv/web.config"), None, "{value}");
        }
    }

    #[test]
    fn a_link_is_found_with_its_line() {
        for (attribute, value) in [
            ("configSource", "x.config"),
            ("CONFIGSOURCE", " x.config "),
            ("file", "x&#46;config"),
        ] {
            let text = format!(
                "<configuration>\n<webConnectionConfiguration {attribute}='{value}'/></configuration>"
            );
            let link = parse_document(&text).unwrap().link.unwrap();
            assert!(attribute.eq_ignore_ascii_case(link.attribute));
            assert_eq!((link.line, &*link.value), (2, "x.config"));
        }
        for (text, key, cause) in [
            (
                "<webConnectionConfiguration file='a' configSource='b'/>",
                "configSource",
                "already set in line 1",
            ),
            (
                "<webConnectionConfiguration file='&x;'/>",
                "file",
                "the value holds an entity",
            ),
        ] {
            let Flaw { spot, cause: found } = parse_document(text).unwrap_err();
            assert_eq!((spot.line, spot.key), (Some(1), Some(key)));
            assert!(found.to_string().starts_with(cause), "{found}");
        }
    }
}
