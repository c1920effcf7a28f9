//! The decoder against single cases of RFC 6455 §§5–8, and against tungstenite.

mod client;
mod limits;
mod messages;
mod properties;
mod rules;
