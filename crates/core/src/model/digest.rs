//! Content digests: the only name of a manifest or blob that never moves.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use serde::{Deserialize, Serialize, Serializer};
use sha2::{Digest as _, Sha256, Sha512};

use super::legible;

/// A content digest, `algorithm:encoded` (image-spec, descriptor.md, "Digests").
///
/// Only the registered algorithms `sha256` and `sha512` are accepted, because jettison never
/// trusts a digest that it cannot compute itself. Orders as its text does.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Digest(Repr);

/// `sha256` is stored in place: large repositories hold millions of them. The order of the variants is that of the
/// algorithms' names.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Repr {
    Sha256([u8; 32]),
    Sha512(Box<[u8; 64]>),
}

/// Why a text is not a digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a digest: expected sha256: and 64 lower-case hex digits (or sha512: and 128)")]
pub struct InvalidDigest {
    text: String,
}

impl Digest {
    /// The digest that engines write as an image's id: with its algorithm, or the 64 digits of a `sha256` alone.
    pub fn of_image_id(text: &str) -> Option<Self> {
        let bare = || decode::<32>(text).map(|bytes| Self(Repr::Sha256(bytes)));
        text.parse().ok().or_else(bare)
    }

    /// The `sha256` digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Repr::Sha256(Sha256::digest(bytes).into()))
    }

    /// Whether `bytes` hash to this digest, in the digest's own algorithm.
    pub fn fits(&self, bytes: &[u8]) -> bool {
        match &self.0 {
            Repr::Sha256(expected) => Sha256::digest(bytes).as_slice() == expected,
            Repr::Sha512(expected) => Sha512::digest(bytes).as_slice() == expected.as_slice(),
        }
    }

    /// The algorithm, `sha256` or `sha512`.
    pub fn algorithm(&self) -> &'static str {
        match self.0 {
            Repr::Sha256(_) => "sha256",
            Repr::Sha512(_) => "sha512",
        }
    }

    /// The encoded part: lower-case hex.
    pub fn hex(&self) -> String {
        let text = Text::of(self);
        text.as_str()[self.algorithm().len() + 1..].to_owned()
    }

    /// The first eight bytes as a number. Digests whose leading numbers differ are ordered as these are.
    pub(crate) fn leading(&self) -> u64 {
        match &self.0 {
            Repr::Sha256(bytes) => bytes.first_chunk().copied().map_or(0, u64::from_be_bytes),
            // Behind every `sha256`; which of them comes first, the digests themselves have to say.
            Repr::Sha512(_) => u64::MAX,
        }
    }

    /// The first 32 bytes in four numbers: of a `sha256` all of it, of a `sha512` so much that no two are alike.
    pub(crate) fn key(&self) -> [u64; 4] {
        let mut key = [0; 4];
        let (chunks, _) = self.bytes().as_chunks::<8>();
        for (part, bytes) in key.iter_mut().zip(chunks) {
            *part = u64::from_be_bytes(*bytes);
        }
        key
    }

    /// The last eight bytes as a number: something to tell most digests apart by.
    pub(crate) fn trailing(&self) -> u64 {
        self.bytes().last_chunk().copied().map_or(0, u64::from_be_bytes)
    }

    /// `sha256:` and the first twelve hex digits, for people.
    pub fn short(&self) -> String {
        let mut text = self.to_string();
        text.truncate(self.algorithm().len() + 1 + 12);
        text
    }

    fn bytes(&self) -> &[u8] {
        match &self.0 {
            Repr::Sha256(bytes) => bytes,
            Repr::Sha512(bytes) => bytes.as_slice(),
        }
    }
}

/// Takes bytes, and gives their `sha256` digest in the end.
#[derive(Debug, Clone, Default)]
pub struct DigestWriter(Sha256);

impl DigestWriter {
    /// The digest of all that was written.
    pub fn finish(self) -> Digest {
        Digest(Repr::Sha256(self.0.finalize().into()))
    }
}

