//! Which registry the test registry plays.

use std::fmt;
use std::time::Duration;

/// The variant. The default behaves like Distribution 2.8 with deletes switched on.
#[derive(Debug, Clone)]
pub struct Options {
    /// The port on 127.0.0.1; 0 takes a free one.
    pub port: u16,
    /// Whether anything can be deleted; off: 405 UNSUPPORTED.
    pub delete: bool,
    /// Whether one tag can be removed; off: 400 DIGEST_INVALID, as Distribution 2.8 answers.
    pub delete_tag: bool,
    /// Whether there is the referrers API; off: 404, and clients keep fallback tags.
    pub referrers: bool,
    /// Most entries on one page of tags and referrers (`n` may ask for fewer). None: everything at once, `n` and
    /// `last` ignored, as in Distribution 2.8. The catalogue always pages, by 100 where this is none.
    pub page_size: Option<usize>,
    /// The test kit's own extension `GET /v2/<name>/_untagged`: `{"digests": ["sha256:…", …]}`, every manifest
    /// without a tag, children of indexes and referrers included, ordered.
    pub list_untagged: bool,
    /// The test kit's own extension `GET /v2/<name>/_times`: `{"times": {"sha256:…": "2026-05-01T10:00:00Z", …}}`,
    /// when each manifest was pushed first.
    pub push_times: bool,
    /// Who may do what.
    pub auth: Auth,
    /// How long every answer takes at least.
    pub latency: Option<Duration>,
    /// Whether a manifest that an index lists cannot be deleted: 405 DENIED, as in zot.
    pub refuse_children: bool,
    /// Whether a manifest is refused whose blobs or children are missing: MANIFEST_BLOB_UNKNOWN.
    pub check_references: bool,
    /// Whether `Accept` is obeyed as in Distribution 2.8: an OCI manifest that it does not name answers 404, a
    /// Docker manifest list asked for by tag turns into its linux/amd64 child.
    pub check_accept: bool,
    /// Tags (one `*` each) that can be neither moved nor removed: 412 PRECONDITION, as in Harbor.
    pub immutable_tags: Vec<String>,
}

/// How clients prove who they are.
#[derive(Clone, Default)]
pub enum Auth {
    /// Not at all.
    #[default]
    None,
    /// HTTP Basic on every call.
    Basic {
        /// The only user.
        user: String,
        /// Its password.
        password: String,
    },
    /// Bearer tokens from `/token` on the same server (Distribution, "Token Authentication"), one per scope.
    Token {
        /// The only user; it may do everything it asks for.
        user: String,
        /// Its password.
        password: String,
        /// How long a token is good; the answer says it in whole seconds.
        expires_in: Duration,
        /// Whether anybody gets a token to pull.
        anonymous_pull: bool,
    },
}

impl Default for Options {
    fn default() -> Self {
        Self {
            port: 0,
            delete: true,
            delete_tag: false,
            referrers: false,
            page_size: None,
            list_untagged: false,
            push_times: false,
            auth: Auth::None,
            latency: None,
            refuse_children: false,
            check_references: true,
            check_accept: true,
            immutable_tags: Vec::new(),
        }
    }
}

/// Names the form alone.
impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Basic { .. } => "Basic",
            Self::Token { .. } => "Token",
        })
    }
}
