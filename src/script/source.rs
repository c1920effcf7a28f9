//! The text of the client and of its types.

/// The client's source: an ES module.
///
/// # Examples
///
/// ```
/// use web_connection_socket::script;
///
/// std::fs::write(std::env::temp_dir().join("webconnection-websocket.js"), script::SOURCE)?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub const SOURCE: &str = include_str!("webconnection-websocket.js");

/// The client's types and their documentation, for TypeScript.
///
/// # Examples
///
/// ```
/// use web_connection_socket::script;
///
/// assert!(script::TYPES.contains("tryConnect("));
/// ```
pub const TYPES: &str = include_str!("webconnection-websocket.d.ts");

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::SOURCE;

    #[test]
    fn the_source_is_small() {
        assert!(SOURCE.len() <= 30 * 1024, "{} bytes", SOURCE.len());
    }

    #[test]
    fn the_npm_package_is_of_this_version() {
        let package: Value = serde_json::from_str(include_str!("package.json")).unwrap();
        assert_eq!(package["version"], env!("CARGO_PKG_VERSION"));
        assert_eq!(package["license"], env!("CARGO_PKG_LICENSE"));
    }
}
