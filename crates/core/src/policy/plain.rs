//! Globs that need no regular expression: a text, the beginning of one, or everything. Nearly all that people write
//! are of this kind, and every tag of every image is held against them.

/// A list of such globs; a text fits if it fits any.
#[derive(Debug, Clone, Default)]
pub(super) struct Plain {
    everything: bool,
    /// Sorted.
    exact: Vec<Box<str>>,
    /// What stands before a `*` at the end, which does not cross `/`.
    prefixes: Vec<Box<str>>,
}

/// What a choice `{a,b}` may be spelt out to.
const MOST_CHOICES: usize = 64;

impl Plain {
    /// Takes a glob into the list if it is of that kind; whether it is.
    pub(super) fn take(&mut self, glob: &str) -> bool {
        if glob == "**" {
            self.everything = true;
            return true;
        }
        let Some(spelt) = spell_out(glob) else { return false };
        let is_plain = |text: &String| match text.find('*') {
            None => true,
            Some(star) => star + 1 == text.len(),
        };
        if !spelt.iter().all(is_plain) {
            return false;
        }
        for text in spelt {
            match text.strip_suffix('*') {
                Some(prefix) => self.prefixes.push(prefix.into()),
                None => self.exact.push(text.into()),
            }
        }
        self.exact.sort_unstable();
        true
    }

    pub(super) fn fits(&self, text: &str) -> bool {
        let begins = |prefix: &str| text.strip_prefix(prefix).is_some_and(|rest| !rest.contains('/'));
        self.everything
            || self.exact.binary_search_by(|exact| (**exact).cmp(text)).is_ok()
            || self.prefixes.iter().any(|prefix| begins(prefix))
    }
}

/// Every text that a glob with choices stands for; `None` if it has anything but stars beside them.
pub(crate) fn spell_out(glob: &str) -> Option<Vec<String>> {
    if glob.contains(['\\', '[', ']', '?']) {
        return None;
    }
    let mut spelt = vec![String::new()];
    let mut rest = glob;
    while let Some((before, behind)) = rest.split_once('{') {
        let (choices, behind) = behind.split_once('}')?;
        if choices.contains('{') || before.contains('}') {
            return None;
        }
        let choices: Vec<&str> = choices.split(',').collect();
        if spelt.len() * choices.len() > MOST_CHOICES {
            return None;
        }
        let longer = |text: String| {
            choices
                .iter()
                .map(move |choice| [&text, before, choice].concat())
                .collect::<Vec<_>>()
        };
        spelt = spelt.into_iter().flat_map(longer).collect();
        rest = behind;
    }
    if rest.contains('}') {
        return None;
    }
    spelt.iter_mut().for_each(|text| text.push_str(rest));
    Some(spelt)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::glob::{Letters, Slash, compile, regex_of};
    use super::*;

    /// What the regular expression for the same glob says.
    fn by_expression(glob: &str, text: &str) -> bool {
        let regex = regex_of(glob, Letters::Exact, Slash::Separates).unwrap();
        compile(&[regex]).unwrap().unwrap().is_match(text.as_bytes())
    }

    #[test]
    fn what_people_write_needs_no_expression() {
        for glob in [
            "latest",
            "prod-*",
            "*",
            "**",
            "{main,master}",
            "{live,prod}-*",
            "v1.2",
            "a,b",
        ] {
            assert!(Plain::default().take(glob), "{glob}");
        }
        for glob in [
            "*-rc",
            "a*b",
            "v[0-9]*",
            "x?",
            "a\\*",
            "{a,{b,c}}",
            "apps/**",
            "a**",
            "{a*,b}c",
        ] {
            assert!(!Plain::default().take(glob), "{glob}");
        }
    }

    proptest! {
        #[test]
        fn it_says_what_the_expression_says(glob in "[ab/{},*-]{1,6}", text in "[ab/,-]{0,5}") {
            let mut plain = Plain::default();
            if regex_of(&glob, Letters::Exact, Slash::Separates).is_ok() && plain.take(&glob) {
                prop_assert_eq!(plain.fits(&text), by_expression(&glob, &text), "{} on {}", glob, text);
            }
        }
    }
}
