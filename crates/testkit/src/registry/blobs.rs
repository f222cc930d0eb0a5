//! Blobs: whole, in ranges, and gone (distribution-spec, "Pulling blobs" and "Deleting Blobs").

use http::{Method, StatusCode, header};

use super::error::Refusal;
use super::reply::Reply;
use super::routes::{Answer, Call};

pub(super) fn answer(call: &Call<'_>, name: &str, digest: &str) -> Answer {
    match *call.method() {
        Method::GET | Method::HEAD => read(call, name, digest),
        Method::DELETE => delete(call, name, digest),
        _ => Err(Refusal::unsupported()),
    }
}

fn read(call: &Call<'_>, name: &str, digest: &str) -> Answer {
    let blob = call.registry.state().contents.blob(name, digest);
    let bytes = blob.ok_or_else(|| Refusal::blob_unknown(digest))?;
    let reply = |status| {
        let reply = Reply::new(status)
            .digest(digest)
            .header(header::CONTENT_TYPE, "application/octet-stream");
        reply.header(header::ACCEPT_RANGES, "bytes")
    };
    let Some(range) = call.header(header::RANGE) else {
        return Ok(reply(StatusCode::OK).body(call.method(), bytes));
    };
    let Some((first, last)) = bounds(range, bytes.len()) else {
        let all = format!("bytes */{}", bytes.len());
        return Ok(Reply::new(StatusCode::RANGE_NOT_SATISFIABLE).header(header::CONTENT_RANGE, &all));
    };
    let part = format!("bytes {first}-{last}/{}", bytes.len());
    let reply = reply(StatusCode::PARTIAL_CONTENT).header(header::CONTENT_RANGE, &part);
    Ok(reply.body(call.method(), bytes.slice(first..=last)))
}

fn delete(call: &Call<'_>, name: &str, digest: &str) -> Answer {
    if !call.registry.options().delete {
        return Err(Refusal::unsupported());
    }
    match call.registry.state().contents.remove_blob(name, digest) {
        true => Ok(Reply::new(StatusCode::ACCEPTED)),
        false => Err(Refusal::blob_unknown(digest)),
    }
}

/// First and last byte of `bytes=a-b`, `bytes=a-` or `bytes=-n` (RFC 9110, section 14.1.2).
fn bounds(range: &str, length: usize) -> Option<(usize, usize)> {
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    let end = length.checked_sub(1)?;
    let (first, last) = match (first, last) {
        ("", count) => (length.saturating_sub(count.parse().ok()?), end),
        (first, "") => (first.parse().ok()?, end),
        (first, last) => (first.parse().ok()?, last.parse::<usize>().ok()?.min(end)),
    };
    (first <= last).then_some((first, last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        for (range, expected) in [
            ("bytes=0-0", Some((0, 0))),
            ("bytes=2-", Some((2, 9))),
            ("bytes=-3", Some((7, 9))),
            ("bytes=5-99", Some((5, 9))),
            ("bytes=10-", None),
            ("bytes=5-2", None),
            ("bytes=-0", None),
            ("items=0-1", None),
        ] {
            assert_eq!(bounds(range, 10), expected, "{range}");
        }
        assert_eq!(bounds("bytes=0-0", 0), None);
    }
}
