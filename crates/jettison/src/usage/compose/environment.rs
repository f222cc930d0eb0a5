//! `.env` files: what Compose puts in the place of variables.
//!
//! Nothing of a line that cannot be understood is told: passwords stand there.

use std::collections::BTreeMap;
use std::path::Path;

use crate::usage::file;
use crate::usage::said::Said;

/// Names and values.
pub(super) type Variables = BTreeMap<String, String>;

/// A larger file sets no variables.
const LARGEST_BYTES: u64 = 1024 * 1024;

/// The variables of a file. Without the file there are none, which is a gap if it is `required`.
pub(super) fn read(path: &Path, required: bool, said: &mut Said) -> Variables {
    let name = file::name(path);
    if !required && !path.exists() {
        return Variables::new();
    }
    let text = match file::contents(path, LARGEST_BYTES) {
        Ok(text) => text,
        Err(why) => {
            said.gap(format!("{name}: {why}"));
            return Variables::new();
        }
    };
    understood(&name, &text, said)
}

/// The variables of the text of a file.
pub(super) fn understood(name: &str, text: &str, said: &mut Said) -> Variables {
    let mut variables = Variables::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match variable(line) {
            Some((name, value)) => drop(variables.insert(name.to_owned(), value.to_owned())),
            None => said.gap(format!(
                "{name}:{number}: what it sets is not known; write `NAME=value`, on one line"
            )),
        }
    }
    variables
}

/// `NAME=value`, as Compose reads it. A name alone would be taken from the shell of the deployment, which nobody knows here.
fn variable(line: &str) -> Option<(&str, &str)> {
    let line = line.strip_prefix("export ").unwrap_or(line).trim_start();
    let end = line.len()
        - line
            .trim_start_matches(|of: char| of.is_ascii_alphanumeric() || "_.-[]".contains(of))
            .len();
    let (name, rest) = line.split_at(end);
    let value = rest.trim_start().strip_prefix(['=', ':'])?;
    (!name.is_empty()).then_some((name, unquoted(value.trim())?))
}

/// A value without its quotes, or without the comment behind it. `None` if it goes on in the next line.
fn unquoted(value: &str) -> Option<&str> {
    for quote in ['"', '\''] {
        if let Some(rest) = value.strip_prefix(quote) {
            let (inner, behind) = rest.split_once(quote)?;
            let behind = behind.trim_start();
            return (behind.is_empty() || behind.starts_with('#')).then_some(inner);
        }
    }
    Some(value.split(" #").next().unwrap_or_default().trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_sets_a_variable_as_compose_has_it() {
        for (line, expected) in [
            ("TAG=v1", Some(("TAG", "v1"))),
            ("export TAG = v1 # now", Some(("TAG", "v1"))),
            ("TAG: v1", Some(("TAG", "v1"))),
            ("TAG=a=b", Some(("TAG", "a=b"))),
            ("TAG=\"v1\" # now", Some(("TAG", "v1"))),
            ("TAG='v 1'", Some(("TAG", "v 1"))),
            ("TAG=", Some(("TAG", ""))),
            ("a.b-c=1", Some(("a.b-c", "1"))),
            ("TAG", None),
            ("=v1", None),
            ("TAG=\"v1", None),
            ("TAG=\"a\\\"b\"", None),
            ("{ TAG }", None),
        ] {
            assert_eq!(variable(line), expected, "{line}");
        }
    }
}
