//! Pages of tags and the `Link` to the next one: every page is header lines, an empty line, and a body; lines of `---`
//! stand between pages.
//!
//! - The next page is on the same origin, without credentials; a plain `Link` is followed as a browser would.
//! - A page holds the tags that are written in it, or is refused; the listing of all pages stays within its limits.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use http::HeaderMap;
use http::header::{HeaderValue, LINK};
use jettison::registry::Limits;
use jettison::registry::fuzzing::{listing, next_page, tags_on_page};
use regex::bytes::Regex;
use serde_json::Value;
use url::Url;

use crate::oracle::assert_message;

/// What nearly every registry sends.
static PLAIN: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"\A<([!#-;=?-~]*)>; ?rel=(?:next|"next")\z"#).ok());

static PAGE: LazyLock<Option<Url>> =
    LazyLock::new(|| Url::parse("https://registry.example.com:5000/v2/apps/web/tags/list?n=2").ok());

/// Looks at one input.
pub fn run(data: &[u8]) {
    let (Some(page), Some(plain)) = (PAGE.as_ref(), PLAIN.as_ref()) else {
        unreachable!("both are constants");
    };
    let mut pages = Vec::new();
    for part in parts(data, b"\n---\n") {
        let head = parts(part, b"\n\n").next().unwrap_or_default();
        let body = part.get(head.len() + 2..).unwrap_or_default();
        let lines: Vec<&[u8]> = head.split(|byte| *byte == b'\n').collect();
        let values = lines.iter().filter_map(|line| HeaderValue::from_bytes(line).ok());
        let headers: HeaderMap = values.map(|value| (LINK, value)).collect();
        link(&headers, page);
        if let [only] = lines.as_slice() {
            plain_link(only, plain, &headers, page);
        }
        let tags = tags_on_page(body);
        as_written(body, tags.as_deref());
        pages.push((headers, tags.unwrap_or_default()));
    }
    whole(page, pages);
}

fn link(headers: &HeaderMap, page: &Url) {
    match next_page(headers, page) {
        Ok(Some(next)) => {
            assert_eq!(next.origin(), page.origin(), "{next}");
            assert!(next.username().is_empty() && next.password().is_none(), "{next}");
        }
        Ok(None) => {}
        Err(why) => assert_message(&why),
    }
}

fn plain_link(line: &[u8], plain: &Regex, headers: &HeaderMap, page: &Url) {
    let Some(target) = plain.captures(line).and_then(|found| found.get(1)) else {
        return;
    };
    let target = std::str::from_utf8(target.as_bytes())
        .ok()
        .and_then(|target| page.join(target).ok());
    let safe =
        |target: &Url| target.origin() == page.origin() && target.username().is_empty() && target.password().is_none();
    assert_eq!(next_page(headers, page).ok(), target.filter(safe).map(Some));
}

/// Whether these are the tags of a page, read another way.
fn as_written(body: &[u8], tags: Option<&[String]>) {
    let Ok(page) = serde_json::from_slice::<Value>(body) else {
        // What stands in other fields need not be text or a number that fits; without any JSON there are no tags.
        assert!(
            tags.is_none()
                || body
                    .windows(6)
                    .any(|window| window == br#""tags""# || window.starts_with(b"\\u")),
            "tags out of nothing"
        );
        return;
    };
    let written: Option<Vec<String>> = match page.get("tags") {
        Some(Value::Null) => Some(Vec::new()),
        Some(Value::Array(tags)) => tags.iter().map(|tag| tag.as_str().map(str::to_owned)).collect(),
        _ => None,
    };
    // A key that stands there twice is refused, and `Value` takes the last: the one way in which they may differ.
    let refused = tags.is_none() && body.windows(4).filter(|window| window == b"tags").count() > 1;
    assert!(refused || tags == written.as_deref(), "{tags:?} instead of {written:?}");
}

fn whole(first: &Url, pages: Vec<(HeaderMap, Vec<String>)>) {
    let limits = Limits {
        pages: 4,
        items: 20,
        ..Limits::default()
    };
    let largest = pages.iter().map(|(_, items)| items.len()).max().unwrap_or(0);
    let sent: BTreeSet<String> = pages.iter().flat_map(|(_, items)| items.iter().cloned()).collect();
    match listing(first.clone(), &limits, pages) {
        Ok(tags) => {
            assert!(tags.len() <= limits.items + largest, "{}", tags.len());
            assert!(tags.is_sorted() && tags.iter().all(|tag| sent.contains(tag)));
        }
        Err(why) => assert_message(&why),
    }
}

fn parts<'d>(data: &'d [u8], separator: &'static [u8]) -> impl Iterator<Item = &'d [u8]> {
    let mut rest = Some(data);
    std::iter::from_fn(move || {
        let data = rest.take()?;
        let Some(end) = data.windows(separator.len()).position(|window| window == separator) else {
            return Some(data);
        };
        rest = Some(&data[end + separator.len()..]);
        Some(&data[..end])
    })
}
