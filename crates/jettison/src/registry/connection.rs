//! How to reach a registry: its address, certificates and limits. Decides where plain HTTP is allowed.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use jettison_core::model::RegistryHost;
use url::{Host, Url};

use super::EcrConnection;

/// The largest manifest that is read, in bytes. The distribution spec asks registries for at least 4 MiB.
pub const MAX_MANIFEST_BYTES: u64 = 8 * 1024 * 1024;

/// The largest image config that is read, in bytes.
pub const MAX_CONFIG_BYTES: u64 = 8 * 1024 * 1024;

/// A password or token: prints as nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Hides `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The hidden text, for sending it and nothing else.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// Which registry, and how to reach it.
#[derive(Debug, Clone)]
pub struct Connection {
    /// The registry as it stands in image references.
    pub host: RegistryHost,
    /// Speak plain HTTP. `None`: on loopback hosts only, unless a certificate is configured for them.
    pub plain_http: Option<bool>,
    /// PEM file of certificate authorities to trust besides the system's and Mozilla's.
    pub ca_file: Option<PathBuf>,
    /// PEM file of the client certificate; shown to this registry alone.
    pub client_certificate: Option<PathBuf>,
    /// PEM file of the client certificate's key; `None` where the certificate file holds it.
    pub client_key: Option<PathBuf>,
    /// User name and password, before any that `docker login` stored.
    pub login: Option<(String, Secret)>,
    /// Directory with Docker's `config.json`, instead of the places where it usually is.
    pub docker_config: Option<PathBuf>,
    /// Time and size limits.
    pub limits: Limits,
    /// Where it lies and how it is reached, if it is ECR; then most of the rest means nothing.
    pub ecr: Option<EcrConnection>,
}

impl Connection {
    /// A connection to `host` with nothing special about it.
    pub fn new(host: RegistryHost) -> Self {
        Self {
            host,
            plain_http: None,
            ca_file: None,
            client_certificate: None,
            client_key: None,
            login: None,
            docker_config: None,
            limits: Limits::default(),
            ecr: None,
        }
    }

    /// Where the API is: scheme, host and port. Docker Hub's API is not at the name its images carry.
    pub(crate) fn base(&self) -> Result<Url, url::ParseError> {
        let host = match self.host.as_str() {
            "docker.io" | "index.docker.io" => "registry-1.docker.io",
            host => host,
        };
        let https = Url::parse(&format!("https://{host}/"))?;
        let certificates = self.ca_file.is_some() || self.client_certificate.is_some();
        match self.plain_http.unwrap_or(is_loopback(&https) && !certificates) {
            true => Url::parse(&format!("http://{host}/")),
            false => Ok(https),
        }
    }

    /// Whether this connection may send anything at all to `url`: HTTPS always, plain HTTP to this
    /// machine, and elsewhere only where the user said so.
    pub(crate) fn permits(&self, url: &Url) -> bool {
        match url.scheme() {
            "https" => true,
            "http" => is_loopback(url) || self.plain_http == Some(true),
            _ => false,
        }
    }
}

