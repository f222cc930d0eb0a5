//! Lists of globs, some of which exclude: how policies speak of names and tags.

use std::fmt;

use globset::GlobBuilder;
use regex::bytes::{RegexSet, RegexSetBuilder};

use super::plain::Plain;
use crate::model::Tag;

/// What a compiled list may weigh, in bytes.
const MOST_MEMORY: usize = 4 << 20;
/// What a pattern may measure, in bytes: the longest names are 255 bytes long.
const LONGEST: usize = 1_024;

/// A list of globs on names: repositories, hosts, `registry/repository`, platforms.
///
/// `*` and `?` do not cross `/`, `**` does; `apps/**` does not fit `apps`. `[…]` is a class, `{a,b}` a choice. A glob
/// that begins with `!` excludes, wherever it stands; a list that only excludes fits everything else. The empty list,
/// which is also the default, fits everything.
#[derive(Clone, Default)]
pub struct NameGlobs {
    patterns: Vec<String>,
    included: Option<AnyOf>,
    excluded: Option<AnyOf>,
}

/// Globs of which any may fit.
#[derive(Clone)]
struct AnyOf {
    plain: Plain,
    others: Option<RegexSet>,
}

impl AnyOf {
    /// Globs and the expressions for them; `None` for none.
    fn new(globs: &[(&str, String)], letters: Letters) -> Result<Option<Self>, String> {
        let mut plain = Plain::default();
        let others = globs
            .iter()
            .filter(|(glob, _)| letters == Letters::AnyCase || !plain.take(glob));
        let others: Vec<String> = others.map(|(_, regex)| regex.clone()).collect();
        let others = compile(&others)?;
        Ok((!globs.is_empty()).then_some(Self { plain, others }))
    }

    fn fits(&self, name: &str) -> bool {
        let by_expression = |set: &RegexSet| set.is_match(name.as_bytes());
        self.plain.fits(name) || self.others.as_ref().is_some_and(by_expression)
    }
}

/// A list of globs on tags: [`NameGlobs`] for text without a `/`. Case matters.
#[derive(Clone, PartialEq, Eq)]
pub struct TagPatterns(NameGlobs);

/// Why a text is not a glob.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{pattern}` is not a glob: {problem}")]
pub struct InvalidGlob {
    /// The place of the glob in its list.
    pub index: usize,
    /// The glob.
    pub pattern: String,
    /// What is wrong with it.
    pub problem: String,
}

impl NameGlobs {
    /// The list that fits everything.
    pub fn all() -> Self {
        Self::default()
    }

    /// A list of globs on names that are written in lower case everywhere.
    ///
    /// # Errors
    /// The first pattern that is not a glob.
    pub fn new<S: AsRef<str>>(patterns: &[S]) -> Result<Self, InvalidGlob> {
        Self::build(patterns, Letters::Exact)
    }

    /// A list of globs on host names, of which letter case says nothing.
    ///
    /// # Errors
    /// The first pattern that is not a glob.
    pub fn of_hosts<S: AsRef<str>>(patterns: &[S]) -> Result<Self, InvalidGlob> {
        Self::build(patterns, Letters::AnyCase)
    }

    /// Whether the list fits `name`.
    pub fn fits(&self, name: &str) -> bool {
        let hit = |globs: &AnyOf| globs.fits(name);
        self.included.as_ref().is_none_or(hit) && !self.excluded.as_ref().is_some_and(hit)
    }

    /// Whether the list fits every name, as can be seen from its text.
    pub fn is_everything(&self) -> bool {
        self.excluded.is_none() && (self.included.is_none() || self.patterns.iter().any(|pattern| pattern == "**"))
    }

    /// The globs as written.
    pub fn patterns(&self) -> &[String] {
        &self.patterns
    }

    fn build<S: AsRef<str>>(patterns: &[S], letters: Letters) -> Result<Self, InvalidGlob> {
        let (mut included, mut excluded) = (Vec::new(), Vec::new());
        for (index, pattern) in patterns.iter().map(AsRef::as_ref).enumerate() {
            let (glob, list) = match pattern.strip_prefix('!') {
                Some(glob) => (glob, &mut excluded),
                None => (pattern, &mut included),
            };
            let regex = regex_of(glob, letters, Slash::Separates);
            let regex = regex.map_err(|problem| InvalidGlob {
                index,
                pattern: shorten(pattern),
                problem,
            })?;
            list.push((glob, regex));
        }
        let patterns: Vec<String> = patterns.iter().map(|pattern| pattern.as_ref().to_owned()).collect();
        let any_of = |globs: &[(&str, String)]| {
            AnyOf::new(globs, letters).map_err(|problem| InvalidGlob {
                index: 0,
                pattern: shorten(&patterns.join(", ")),
                problem,
            })
        };
        let (included, excluded) = (any_of(&included)?, any_of(&excluded)?);
        Ok(Self {
            included,
            excluded,
            patterns,
        })
    }
}

