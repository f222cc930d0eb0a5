//! Names of AWS: who somebody is, in which partition a region lies, and which repositories a glob may mean.

use std::str::FromStr;

/// A role or a user that policies and exclusions can name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Principal {
    /// `arn:aws:iam::123456789012:role/jettison`
    pub(super) arn: String,
    /// The twelve digits of its account.
    pub(super) account: String,
    /// What has to be known before the ARN is believed.
    pub(super) doubt: Option<Doubt>,
}

/// Why an ARN may be another than the one that is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doubt {
    /// It was made from a session, which does not tell the path of its role.
    Path,
    /// It is the login of a person (IAM Identity Center).
    Person,
}

/// Why a text names nobody that a policy can name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoPrincipal {
    /// It is no ARN of somebody.
    #[error("`{0}` is no role: write arn:aws:iam::123456789012:role/NAME")]
    Form(String),
    /// Root and federated users cannot be excluded.
    #[error("{0} is neither a role nor a user, and ECR excludes no other from pull times")]
    Kind(String),
}

/// Roles that IAM Identity Center makes for people begin so.
const OF_PEOPLE: &str = "AWSReservedSSO_";

/// `arn:PARTITION:iam::ACCOUNT:role/NAME`, of a user too; or of the session of a role, which stands for the role.
impl FromStr for Principal {
    type Err = NoPrincipal;

    fn from_str(text: &str) -> Result<Self, NoPrincipal> {
        let form = || NoPrincipal::Form(text.to_owned());
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let ["arn", partition, service, "", account, resource] = parts[..] else {
            return Err(form());
        };
        let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
        let is_known = partition.starts_with("aws") && ["iam", "sts"].contains(&service);
        let legal = |c: char| c.is_ascii_alphanumeric() || "+=,.@_-/".contains(c);
        if !(is_account && is_known && resource.chars().all(legal)) {
            return Err(form());
        }
        let named = |arn: String, doubt| Self {
            arn,
            account: account.to_owned(),
            doubt,
        };
        match (service, resource.split_once('/')) {
            ("iam", Some(("role" | "user", name))) if !name.is_empty() => Ok(named(text.to_owned(), None)),
            ("sts", Some(("assumed-role", session))) => {
                let name = session
                    .split('/')
                    .next()
                    .filter(|name| !name.is_empty())
                    .ok_or_else(form)?;
                let doubt = if name.starts_with(OF_PEOPLE) {
                    Doubt::Person
                } else {
                    Doubt::Path
                };
                Ok(named(
                    format!("arn:{partition}:iam::{account}:role/{name}"),
                    Some(doubt),
                ))
            }
            _ => Err(NoPrincipal::Kind(text.to_owned())),
        }
    }
}

/// The partition of a region: what stands behind `arn:` of everything in it.
pub(super) fn partition(region: &str) -> &'static str {
    const OTHERS: [(&str, &str); 8] = [
        ("cn-", "aws-cn"),
        ("us-gov-", "aws-us-gov"),
        ("us-iso-", "aws-iso"),
        ("us-isob-", "aws-iso-b"),
        ("us-isof-", "aws-iso-f"),
        ("eu-isoe-", "aws-iso-e"),
        ("eusc-", "aws-eusc"),
        ("eu-isof-", "aws-iso-f"),
    ];
    let other = OTHERS.iter().find(|(begins, _)| region.starts_with(begins));
    other.map_or("aws", |(_, partition)| partition)
}

/// More alternatives of one glob are not written out.
const MOST: usize = 32;

/// Patterns of IAM that fit every name that one of the globs fits, and as few others as IAM can say: its `*` crosses `/`,
/// and it has no classes. Globs that exclude cannot be said in a statement that allows, and are passed over.
pub(super) fn widened<S: AsRef<str>>(globs: &[S]) -> Vec<String> {
    let including = globs.iter().map(AsRef::as_ref).filter(|glob| !glob.starts_with('!'));
    let mut patterns: Vec<String> = including.flat_map(alternatives).map(|glob| pattern(&glob)).collect();
    patterns.sort();
    patterns.dedup();
    match patterns.is_empty() || patterns.iter().any(|pattern| pattern == "*") {
        true => vec!["*".to_owned()],
        false => patterns,
    }
}

