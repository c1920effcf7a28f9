//! The methods that address a message.

use crate::protocol::{ConnectionId, Recipient, SocketMessage};

/// The audience: the sockets that the `to_…` methods add, or all of them if none was called, minus the
/// sockets that the `except_…` methods remove.
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

    /// Adds the members of a group; the empty name is the default group, which holds every socket.
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

    /// Adds every socket of a user; the name must not be empty, or readers refuse the message.
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

    /// Removes the members of a group from the audience; the empty name removes every socket.
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

    /// Removes every socket of a user from the audience; the empty name removes none.
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

    /// Removes one socket from the audience.
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