/// As much of a pattern as fits into a message.
pub(super) fn shorten(pattern: &str) -> String {
    let rest = if pattern.chars().nth(60).is_some() { "…" } else { "" };
    pattern.chars().take(60).chain(rest.chars()).collect()
}

impl PartialEq for NameGlobs {
    fn eq(&self, other: &Self) -> bool {
        self.patterns == other.patterns
    }
}

impl Eq for NameGlobs {}

impl fmt::Debug for NameGlobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.patterns.fmt(f)
    }
}

impl TagPatterns {
    /// A list of globs on tags.
    ///
    /// # Errors
    /// The first pattern that is not a glob.
    pub fn new<S: AsRef<str>>(patterns: &[S]) -> Result<Self, InvalidGlob> {
        NameGlobs::new(patterns).map(Self)
    }

    /// Whether the list fits `tag`.
    pub fn fits(&self, tag: &Tag) -> bool {
        self.0.fits(tag.as_str())
    }

    /// Whether the list fits every tag, as can be seen from its text.
    pub fn is_everything(&self) -> bool {
        self.0.excluded.is_none() && self.patterns().iter().any(|pattern| pattern == "*" || pattern == "**")
    }

    /// The globs as written.
    pub fn patterns(&self) -> &[String] {
        self.0.patterns()
    }
}

impl fmt::Debug for TagPatterns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Whether the case of letters matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Letters {
    Exact,
    AnyCase,
}

/// Whether `/` separates the parts of a name, or is a character as any other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slash {
    Separates,
    Ordinary,
}

/// The anchored regular expression that a glob stands for. It is used instead of a compiled glob because that
/// speaks of paths, and reads names that end in a dot, or have a backslash, otherwise than as plain text.
pub(crate) fn regex_of(glob: &str, letters: Letters, slash: Slash) -> Result<String, String> {
    if glob.is_empty() {
        return Err("it is empty".to_owned());
    }
    if glob.len() > LONGEST {
        return Err(format!("it is longer than {LONGEST} bytes"));
    }
    let spelt = match slash {
        Slash::Separates => spell_out_double_stars(glob),
        Slash::Ordinary => glob.to_owned(),
    };
    let glob = GlobBuilder::new(&spelt)
        .literal_separator(slash == Slash::Separates)
        .backslash_escape(true)
        .empty_alternates(true)
        .case_insensitive(letters == Letters::AnyCase)
        .build()
        .map_err(|error| error.kind().to_string())?;
    compile(&[glob.regex().to_owned()])?;
    Ok(glob.regex().to_owned())
}

pub(crate) fn compile(regexes: &[String]) -> Result<Option<RegexSet>, String> {
    if regexes.is_empty() {
        return Ok(None);
    }
    let set = RegexSetBuilder::new(regexes).size_limit(MOST_MEMORY).build();
    set.map(Some).map_err(|_| "it is too complex".to_owned())
}

/// `globset` gives `**` a meaning only as a whole path component, and takes it for `*` elsewhere. Here it crosses `/`
/// wherever it stands, so that `apps-**` fits `apps-old/web`.
fn spell_out_double_stars(glob: &str) -> String {
    let characters: Vec<char> = glob.chars().collect();
    let mut spelt = String::with_capacity(glob.len());
    let (mut at, mut depth, mut in_class) = (0, 0_usize, false);
    while let Some(&character) = characters.get(at) {
        let stars = characters[at..]
            .iter()
            .take_while(|character| **character == '*')
            .count();
        match character {
            '\\' => {
                spelt.push(character);
                at += 1;
                spelt.extend(characters.get(at));
            }
            '*' if stars > 1 && !in_class => {
                let before = at.checked_sub(1).map(|before| characters[before]);
                let after = characters.get(at + stars).copied();
                spelt.push_str(if is_component(before, after, depth > 0) {
                    "**"
                } else {
                    "{*,*/**/*}"
                });
                at += stars - 1;
            }
            other => {
                match other {
                    '[' => in_class = true,
                    ']' => in_class = false,
                    '{' if !in_class => depth += 1,
                    '}' if !in_class => depth = depth.saturating_sub(1),
                    _ => {}
                }
                spelt.push(other);
            }
        }
        at += 1;
    }
    spelt
}