/// A glob without choices for every choice that its `{…}` give.
fn alternatives(glob: &str) -> Vec<String> {
    let (mut done, mut open) = (Vec::new(), vec![glob.to_owned()]);
    while let Some(glob) = open.pop() {
        match first_choice(&glob) {
            None => done.push(glob),
            Some((before, choices, after)) => {
                open.extend(choices.iter().map(|choice| format!("{before}{choice}{after}")))
            }
        }
        if open.len() + done.len() > MOST {
            return vec!["**".to_owned()];
        }
    }
    done
}

/// What stands before the first `{…}`, what may stand in its place, and what follows.
fn first_choice(glob: &str) -> Option<(&str, Vec<&str>, &str)> {
    let (mut depth, mut opened, mut part) = (0_usize, 0, 0);
    let mut choices = Vec::new();
    let mut characters = glob.char_indices();
    while let Some((at, character)) = characters.next() {
        match (character, depth) {
            ('\\', _) => drop(characters.next()),
            ('[', _) => {
                let rest = class_end(&glob[at..])?;
                while characters.as_str().len() > rest.len() {
                    characters.next();
                }
            }
            ('{', 0) => (depth, opened, part) = (1, at, at + 1),
            ('{', _) => depth += 1,
            (',', 1) => {
                choices.push(&glob[part..at]);
                part = at + 1;
            }
            ('}', 1) => {
                choices.push(&glob[part..at]);
                return Some((&glob[..opened], choices, &glob[at + 1..]));
            }
            ('}', _) => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}

/// What follows the class that `text` begins with. A `]` right at its start belongs to it.
fn class_end(text: &str) -> Option<&str> {
    let inside = text.strip_prefix('[')?;
    let inside = inside.strip_prefix(['!', '^']).unwrap_or(inside);
    let skip = inside.chars().next()?.len_utf8();
    inside[skip..].split_once(']').map(|(_, rest)| rest)
}

/// A glob without choices as a pattern of IAM.
fn pattern(glob: &str) -> String {
    let mut pattern = String::new();
    let mut rest = glob;
    while let Some(character) = rest.chars().next() {
        let begins_component = pattern.is_empty() || pattern.ends_with('/');
        let mut next = &rest[character.len_utf8()..];
        match character {
            '*' => {
                let run = rest.len() - rest.trim_start_matches('*').len();
                next = &rest[run..];
                // `a/**/b` fits `a/b` too.
                if run > 1 && begins_component {
                    next = next.strip_prefix('/').unwrap_or(next);
                }
                if !pattern.ends_with('*') {
                    pattern.push('*');
                }
            }
            '[' => {
                next = class_end(rest).unwrap_or_default();
                pattern.push('?');
            }
            '\\' => {
                // No name has a character that would need it; whatever it is, it is one.
                let escaped = next.chars().next();
                next = escaped.map_or(next, |escaped| &next[escaped.len_utf8()..]);
                pattern.push('?');
            }
            other => pattern.push(other),
        }
        rest = next;
    }
    pattern
}

#[cfg(test)]
mod tests {
    use jettison_core::policy::NameGlobs;

    use super::*;

    #[test]
    fn a_session_stands_for_its_role() {
        let role = "arn:aws:iam::123456789012:role/jettison";
        for (text, arn, doubt) in [
            (role, role, None),
            (
                "arn:aws:iam::123456789012:role/ops/jettison",
                "arn:aws:iam::123456789012:role/ops/jettison",
                None,
            ),
            (
                "arn:aws-cn:iam::123456789012:user/ci",
                "arn:aws-cn:iam::123456789012:user/ci",
                None,
            ),
            (
                "arn:aws:sts::123456789012:assumed-role/jettison/i-0abc",
                role,
                Some(Doubt::Path),
            ),
            (
                "arn:aws-us-gov:sts::123456789012:assumed-role/AWSReservedSSO_Admin_0123456789abcdef/jane@example.com",
                "arn:aws-us-gov:iam::123456789012:role/AWSReservedSSO_Admin_0123456789abcdef",
                Some(Doubt::Person),
            ),
        ] {
            let account = "123456789012".to_owned();
            let arn = arn.to_owned();
            assert_eq!(text.parse(), Ok(Principal { arn, account, doubt }), "{text}");
        }
    }

    #[test]
    fn whoever_cannot_be_excluded_is_no_principal() {
        for text in [
            "arn:aws:iam::123456789012:root",
            "arn:aws:sts::123456789012:federated-user/jane",
        ] {
            assert_eq!(text.parse::<Principal>(), Err(NoPrincipal::Kind(text.to_owned())));
        }
        for text in [
            "",
            "jettison",
            "arn:aws:iam::1234:role/jettison",
            "arn:aws:s3:::bucket",
            "arn:aws:iam::123456789012:role/a b",
            "arn:aws:iam::123456789012:role/a'; rm",
            "arn:aws:sts::123456789012:assumed-role/",
            "urn:aws:iam::123456789012:role/jettison",
        ] {
            assert_eq!(
                text.parse::<Principal>(),
                Err(NoPrincipal::Form(text.to_owned())),
                "{text}"
            );
        }
        assert!("arn:aws:iam::123456789012:role/".parse::<Principal>().is_err());
    }

    #[test]
    fn regions_lie_in_partitions() {
        for (region, expected) in [
            ("eu-central-1", "aws"),
            ("us-east-1", "aws"),
            ("cn-north-1", "aws-cn"),
            ("us-gov-west-1", "aws-us-gov"),
            ("us-iso-east-1", "aws-iso"),
            ("us-isob-east-1", "aws-iso-b"),
            ("us-isof-south-1", "aws-iso-f"),
            ("eu-isoe-west-1", "aws-iso-e"),
            ("eusc-de-east-1", "aws-eusc"),
        ] {
            assert_eq!(partition(region), expected, "{region}");
        }
    }

    #[test]
    fn globs_become_the_narrowest_patterns_that_iam_has() {
        for (globs, expected) in [
            (&["apps/**"][..], &["apps/*"][..]),
            (&["**"], &["*"]),
            (&["apps/**", "**"], &["*"]),
            (&[], &["*"]),
            (&["!old/**"], &["*"]),
            (&["apps/**", "!apps/old/**"], &["apps/*"]),
            (&["apps/web"], &["apps/web"]),
            (&["{web,api}/v?"], &["api/v?", "web/v?"]),
            (&["a/**/b"], &["a/*b"]),
            (&["**/base/*"], &["*base/*"]),
            (&["team-[ab]/x"], &["team-?/x"]),
            (&["{a{1,2},[{,]}/x"], &["?/x", "a1/x", "a2/x"]),
        ] {
            assert_eq!(widened(globs), expected, "{globs:?}");
        }
        let many = "{0,1,2,3,4,5,6,7,8,9}";
        assert_eq!(widened(&[format!("{many}{many}")]), ["*"]);
    }

    /// Too wide is untidy; too narrow is a scan with gaps.
    #[test]
    fn whatever_a_glob_fits_its_patterns_fit() {
        let names = [
            "a",
            "b",
            "web",
            "api",
            "a/b",
            "a/x/b",
            "a/x/y/b",
            "apps/web",
            "apps/old/web",
            "apps-old/web",
            "x/base/y",
            "base/y",
            "team-a/x",
            "team-c/x",
            "a.b",
            "a_b",
            "a-b",
            "web/v1",
            "apps/web/cache",
        ];
        let globs = [
            "*",
            "**",
            "?",
            "*/*",
            "**/**",
            "a/**/b",
            "a/**",
            "**/b",
            "apps-**",
            "apps**/web",
            "[a-c]",
            "[!a]",
            "[]a]*",
            "{a,b}",
            "{a,b}/**",
            "{web,ap?}{,/v1}",
            "**/{base,x}/**",
            "team-[ab]/x",
            "a\\.b",
            "a\\*b",
            "*.*",
            "***",
            "a{,/**}",
            "{apps/**/,}web",
            "{*,**/b}",
            "a?b",
        ];
        let mut fitted = 0;
        for glob in globs {
            // `*` of IAM is `**` here; its `?` crosses `/`, which no `?` or class of a glob does.
            let patterns: Vec<String> = widened(&[glob])
                .iter()
                .map(|pattern| pattern.replace('*', "**"))
                .collect();
            let (glob, wide) = (NameGlobs::new(&[glob]).unwrap(), NameGlobs::new(&patterns).unwrap());
            for name in names.iter().filter(|name| glob.fits(name)) {
                fitted += 1;
                assert!(wide.fits(name), "{glob:?} fits {name}, {patterns:?} do not");
            }
        }
        assert!(fitted > 100, "{fitted}");
    }
}