/// Whether a URL points at this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// How long and how much one registry may cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The largest manifest, in bytes.
    pub manifest_bytes: u64,
    /// The largest page of a listing, in bytes.
    pub page_bytes: u64,
    /// The most pages of one listing.
    pub pages: usize,
    /// The most items of one listing.
    pub items: usize,
    /// The most bytes of all pages of one listing.
    pub listing_bytes: u64,
    /// How much of an error's body is read, in bytes.
    pub error_bytes: u64,
    /// Time to open a connection.
    pub connect_timeout: Duration,
    /// Time between two pieces of an answer.
    pub idle_timeout: Duration,
    /// Time for a whole answer.
    pub request_timeout: Duration,
    /// Time for a credential helper.
    pub helper_timeout: Duration,
    /// Tries of an idempotent call, the first included.
    pub tries: u32,
    /// The most of these that may end without an answer in time: each costs a whole time limit.
    pub silent_tries: u32,
    /// The longest first wait after a failure; doubles with every further one.
    pub backoff_base: Duration,
    /// The same after "too many calls" without a `Retry-After`.
    pub throttle_base: Duration,
    /// The longest wait that jettison chooses itself.
    pub backoff_cap: Duration,
    /// The longest pause, in total, that a registry may ask of one call.
    pub pause_cap: Duration,
    /// The longest pause, in total, that a registry may ask of all calls together.
    pub pause_total: Duration,
    /// How long a registry is left alone that does not answer, or refuses all calls.
    pub left_alone: Duration,
    /// The most redirects of one call.
    pub redirects: usize,
    /// Calls in flight at the start.
    pub in_flight: usize,
    /// The most calls in flight.
    pub in_flight_ceiling: usize,
    /// From how many tags on they are removed before their manifests, where single tags can be removed.
    ///
    /// CNCF Distribution looks through all tags of a repository for each manifest that it deletes (15 to 17 µs a tag,
    /// measured). Of n images that go, each with a tag, the second n/2 look on average at the tags of the first for
    /// nothing: n² × 8 µs. To look at a tag and remove it first costs about 0.6 ms. Both are equal at 75 tags; at 500
    /// the tags cost 0.3 s and save 2 s, and with less at stake the shorter way is the better one.
    pub tags_first: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            manifest_bytes: MAX_MANIFEST_BYTES,
            page_bytes: 16 * 1024 * 1024,
            pages: 100_000,
            items: 10_000_000,
            listing_bytes: 256 * 1024 * 1024,
            error_bytes: 64 * 1024,
            connect_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(30),
            request_timeout: Duration::from_secs(120),
            helper_timeout: Duration::from_secs(10),
            tries: 5,
            silent_tries: 2,
            backoff_base: Duration::from_millis(50),
            throttle_base: Duration::from_secs(1),
            backoff_cap: Duration::from_secs(5),
            pause_cap: Duration::from_secs(120),
            pause_total: Duration::from_secs(15 * 60),
            left_alone: Duration::from_secs(30),
            redirects: 5,
            in_flight: 16,
            in_flight_ceiling: 32,
            tags_first: 500,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection(host: &str, plain_http: Option<bool>) -> Connection {
        Connection {
            plain_http,
            ..Connection::new(host.parse().unwrap())
        }
    }

    #[test]
    fn plain_http_only_where_it_stays_on_this_machine_or_was_asked_for() {
        for (host, plain_http, base) in [
            ("registry.example.com", None, "https://registry.example.com/"),
            (
                "registry.example.com:5000",
                Some(false),
                "https://registry.example.com:5000/",
            ),
            (
                "registry.example.com:5000",
                Some(true),
                "http://registry.example.com:5000/",
            ),
            ("127.0.0.1:5000", None, "http://127.0.0.1:5000/"),
            ("127.8.9.1", None, "http://127.8.9.1/"),
            ("localhost:5000", None, "http://localhost:5000/"),
            ("localhost:5000", Some(false), "https://localhost:5000/"),
            ("[::1]:5000", None, "http://[::1]:5000/"),
            ("[::2]:5000", None, "https://[::2]:5000/"),
            ("localhost.example.com", None, "https://localhost.example.com/"),
            ("docker.io", None, "https://registry-1.docker.io/"),
        ] {
            assert_eq!(connection(host, plain_http).base().unwrap().as_str(), base, "{host}");
        }
        let with_ca = Connection {
            ca_file: Some("ca.pem".into()),
            ..connection("localhost:5000", None)
        };
        assert_eq!(with_ca.base().unwrap().scheme(), "https");
    }

    #[test]
    fn other_places_are_bound_by_the_same_rule() {
        let url = |text: &str| Url::parse(text).unwrap();
        let strict = connection("127.0.0.1:5000", None);
        assert!(strict.permits(&url("https://storage.example.com/x")));
        assert!(strict.permits(&url("http://127.0.0.1:9000/x")));
        assert!(!strict.permits(&url("http://storage.example.com/x")));
        assert!(!strict.permits(&url("file:///etc/passwd")));
        assert!(connection("r.example.com", Some(true)).permits(&url("http://storage.example.com/x")));
    }

    #[test]
    fn a_secret_does_not_print() {
        let connection = Connection {
            login: Some(("me".to_owned(), Secret::new("hunter2"))),
            ..connection("localhost", None)
        };
        assert!(!format!("{connection:?}").contains("hunter2"));
    }
}
