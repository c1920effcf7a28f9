//! Says who gets a message.

use crate::protocol::{ConnectionId, Recipient, SocketMessage};

/// Who gets it: everybody whom a `to_…` adds, or every socket if none does, minus everybody whom an
/// `except_…` takes out.
impl SocketMessage {
    /// Adds every socket to the audience.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::{Recipient, SocketMessage};
    ///
    /// let message = SocketMessage::new("news").to_all();
    /// assert_eq!(message.recipients, [Recipient::all()]);
    /// ```
    #[must_use]
    pub fn to_all(self) -> Self {
        self.to(Recipient::all())
    }

    /// Adds the members of a group; the empty name is the default group, which is everybody.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::{Recipient, SocketMessage};
    ///
    /// let message = SocketMessage::new("news").to_group("sales");
    /// assert_eq!(message.recipients, [Recipient::group("sales")]);
    /// ```
    #[must_use]
    pub fn to_group(self, group: impl Into<String>) -> Self {
        self.to(Recipient::group(group))
    }

    /// Adds every socket of a user, who must have a name: the empty one is refused by readers.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::{Recipient, SocketMessage};
    ///
    /// let message = SocketMessage::new("news").to_user("ann");
    /// assert_eq!(message.recipients, [Recipient::user("ann")]);
    /// ```
    #[must_use]
    pub fn to_user(self, user: impl Into<String>) -> Self {
        self.to(Recipient::user(user))
    }

    /// Adds one socket.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::{ConnectionId, Recipient, SocketMessage};
    ///
    /// let id: ConnectionId = "000000000000002a0000000000000007".parse()?;
    /// let message = SocketMessage::new("news").to_connection(id);
    /// assert_eq!(message.recipients, [Recipient::connection(id)]);
    /// # Ok::<(), web_connection_socket::ParseConnectionIdError>(())
    /// ```
    #[must_use]
    pub fn to_connection(self, connection: ConnectionId) -> Self {
        self.to(Recipient::connection(connection))
    }

    /// Takes the members of a group out of the audience; the empty name leaves nobody.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::{Recipient, SocketMessage};
    ///
    /// let message = SocketMessage::new("news").except_group("sales");
    /// assert_eq!(message.recipients, [Recipient::all_but_group("sales")]);
    /// ```
    #[must_use]
    pub fn except_group(self, group: impl Into<String>) -> Self {
        self.to(Recipient::all_but_group(group))
    }

    /// Takes every socket of a user out of the audience; the empty name takes out nobody.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::{Recipient, SocketMessage};
    ///
    /// let message = SocketMessage::new("news").except_user("bob");
    /// assert_eq!(message.recipients, [Recipient::all_but_user("bob")]);
    /// ```
    #[must_use]
    pub fn except_user(self, user: impl Into<String>) -> Self {
        self.to(Recipient::all_but_user(user))
    }

    /// Takes one socket out of the audience.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::{ConnectionId, Recipient, SocketMessage};
    ///
    /// let id: ConnectionId = "000000000000002a0000000000000007".parse()?;
    /// let message = SocketMessage::new("news").except_connection(id);
    /// assert_eq!(message.recipients, [Recipient::all_but_connection(id)]);
    /// # Ok::<(), web_connection_socket::ParseConnectionIdError>(())
    /// ```
    #[must_use]
    pub fn except_connection(self, connection: ConnectionId) -> Self {
        self.to(Recipient::all_but_connection(connection))
    }

    fn to(mut self, recipient: Recipient) -> Self {
        self.recipients.push(recipient);
        self
    }
}
