//! Documents within texts: what JSON, and YAML in double quotes, write in other words.
//!
//! Whether a text is such a document nobody knows, so nothing is an error here.

use memchr::memchr;

/// A text without the escapes of JSON and of YAML in double quotes, if it has any: it may be such a document itself.
pub(super) fn unescaped(text: &str) -> Option<String> {
    let mut plain: Option<String> = None;
    let (mut done, mut place) = (0, 0);
    while let Some(found) = memchr(b'\\', &text.as_bytes()[place..]) {
        let begin = place + found;
        place = begin + 1;
        if let Some((character, length)) = escape(&text[place..]) {
            let plain = plain.get_or_insert_default();
            plain.push_str(&text[done..begin]);
            plain.push(character);
            place += length;
            done = place;
        }
    }
    plain.map(|plain| plain + &text[done..])
}

/// What an escape stands for whose `\` is in front of this text, and how long it is. What no image has in it may be any space.
fn escape(text: &str) -> Option<(char, usize)> {
    let code = |digits: usize| {
        let code = text.get(1..=digits)?;
        let is_hex = code.bytes().all(|byte| byte.is_ascii_hexdigit());
        let code = u32::from_str_radix(code, 16).ok().filter(|_| is_hex)?;
        Some((char::from_u32(code)?, digits + 1))
    };
    match text.bytes().next()? {
        byte @ (b'/' | b'"' | b'\\') => Some((byte.into(), 1)),
        b'n' | b'r' | b't' => Some((' ', 1)),
        b'x' => code(2),
        b'u' => code(4),
        b'U' => code(8),
        _ => None,
    }
}
