//! The `Link` header (RFC 8288): where the next page is. A header that cannot be read is an error,
//! because a listing that seems to end too early looks like images that are not there.

use http::HeaderMap;
use http::header::LINK;
use jettison_core::model::legible;
use url::Url;

/// The `rel="next"` target as seen from `page`; `None` if there is none.
///
/// # Errors
///
/// A header that is no list of links, or a target on another origin: said in words.
pub(in crate::registry) fn next(headers: &HeaderMap, page: &Url) -> Result<Option<Url>, String> {
    for value in headers.get_all(LINK) {
        let text = value
            .to_str()
            .map_err(|_| "its Link header is not readable".to_owned())?;
        if let Some(target) = next_in(text).ok_or_else(|| "its Link header is not readable".to_owned())? {
            return resolve(target, page).map(Some);
        }
    }
    Ok(None)
}

/// The longest link that is followed, in bytes; those of registries have some hundred.
const LONGEST: usize = 8 * 1024;

fn resolve(target: &str, page: &Url) -> Result<Url, String> {
    if target.len() > LONGEST {
        return Err("the URL of its next page is too long".to_owned());
    }
    let target = page
        .join(target)
        .map_err(|_| "its next page is at no legal URL".to_owned())?;
    let origin = |url: &Url| url.origin().ascii_serialization();
    if target.origin() != page.origin() {
        let (there, here) = (legible(&origin(&target)), origin(page));
        return Err(format!(
            "its next page is at {there}, not at {here}; if a proxy stands before the registry, \
             let it pass on host and scheme (X-Forwarded-Host, X-Forwarded-Proto)"
        ));
    }
    if !target.username().is_empty() || target.password().is_some() {
        return Err("the URL of its next page holds credentials".to_owned());
    }
    Ok(target)
}

/// The target of the first `rel="next"` in one header; `None` if the header cannot be read.
fn next_in(header: &str) -> Option<Option<&str>> {
    let mut rest = header.trim_start_matches([' ', '\t', ',']);
    while !rest.is_empty() {
        let (target, behind) = rest.strip_prefix('<')?.split_once('>')?;
        let (parameters, following) = split_outside_quotes(behind, ',')?;
        if is_next(parameters)? {
            return Some(Some(target.trim()));
        }
        rest = following.trim_start_matches([' ', '\t', ',']);
    }
    Some(None)
}

fn is_next(mut parameters: &str) -> Option<bool> {
    while !parameters.is_empty() {
        let (parameter, rest) = split_outside_quotes(parameters, ';')?;
        parameters = rest;
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        if name.trim().eq_ignore_ascii_case("rel") {
            let value = value.trim().trim_matches('"');
            return Some(
                value
                    .split_ascii_whitespace()
                    .any(|rel| rel.eq_ignore_ascii_case("next")),
            );
        }
    }
    Some(false)
}

/// What stands before and behind the first separator that is not quoted; `None` if a quote does not end.
fn split_outside_quotes(text: &str, separator: char) -> Option<(&str, &str)> {
    let (mut quoted, mut escaped) = (false, false);
    for (at, character) in text.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            other if other == separator && !quoted => return Some((&text[..at], &text[at + 1..])),
            _ => {}
        }
    }
    (!quoted).then_some((text, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "https://registry.example.com:5000/v2/apps/web/tags/list?n=2";

    fn found(header: &str) -> Result<Option<String>, String> {
        let mut headers = HeaderMap::new();
        headers.insert(LINK, header.parse().unwrap());
        next(&headers, &Url::parse(PAGE).unwrap()).map(|url| url.map(String::from))
    }

    #[test]
    fn follows_what_registries_write() {
        let at = |rest: &str| Ok(Some(format!("https://registry.example.com:5000{rest}")));
        for (header, expected) in [
            (
                r#"</v2/apps/web/tags/list?n=2&last=b>; rel="next""#,
                at("/v2/apps/web/tags/list?n=2&last=b"),
            ),
            ("<https://registry.example.com:5000/x>; rel=next", at("/x")),
            ("<//registry.example.com:5000/x>; REL=Next", at("/x")),
            ("<?last=a>;rel=next", at("/v2/apps/web/tags/list?last=a")),
            (
                r#"</p>; rel="prev", </x,y;z>; title="a, b; <c>"; rel="last next""#,
                at("/x,y;z"),
            ),
            (r#"</p>; rel="prev""#, Ok(None)),
            (r#"</p>; rel="nextish""#, Ok(None)),
            ("", Ok(None)),
        ] {
            assert_eq!(found(header), expected, "{header}");
        }
    }

    #[test]
    fn stays_on_its_origin_and_never_guesses() {
        for header in [
            "<https://evil.example.com/x>; rel=next",
            "<https://registry.example.com/x>; rel=next",
            "<http://registry.example.com:5000/x>; rel=next",
            "<//evil.example.com/x>; rel=next",
            "<https://user:password@registry.example.com:5000/x>; rel=next",
            "/v2/x; rel=next",
            "</x; rel=next",
            r#"</x>; rel="next"#,
            "garbage",
            &format!("</{}>; rel=next", "x".repeat(LONGEST)),
        ] {
            assert!(found(header).is_err(), "{header}");
        }
    }

    #[test]
    fn looks_in_every_header() {
        let mut headers = HeaderMap::new();
        headers.append(LINK, "</a>; rel=prev".parse().unwrap());
        headers.append(LINK, "</b>; rel=next".parse().unwrap());
        let next = next(&headers, &Url::parse(PAGE).unwrap()).unwrap().unwrap();
        assert_eq!(next.path(), "/b");
    }
}