impl std::io::Write for DigestWriter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// One call of the hasher a digest: the algorithm is told by the length.
impl Hash for Digest {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(self.bytes());
    }
}

/// The longest text: `sha512:` and 128 hex digits.
const LONGEST: usize = 7 + 128;

/// A digest as text, without a detour over the heap: plans print millions of them.
struct Text {
    bytes: [u8; LONGEST],
    length: usize,
}

impl Text {
    fn of(digest: &Digest) -> Self {
        const HEX: [u8; 16] = *b"0123456789abcdef";
        let algorithm = digest.algorithm().as_bytes();
        let digits = digest.bytes().iter().flat_map(|byte| [byte >> 4, byte & 15]);
        let digits = digits.map(|digit| HEX[usize::from(digit)]);
        let mut bytes = [0; LONGEST];
        let mut length = 0;
        for (place, byte) in bytes
            .iter_mut()
            .zip(algorithm.iter().copied().chain([b':']).chain(digits))
        {
            *place = byte;
            length += 1;
        }
        Self { bytes, length }
    }

    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.length]).unwrap_or_default()
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(Text::of(self).as_str())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Text::of(self).as_str())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = InvalidDigest;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidDigest { text: legible(text) };
        let (algorithm, encoded) = text.split_once(':').ok_or_else(invalid)?;
        match algorithm {
            "sha256" => decode::<32>(encoded).map(|bytes| Self(Repr::Sha256(bytes))),
            "sha512" => decode::<64>(encoded).map(|bytes| Self(Repr::Sha512(Box::new(bytes)))),
            _ => None,
        }
        .ok_or_else(invalid)
    }
}

impl TryFrom<String> for Digest {
    type Error = InvalidDigest;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

/// Exactly `N` bytes of lower-case hex; upper case is not canonical (image-spec, descriptor.md).
fn decode<const N: usize>(encoded: &str) -> Option<[u8; N]> {
    let encoded = encoded.as_bytes();
    if encoded.len() != N * 2 {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(encoded.chunks_exact(2)) {
        *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
    }
    Some(bytes)
}

fn nibble(character: u8) -> Option<u8> {
    match character {
        b'0'..=b'9' => Some(character - b'0'),
        b'a'..=b'f' => Some(character - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_prints() {
        for digest in [Digest::of(b"x"), format!("sha512:{}", "0a".repeat(64)).parse().unwrap()] {
            assert_eq!(digest.to_string().parse::<Digest>(), Ok(digest));
        }
    }

    #[test]
    fn refuses_what_is_no_digest() {
        let upper = Digest::of(b"x").to_string().to_uppercase();
        for text in [
            "",
            "sha256:",
            "sha256:abc",
            "md5:0123",
            &upper,
            &format!("sha256:{}", "g".repeat(64)),
        ] {
            assert!(text.parse::<Digest>().is_err(), "{text}");
        }
    }

    #[test]
    fn orders_as_its_text() {
        let mut digests: Vec<Digest> = (0..64_u8).map(|n| Digest::of(&[n])).collect();
        digests.push(format!("sha512:{}", "00".repeat(64)).parse().unwrap());
        let mut texts: Vec<String> = digests.iter().map(Digest::to_string).collect();
        digests.sort();
        texts.sort();
        assert_eq!(digests.iter().map(Digest::to_string).collect::<Vec<_>>(), texts);
    }

    #[test]
    fn fits_only_its_own_bytes() {
        let sha512: Digest = format!("sha512:{}", Digest512::hex(b"x")).parse().unwrap();
        assert!(sha512.fits(b"x") && !sha512.fits(b"y"));
        assert!(Digest::of(b"x").fits(b"x") && !Digest::of(b"x").fits(b"y"));
    }

    struct Digest512;
    impl Digest512 {
        fn hex(bytes: &[u8]) -> String {
            Sha512::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
        }
    }
}
