//! Gaps for people: what the same trouble did to many repositories of a registry is one line. The JSON forms keep all.

use std::collections::BTreeMap;

use super::text::count;
use crate::registry::NO_ANSWER;

/// Fewer repositories with the same trouble are told one by one.
const MANY: usize = 3;

/// The gaps, each `registry/repository: why` or any other text; those of many repositories told as one, at the place of
/// the first.
pub fn told_once(gaps: &[String]) -> Vec<String> {
    let told: Vec<Option<Told<'_>>> = gaps.iter().map(|gap| Told::of(gap)).collect();
    let mut alike: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for told in told.iter().flatten() {
        alike.entry(told.key()).or_default().push(told.repository);
    }
    let mut lines = Vec::new();
    for (gap, told) in gaps.iter().zip(&told) {
        let Some(told) = told else {
            lines.push(gap.clone());
            continue;
        };
        match alike.get(&told.key()) {
            Some(repositories) if repositories.len() < MANY => lines.push(gap.clone()),
            Some(repositories) if repositories.first() == Some(&told.repository) => {
                lines.push(told.for_all(repositories.len()));
            }
            _ => {}
        }
    }
    lines
}

/// One gap of a repository, taken apart.
struct Told<'g> {
    registry: &'g str,
    repository: &'g str,
    /// The same for every repository that has the same trouble: the repository's name is cut out.
    why: String,
}

impl<'g> Told<'g> {
    fn of(gap: &'g str) -> Option<Self> {
        let (place, why) = gap.split_once(": ")?;
        let (registry, repository) = place.split_once('/')?;
        // Of a registry that is found dead once, the others are not asked: that is one trouble.
        let why = why.replace(&format!(" {repository} "), " {} ");
        Some(Self {
            registry,
            repository,
            why: first_hand(&why).unwrap_or(why),
        })
    }

    fn key(&self) -> (&str, &str) {
        (self.registry, &self.why)
    }

    fn for_all(&self, repositories: usize) -> String {
        let Self {
            registry,
            repository,
            why,
        } = self;
        let repositories = count(repositories as u64, "repository");
        let why = why.replace(" {} ", &format!(" {repository} "));
        format!("{registry}: {repositories} could not be read, such as {repository}: {why}")
    }
}

/// What was found out, in words that say that it was found out before.
fn first_hand(why: &str) -> Option<String> {
    let (before, quoted) = why.split_once(&format!("{NO_ANSWER} ("))?;
    let (cause, after) = quoted.rsplit_once(')')?;
    Some(format!("{before}{cause}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dead(name: &str, cause: &str) -> String {
        format!("r.io:5000/{name}: could not list the tags of {name} on r.io:5000: {cause}; run it again later")
    }

    #[test]
    fn a_dead_registry_is_one_line_whatever_else_there_is() {
        let cause = "refused (os error 111)";
        let mut gaps = vec!["prod: no answer".to_owned(), dead("a", cause)];
        gaps.extend((0..1000).map(|number| dead(&format!("apps/r{number}"), &format!("{NO_ANSWER} ({cause})"))));
        gaps.extend(["x", "y"].map(|name| format!("q.io/{name}: could not list the tags of {name} on q.io: no")));
        gaps.push("r.io:5000/a: it is too large".to_owned());
        let one = "r.io:5000: 1,001 repositories could not be read, such as a: could not list the tags of a on \
                   r.io:5000: refused (os error 111); run it again later";
        assert_eq!(
            told_once(&gaps),
            [
                "prod: no answer",
                one,
                "q.io/x: could not list the tags of x on q.io: no",
                "q.io/y: could not list the tags of y on q.io: no",
                "r.io:5000/a: it is too large",
            ]
        );
    }

    #[test]
    fn the_same_trouble_of_two_registries_is_two_lines() {
        let of = |host: &str| {
            (0..4)
                .map(move |number| format!("{host}/r{number}: no"))
                .collect::<Vec<_>>()
        };
        let gaps = [of("a.io"), of("b.io")].concat();
        let said = told_once(&gaps);
        assert_eq!(said.len(), 2, "{said:?}");
    }

    #[test]
    fn two_troubles_of_a_registry_are_two_lines() {
        let of = |why: &str| {
            (0..4)
                .map(move |number| format!("a.io/r{number}: {why}"))
                .collect::<Vec<_>>()
        };
        assert_eq!(told_once(&[of("no"), of("never")].concat()).len(), 2);
    }
}
