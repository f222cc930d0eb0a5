//! Variables in a Compose file, as its specification has them ("Interpolation").

use std::collections::BTreeMap;

/// A text with its variables replaced.
///
/// # Errors
/// Why that cannot be done: a variable that nobody set and that has no default, or one that breaks the syntax.
pub(super) fn interpolate(text: &str, variables: &BTreeMap<String, String>) -> Result<String, String> {
    let mut done = String::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('$') {
        done.push_str(before);
        if let Some(behind) = behind.strip_prefix('$') {
            done.push('$');
            rest = behind;
        } else if let Some(braced) = behind.strip_prefix('{') {
            let end = closing(braced).ok_or("a `${` without its `}`")?;
            done.push_str(&substitute(&braced[..end], variables)?);
            rest = &braced[end + 1..];
        } else {
            let name = name_of(behind);
            done.push_str(&value(name, variables)?);
            rest = &behind[name.len()..];
        }
    }
    done.push_str(rest);
    Ok(done)
}

/// Where the brace closes that was opened before this text; those of defaults may lie in between.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (place, character) in text.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => return Some(place),
            '}' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// `NAME`, or `NAME` with what stands for it if it is not set (`-`) or empty as well (`:-`), or if it is set (`+`, `:+`),
/// or with what to complain (`?`, `:?`).
fn substitute(inner: &str, variables: &BTreeMap<String, String>) -> Result<String, String> {
    let name = name_of(inner);
    let operation = &inner[name.len()..];
    if operation.is_empty() {
        return value(name, variables);
    }
    let counts_empty = operation.starts_with(':');
    let operation = operation.strip_prefix(':').unwrap_or(operation);
    let set = variables.get(name).filter(|value| !(counts_empty && value.is_empty()));
    let mut characters = operation.chars();
    let kind = characters.next();
    let word = characters.as_str();
    match (kind, set) {
        _ if name.is_empty() => Err("a variable without a name".to_owned()),
        (Some('-'), None) => interpolate_below(word, variables),
        (Some('+'), Some(_)) => interpolate_below(word, variables),
        // Whether the deployment sets it nobody knows here: without its value the image could be any.
        (Some('?'), None) => Err(not_set(name)),
        (Some('+'), None) => Ok(String::new()),
        (Some('-' | '?'), Some(value)) => Ok(value.clone()),
        _ => Err(format!("`${{{inner}}}` is not understood")),
    }
}

fn interpolate_below(word: &str, variables: &BTreeMap<String, String>) -> Result<String, String> {
    /// A default in a default in a default is nobody's way to name an image.
    const DEEPEST: usize = 16;
    if word.matches("${").count() > DEEPEST {
        return Err("too many variables lie within each other".to_owned());
    }
    interpolate(word, variables)
}

fn value(name: &str, variables: &BTreeMap<String, String>) -> Result<String, String> {
    if name.is_empty() {
        return Err("a variable without a name".to_owned());
    }
    variables.get(name).cloned().ok_or_else(|| not_set(name))
}

fn not_set(name: &str) -> String {
    format!("variable {name} is not set in the `.env` beside it")
}

/// The name that a text begins with: letters, digits and `_`, no digit first.
fn name_of(text: &str) -> &str {
    let fits = |(place, byte): &(usize, u8)| {
        byte.is_ascii_alphabetic() || *byte == b'_' || (*place > 0 && byte.is_ascii_digit())
    };
    &text[..text.bytes().enumerate().take_while(fits).count()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_replaced_as_compose_does() {
        let pairs = [("TAG", "v1"), ("EMPTY", ""), ("_A1", "x")];
        let variables = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let table = [
            ("r.io/web:v1", Some("r.io/web:v1")),
            ("r.io/web:$TAG", Some("r.io/web:v1")),
            ("r.io/web:${TAG}-x", Some("r.io/web:v1-x")),
            ("$TAG.$_A1", Some("v1.x")),
            ("$$TAG", Some("$TAG")),
            ("${NO-d}${NO:-d}${EMPTY:-d}${EMPTY-d}", Some("ddd")),
            ("${NO:-${TAG}}", Some("v1")),
            ("${NO:-${NOR:-z}}", Some("z")),
            ("${TAG:+set}${NO:+set}${EMPTY+set}", Some("setset")),
            ("${TAG:?must be}", Some("v1")),
            ("${NO:?must be}", None),
            ("${EMPTY:?must be}", None),
            ("$NO", None),
            ("${NO}", None),
            ("${TAG", None),
            ("${}", None),
            ("$", None),
            ("${TAG!}", None),
            ("$1", None),
        ];
        for (text, expected) in table {
            assert_eq!(interpolate(text, &variables).ok().as_deref(), expected, "{text}");
        }
        let deep = "${A:-".repeat(100_000);
        assert!(interpolate(&format!("{deep}x{}", "}".repeat(100_000)), &variables).is_err());
    }
}