/// Whether stars between these two are a path component of their own.
fn is_component(before: Option<char>, after: Option<char>, in_choice: bool) -> bool {
    let opens = in_choice && matches!(before, Some('{' | ','));
    let closes = in_choice && matches!(after, Some('}' | ','));
    let (begins, ends) = (matches!(before, None | Some('/')), matches!(after, None | Some('/')));
    (begins && ends) || (opens && after == Some('/')) || (before == Some('/') && closes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let table: &[(&[&str], &[&str], &[&str])] = &[
            (&[], &["a", "a/b", "registry.example.com/a/b"], &[]),
            (&["**"], &["a", "a/b/c", "a.", "a..b"], &[]),
            (&["*"], &["a", "a."], &["a/b"]),
            (&["apps/*"], &["apps/web"], &["apps", "apps/a/b", "xapps/web"]),
            (&["apps/**"], &["apps/web", "apps/a/b"], &["apps", "apps2/web"]),
            (
                &["**/base/*"],
                &["base/x", "apps/base/x", "registry.example.com/base/x"],
                &["base", "base/x/y", "abase/x"],
            ),
            (
                &["apps/**/web"],
                &["apps/web", "apps/a/web", "apps/a/b/web"],
                &["apps/aweb", "web"],
            ),
            (
                &["apps-**"],
                &["apps-old", "apps-old/web", "apps-/x"],
                &["apps", "apps/x"],
            ),
            (&["**-old"], &["a-old", "b/c/a-old"], &["a-older", "a-old/b"]),
            (
                &["{apps/**,tools}"],
                &["apps/a", "apps/a/b", "tools"],
                &["apps", "tools/x"],
            ),
            (&["{a,**}"], &["a", "b/c"], &[]),
            (&["{**/x,y}"], &["x", "a/b/x", "y"], &["a/y"]),
            (&["web{,-api}"], &["web", "web-api"], &["web-"]),
            (
                &["apps/**", "!apps/legacy/**"],
                &["apps/web", "apps/legacy"],
                &["apps/legacy/x", "other"],
            ),
            (&["!apps/legacy/**", "apps/**"], &["apps/web"], &["apps/legacy/x"]),
            (&["!apps/**"], &["apps", "other/x"], &["apps/x"]),
            (&["v[0-9].?"], &["v1.2"], &["v1.22", "vx.1", "v1./"]),
            (
                &["localhost:5000/apps/*"],
                &["localhost:5000/apps/web"],
                &["localhost/apps/web"],
            ),
        ];
        for (patterns, fitting, others) in table {
            let globs = NameGlobs::new(patterns).unwrap();
            fitting
                .iter()
                .for_each(|name| assert!(globs.fits(name), "{patterns:?} should fit {name}"));
            others
                .iter()
                .for_each(|name| assert!(!globs.fits(name), "{patterns:?} should not fit {name}"));
        }
    }

    #[test]
    fn tags() {
        let table: &[(&[&str], &[&str], &[&str])] = &[
            (&["prod-*"], &["prod-1", "prod-"], &["prod", "preprod-1", "PROD-1"]),
            (&["*"], &["a", "v1.", "1..2", "_"], &[]),
            (&["v?"], &["v1"], &["v", "v12"]),
            (&["v[0-9]*"], &["v1", "v1.2-x"], &["vx"]),
            (&["[!v]*"], &["x1"], &["v1"]),
            (&["{main,dev}-*"], &["main-1", "dev-2"], &["maindev-1"]),
            (&["!prod-*"], &["main", "x"], &["prod-1"]),
            (&["*", "!prod-*", "!v*"], &["main"], &["prod-1", "v1"]),
            (&["!prod-*", "prod-2*"], &[], &["prod-2", "main"]),
        ];
        for (patterns, fitting, others) in table {
            let globs = TagPatterns::new(patterns).unwrap();
            let fits = |tag: &&&str| globs.fits(&tag.parse().unwrap());
            assert_eq!(fitting.iter().filter(fits).count(), fitting.len(), "{patterns:?}");
            assert_eq!(others.iter().filter(fits).count(), 0, "{patterns:?}");
        }
    }

    #[test]
    fn hosts_in_any_case() {
        let globs = NameGlobs::of_hosts(&["Registry.*"]).unwrap();
        assert!(globs.fits("registry.example.com:5000") && !globs.fits("other"));
        assert!(!NameGlobs::new(&["Registry.*"]).unwrap().fits("registry.example.com"));
    }

    #[test]
    fn refuses_what_is_no_glob() {
        let long = "a".repeat(LONGEST + 1);
        for (pattern, problem) in [
            ("", "empty"),
            ("!", "empty"),
            ("a[", "unclosed"),
            ("{a", "alternate"),
            ("a\\", "dangling"),
            (&long, "longer"),
            ("[z-a]", "range"),
        ] {
            let error = NameGlobs::new(&["fine", pattern]).unwrap_err();
            assert!(
                error.index == 1 && error.problem.contains(problem),
                "{pattern}: {error}"
            );
        }
    }
}
