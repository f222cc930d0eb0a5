//! Content digests as plain text (image-spec, descriptor.md, "Digests").

use sha2::{Digest as _, Sha256, Sha512};

/// The `sha256:…` digest of `bytes`.
pub fn sha256(bytes: &[u8]) -> String {
    format!("sha256:{}", hex(&Sha256::digest(bytes)))
}

/// Whether `bytes` hash to `digest`; false for an algorithm that is not registered.
pub(crate) fn fits(digest: &str, bytes: &[u8]) -> bool {
    match digest.split_once(':') {
        Some(("sha256", encoded)) => hex(&Sha256::digest(bytes)) == encoded,
        Some(("sha512", encoded)) => hex(&Sha512::digest(bytes)) == encoded,
        _ => false,
    }
}

/// Whether `text` is a digest of a registered algorithm.
pub(crate) fn is_digest(text: &str) -> bool {
    let length = match text.split_once(':') {
        Some(("sha256", encoded)) => encoded.len() == 64,
        Some(("sha512", encoded)) => encoded.len() == 128,
        _ => false,
    };
    let is_hex = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    length && text.bytes().skip("sha256:".len()).all(|byte| is_hex(&byte))
}

/// Lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]])
        .map(char::from)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_of_the_standard() {
        let empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(sha256(b""), empty);
        assert!(is_digest(empty) && fits(empty, b"") && !fits(empty, b"x"));
    }

    #[test]
    fn other_texts_are_no_digests() {
        for text in [
            "",
            "latest",
            "sha256:abc",
            "md5:d41d8cd98f00b204e9800998ecf8427e",
            &format!("sha256:{:064X}", 10),
        ] {
            assert!(!is_digest(text), "{text}");
        }
    }
}
