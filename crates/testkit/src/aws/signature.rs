//! Signatures of requests (AWS General Reference, "Create a signed AWS API request", Signature Version 4).

use hmac::{Hmac, KeyInit as _, Mac as _};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use http::request::Parts;
use sha2::{Digest as _, Sha256};
use url::form_urlencoded;

use crate::digest::hex;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// The `Authorization` header of a signed request.
#[derive(Debug)]
pub(super) struct Signature {
    pub(super) key_id: String,
    date: String,
    pub(super) region: String,
    pub(super) service: String,
    signed_headers: Vec<String>,
    signature: String,
}

impl Signature {
    /// None where the request is not signed, or in no form that can be read.
    pub(super) fn read(headers: &HeaderMap) -> Option<Self> {
        let text = headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix(ALGORITHM)?;
        let part = |name: &str| {
            let parts = text.split(',').map(str::trim);
            parts
                .filter_map(|part| part.split_once('='))
                .find(|(key, _)| *key == name)
        };
        let (_, credential) = part("Credential")?;
        let [key_id, date, region, service, "aws4_request"] = credential.split('/').collect::<Vec<_>>()[..] else {
            return None;
        };
        Some(Self {
            key_id: key_id.to_owned(),
            date: date.to_owned(),
            region: region.to_owned(),
            service: service.to_owned(),
            signed_headers: part("SignedHeaders")?.1.split(';').map(str::to_owned).collect(),
            signature: part("Signature")?.1.to_owned(),
        })
    }

    /// Whether whoever signed this request knew the secret. How old the signature is does not matter here.
    pub(super) fn is_made_with(&self, secret: &str, parts: &Parts, body: &[u8]) -> bool {
        let Some(time) = parts.headers.get("x-amz-date").and_then(|value| value.to_str().ok()) else {
            return false;
        };
        let scope = format!("{}/{}/{}/aws4_request", self.date, self.region, self.service);
        let request = hex(&Sha256::digest(self.canonical(parts, body)));
        let text = format!("{ALGORITHM}\n{time}\n{scope}\n{request}");
        let steps = [&self.date, &self.region, &self.service, "aws4_request"];
        let first = format!("AWS4{secret}").into_bytes();
        let key = steps.iter().fold(first, |key, step| keyed(&key, step));
        hex(&keyed(&key, &text)) == self.signature
    }

    fn canonical(&self, parts: &Parts, body: &[u8]) -> String {
        let headers: String = self
            .signed_headers
            .iter()
            .map(|name| {
                let values = parts.headers.get_all(name).iter();
                let values: Vec<&str> = values.filter_map(|value| value.to_str().ok()).map(str::trim).collect();
                format!("{name}:{}\n", values.join(","))
            })
            .collect();
        let query = query(parts.uri.query().unwrap_or_default());
        let signed = self.signed_headers.join(";");
        let body = hex(&Sha256::digest(body));
        let path = encoded(parts.uri.path(), true);
        format!("{}\n{path}\n{query}\n{headers}\n{signed}\n{body}", parts.method)
    }
}

fn keyed(key: &[u8], text: &str) -> Vec<u8> {
    // A key of any length will do, so that this cannot fail.
    let Ok(mut hmac) = Hmac::<Sha256>::new_from_slice(key) else {
        return Vec::new();
    };
    hmac.update(text.as_bytes());
    hmac.finalize().into_bytes().to_vec()
}

fn query(query: &str) -> String {
    let pairs = form_urlencoded::parse(query.as_bytes());
    let pairs = pairs.map(|(key, value)| format!("{}={}", encoded(&key, false), encoded(&value, false)));
    let mut pairs: Vec<String> = pairs.collect();
    pairs.sort();
    pairs.join("&")
}

/// Percent-encoding of everything that RFC 3986 does not leave alone.
fn encoded(text: &str, is_path: bool) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(byte)),
            b'/' if is_path => encoded.push('/'),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}
