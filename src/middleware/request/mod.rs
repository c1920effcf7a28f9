//! What is known of a request, read off its head alone.

mod client_addr;
mod extensions;
mod header_list;
mod host;
mod origin;
mod ours;
mod peer_addr;
mod websocket;

pub use self::{client_addr::ClientAddr, peer_addr::PeerAddr};
pub(crate) use self::{
    extensions::forget_request,
    header_list::{encoded_by, has_token, tokens},
    host::{host_of, shown_header, shown_host},
    origin::{PageOrigin, is_by_page, is_cross_site, is_same_host, name_origin},
    ours::{plain, reads_like_ours, says_whence},
    peer_addr::peer_of,
    websocket::{asks_for_websocket, is_extended_connect},
};
