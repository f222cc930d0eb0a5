//! Texts with at most one `*`: enough to name paths and tags, and nothing to learn.

/// A text that must fit whole; one `*` in it stands for any run of characters, `/` included.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    prefix: String,
    suffix: Option<String>,
}

impl Pattern {
    pub(crate) fn new(text: &str) -> Self {
        match text.split_once('*') {
            Some((prefix, suffix)) => Self {
                prefix: prefix.into(),
                suffix: Some(suffix.into()),
            },
            None => Self {
                prefix: text.into(),
                suffix: None,
            },
        }
    }

    pub(crate) fn fits(&self, text: &str) -> bool {
        match (&self.suffix, text.strip_prefix(&self.prefix)) {
            (Some(suffix), Some(rest)) => rest.ends_with(suffix),
            (None, Some(rest)) => rest.is_empty(),
            (_, None) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_star_stands_for_any_run() {
        for (pattern, text, fits) in [
            ("/v2/", "/v2/", true),
            ("/v2/", "/v2/a", false),
            ("*", "", true),
            ("/v2/*/tags/list", "/v2/a/b/tags/list", true),
            ("/v2/*/tags/list", "/v2/a/b/tags", false),
            ("v*", "v1", true),
            ("v*", "main", false),
            ("a*a", "a", false),
        ] {
            assert_eq!(Pattern::new(pattern).fits(text), fits, "{pattern} {text}");
        }
    }
}
