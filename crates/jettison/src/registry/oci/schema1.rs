//! Docker's signed schema 1 manifests, which old registries still keep: their digest is that of the
//! signed part, not of all bytes (libtrust's JSON web signatures, `ParsePrettySignature`).

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use serde::Deserialize;

#[derive(Deserialize)]
struct Signed {
    signatures: Vec<Signature>,
}

#[derive(Deserialize)]
struct Signature {
    protected: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Protected {
    format_length: usize,
    format_tail: String,
}

/// The signed part of a signed manifest; `None` if it is none.
pub(super) fn payload(manifest: &[u8]) -> Option<Vec<u8>> {
    let signed: Signed = serde_json::from_slice(manifest).ok()?;
    let protected = BASE64_URL_SAFE_NO_PAD
        .decode(&signed.signatures.first()?.protected)
        .ok()?;
    let protected: Protected = serde_json::from_slice(&protected).ok()?;
    let mut payload = manifest.get(..protected.format_length)?.to_vec();
    payload.extend(BASE64_URL_SAFE_NO_PAD.decode(&protected.format_tail).ok()?);
    Some(payload)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_signed_part() {
        let payload_text = "{\n   \"schemaVersion\": 1,\n   \"name\": \"a\"\n}";
        let length = payload_text.len() - 2;
        let tail = BASE64_URL_SAFE_NO_PAD.encode("\n}");
        let protected = BASE64_URL_SAFE_NO_PAD.encode(format!(r#"{{"formatLength":{length},"formatTail":"{tail}"}}"#));
        let signed = format!(
            r#"{},"signatures":[{{"protected":"{protected}"}}]}}"#,
            &payload_text[..length]
        );
        assert_eq!(payload(signed.as_bytes()).as_deref(), Some(payload_text.as_bytes()));
    }

    #[test]
    fn survives_what_is_no_signed_manifest() {
        let beyond = BASE64_URL_SAFE_NO_PAD.encode(r#"{"formatLength":99999,"formatTail":""}"#);
        let beyond = format!(r#"{{"signatures":[{{"protected":"{beyond}"}}]}}"#);
        for text in [
            "",
            "{}",
            r#"{"signatures":[]}"#,
            r#"{"signatures":[{"protected":"!"}]}"#,
            &beyond,
        ] {
            assert_eq!(payload(text.as_bytes()), None, "{text}");
        }
    }
}
