//! Lists in pages: the key behind which the next page begins, inside a token that tells nothing to whoever holds it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::call::Call;
use super::refusal::Refusal;

/// The names and the bounds of the paging of one operation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rule {
    /// How the token is called in the request: `nextToken` or `Marker`.
    pub(super) token: &'static str,
    /// How the size of a page is called.
    pub(super) size: &'static str,
    /// The size where none is asked for.
    pub(super) default: usize,
    /// The largest size.
    pub(super) most: usize,
    /// Whether a larger size is taken for the largest one instead of being refused.
    pub(super) clamps: bool,
}

/// A page that is asked for.
#[derive(Debug)]
pub(super) struct Page<'c> {
    call: &'c Call,
    size: usize,
    /// The key of the last entry before this page; keys are compared as texts.
    pub(super) after: Option<String>,
}

impl Rule {
    /// `nextToken` and `maxResults`, as ECR and ECS have them.
    pub(super) const fn of(default: usize, most: usize) -> Self {
        Self {
            token: "nextToken",
            size: "maxResults",
            default,
            most,
            clamps: false,
        }
    }
}

impl<'c> Page<'c> {
    pub(super) fn of(call: &'c Call, rule: Rule) -> Result<Self, Refusal> {
        let size = match &call.input[rule.size] {
            Value::Null => rule.default,
            given => checked(given, rule)?,
        };
        let after = match call.text(rule.token) {
            Some(token) => Some(read(call, token).ok_or_else(|| bad_token(rule.token))?),
            None => None,
        };
        Ok(Self { call, size, after })
    }

    /// The entries of this page out of those behind `after`, in the order of their keys; and the token of the next page.
    pub(super) fn cut<T>(&self, entries: impl Iterator<Item = (String, T)>) -> (Vec<T>, Option<String>) {
        let mut left = entries.peekable();
        let (mut taken, mut last) = (Vec::new(), None);
        for (key, entry) in left.by_ref().take(self.size) {
            taken.push(entry);
            last = Some(key);
        }
        let next = last.filter(|_| left.peek().is_some());
        let next = match self.call.quirks.loops {
            true => Some(self.after.clone().unwrap_or_default()),
            false => next,
        };
        (taken, next.map(|key| token(self.call, &key)))
    }

    pub(super) fn is_behind(&self, key: &str) -> bool {
        self.after.as_deref().is_none_or(|after| key > after)
    }
}

fn checked(given: &Value, rule: Rule) -> Result<usize, Refusal> {
    let size = given.as_u64().and_then(|size| usize::try_from(size).ok());
    match size {
        Some(size) if (1..=rule.most).contains(&size) => Ok(size),
        Some(size) if rule.clamps && size > 0 => Ok(rule.most),
        _ => Err(Refusal::parameter(
            rule.size,
            &format!("Member must be between 1 and {}", rule.most),
        )),
    }
}

/// What a token that is not known any more, or never was, is answered with.
pub(super) fn bad_token(name: &str) -> Refusal {
    Refusal::parameter(name, "The token is invalid or has expired")
}

/// What a token is good for: one operation on one thing.
fn purpose(call: &Call) -> String {
    let about = ["registryId", "repositoryName", "cluster", "service", "FunctionName"];
    let about = about.map(|key| call.text(key).unwrap_or_default());
    format!("{} {}", call.operation, about.join(" "))
}

fn token(call: &Call, last: &str) -> String {
    URL_SAFE_NO_PAD.encode(json!([purpose(call), last]).to_string())
}

fn read(call: &Call, token: &str) -> Option<String> {
    let [told, last]: [String; 2] = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
    (told == purpose(call)).then_some(last)
}
