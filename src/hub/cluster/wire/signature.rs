//! The signature by which nodes that share a key know each other's frames.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Signs frames, and tells whether one was signed with the same key.
#[derive(Clone)]
pub(in crate::hub::cluster) struct Key(Hmac<Sha256>);

/// The bytes of a signature.
pub(super) const SIGNATURE: usize = 32;

impl Key {
    pub(in crate::hub::cluster) fn new(key: &[u8]) -> Self {
        Self(Hmac::new_from_slice(key).expect("HMAC takes a key of any length"))
    }

    pub(super) fn sign(&self, bytes: &[u8]) -> [u8; SIGNATURE] {
        let mut mac = self.0.clone();
        mac.update(bytes);
        mac.finalize().into_bytes().into()
    }

    /// Whether the last bytes are the signature of the others, told in constant time.
    pub(super) fn verify<'a>(&self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        let at = bytes.len().checked_sub(SIGNATURE)?;
        let (signed, signature) = bytes.split_at(at);
        let mut mac = self.0.clone();
        mac.update(signed);
        mac.verify_slice(signature).ok().map(|()| signed)
    }
}
