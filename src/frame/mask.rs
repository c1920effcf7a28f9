//! The masking of what clients send (RFC 6455 §5.3).

/// Unmasks a part of a payload, and turns the key to where the next part begins.
pub(super) fn unmask(part: &mut [u8], key: &mut [u8; 4]) {
    let word = u64::from(u32::from_ne_bytes(*key));
    let word = word << 32 | word;
    // Eight bytes at a time, which compilers turn into wider steps still.
    let mut chunks = part.chunks_exact_mut(8);
    for chunk in &mut chunks {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(chunk);
        chunk.copy_from_slice(&(u64::from_ne_bytes(bytes) ^ word).to_ne_bytes());
    }
    let rest = chunks.into_remainder().iter_mut();
    for (byte, key) in rest.zip(key.iter().cycle()) {
        *byte ^= key;
    }
    key.rotate_left(part.len() % 4);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_unmasked_in_whatever_parts_it_comes() {
        const KEY: [u8; 4] = [1, 2, 3, 4];
        let plain: Vec<u8> = (0..100).collect();
        let masked = plain.iter().zip(KEY.iter().cycle()).map(|(b, k)| b ^ k);
        let masked: Vec<u8> = masked.collect();
        for size in 1..=masked.len() {
            let (mut bytes, mut key) = (masked.clone(), KEY);
            for part in bytes.chunks_mut(size) {
                unmask(part, &mut key);
            }
            assert_eq!(bytes, plain, "in parts of {size}");
        }
    }
}
