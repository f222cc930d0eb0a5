//! `WWW-Authenticate`: every line of the input is one header.
//!
//! - Nobody is sent anywhere with credentials in the clear: a token service is HTTPS, but for a registry on this very
//!   machine, and has no credentials in its URL.
//! - What was read is no longer than what was written; schemes are tokens (RFC 9110); refusals say why.

use std::sync::LazyLock;

use http::HeaderMap;
use http::header::{HeaderValue, WWW_AUTHENTICATE};
use jettison::registry::Connection;
use jettison::registry::fuzzing::{Challenged, challenges};
use url::{Host, Url};

use crate::oracle::assert_message;

static REMOTE: LazyLock<Option<Challenged>> = LazyLock::new(|| challenged("registry.example.com"));
static LOCAL: LazyLock<Option<Challenged>> = LazyLock::new(|| challenged("127.0.0.1:5000"));

fn challenged(host: &str) -> Option<Challenged> {
    Challenged::new(&Connection::new(host.parse().ok()?)).ok()
}

/// Looks at one input.
pub fn run(data: &[u8]) {
    let mut headers = HeaderMap::new();
    for line in data.split(|byte| *byte == b'\n') {
        headers.extend(
            HeaderValue::from_bytes(line)
                .ok()
                .map(|value| (WWW_AUTHENTICATE, value)),
        );
    }
    let mut read = 0;
    for (scheme, parameters) in challenges(&headers) {
        let token = |byte: u8| byte.is_ascii_graphic() && !br#"(),/:;<=>?@[\]{}""#.contains(&byte) || byte == b'/';
        assert!(
            !scheme.is_empty() && scheme.bytes().all(token),
            "{scheme:?} is no scheme"
        );
        assert_eq!(scheme, scheme.to_ascii_lowercase());
        read += scheme.len() + parameters.iter().flatten().map(String::len).sum::<usize>();
    }
    assert!(read <= data.len(), "{read} bytes were read of {}", data.len());
    for (challenged, on_this_machine) in [(&REMOTE, false), (&LOCAL, true)] {
        let Some(challenged) = challenged.as_ref() else {
            unreachable!("both hosts are legal");
        };
        match challenged.token_service(&headers) {
            Ok(service) => service.iter().for_each(|service| is_safe(service, on_this_machine)),
            Err(why) => assert_message(&why),
        }
    }
}

fn is_safe(service: &Url, on_this_machine: bool) {
    let loopback = match service.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    let safe = service.scheme() == "https" || (service.scheme() == "http" && loopback && on_this_machine);
    assert!(safe, "credentials would go to {service}");
    assert!(
        service.username().is_empty() && service.password().is_none(),
        "{service}"
    );
}
