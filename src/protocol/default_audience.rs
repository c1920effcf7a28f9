//! The audience of a message without recipients.

/// The sockets that receive a message without recipients.
///
/// # Examples
///
/// ```
/// use web_connection_socket::DefaultAudience;
///
/// assert_eq!(DefaultAudience::default(), DefaultAudience::All);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DefaultAudience {
    /// Every socket.
    #[default]
    All,
    /// The sockets that joined no group.
    Ungrouped,
}
