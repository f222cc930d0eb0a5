//! What the text of a policy says without any repository.

use super::super::{LifecycleAction, LifecycleCount, LifecyclePolicy, LifecycleRule, TagSelection};
use super::texts::{Text, includes};
use super::{LifecycleCode, LifecycleFinding};
use crate::config::Severity;
use crate::model::legible;

/// The first rule that archives.
pub(super) fn archives(policy: &LifecyclePolicy) -> Option<&LifecycleRule> {
    let mut rules = policy.rules().iter();
    rules.find(|rule| rule.action == LifecycleAction::Transition)
}

/// What is so in every repository.
pub(super) fn certain(policy: &LifecyclePolicy) -> Vec<LifecycleFinding> {
    let mut findings = Vec::new();
    for (number, rule) in policy.rules().iter().enumerate() {
        let impossible = Text::all(rule).into_iter().filter(|text| !text.is_possible());
        let impossible: Vec<LifecycleFinding> = impossible.map(|text| impossible_text(rule, text)).collect();
        if impossible.is_empty() {
            findings.extend(shadowed(&policy.rules()[..number], rule));
        }
        findings.extend(impossible);
    }
    findings
}

/// What depends on the images, and is likely.
pub(super) fn likely(policy: &LifecyclePolicy) -> Vec<LifecycleFinding> {
    let mut findings = Vec::new();
    let rules = policy.rules();
    for (number, rule) in rules.iter().enumerate() {
        if shadowed(&rules[..number], rule).is_some() {
            continue;
        }
        findings.extend(list_is_and(rule));
        findings.extend(any_swallows(&rules[..number], rule));
        findings.extend(overlapping_counts(&rules[..number], rule));
        findings.extend(outranked(&rules[..number], rule));
    }
    findings
}

fn impossible_text(rule: &LifecycleRule, text: Text<'_>) -> LifecycleFinding {
    let hint = match text {
        Text::Prefix(prefix) if prefix.contains('*') => {
            "in tagPrefixList a `*` is a letter like any other, and no tag has it: leave it out, or write a tagPatternList"
        }
        _ => {
            "tags are letters, digits, `_`, `.` and `-`; the one wildcard is `*`, in a tagPatternList: no `?`, no `/`, no \
             regular expression"
        }
    };
    LifecycleFinding {
        message: format!(
            "rule {} can never fire: no tag can ever fit `{}`",
            rule.priority,
            legible(text.as_str())
        ),
        hint: hint.to_owned(),
        ..LifecycleFinding::of(rule, LifecycleCode::ImpossibleText, Severity::Warning)
    }
}

/// By one rule before it, or, of an `any` rule, by one for all tagged images and one for the others.
fn shadowed(before: &[LifecycleRule], rule: &LifecycleRule) -> Option<LifecycleFinding> {
    let by = match before.iter().find(|earlier| includes(earlier, rule)) {
        Some(earlier) => format!("rule {} identifies", earlier.priority),
        None => {
            let [tagged, untagged] = both_halves(before, rule)?;
            format!("rules {} and {} identify", tagged.priority, untagged.priority)
        }
    };
    Some(LifecycleFinding {
        message: format!(
            "rule {} can never fire: {by} every image that it speaks of, and the first rule that identifies an image has \
             the say",
            rule.priority
        ),
        hint: "give it a smaller rulePriority, or remove it".to_owned(),
        ..LifecycleFinding::of(rule, LifecycleCode::ShadowedRule, Severity::Warning)
    })
}

fn both_halves<'r>(before: &'r [LifecycleRule], rule: &LifecycleRule) -> Option<[&'r LifecycleRule; 2]> {
    let of_class = || {
        before
            .iter()
            .filter(|earlier| earlier.storage_class == rule.storage_class)
    };
    let tagged = of_class().find(|earlier| names_every_tag(earlier));
    let untagged = of_class().find(|earlier| earlier.selects == TagSelection::Untagged);
    (rule.selects == TagSelection::Any).then_some([tagged?, untagged?])
}

fn names_every_tag(rule: &LifecycleRule) -> bool {
    let texts = Text::all(rule);
    !texts.is_empty() && texts.into_iter().all(Text::is_everything)
}

/// A list is an AND. Where one text holds another that is said already.
fn list_is_and(rule: &LifecycleRule) -> Option<LifecycleFinding> {
    let texts = Text::all(rule);
    let is_apart = |(at, text): (usize, &Text<'_>)| {
        let mut others = texts.iter().enumerate().filter(|(other, _)| *other != at);
        !others.any(|(_, other)| text.includes(*other))
    };
    if texts.len() < 2 || !texts.iter().enumerate().all(is_apart) {
        return None;
    }
    Some(LifecycleFinding {
        message: format!(
            "rule {} speaks only of images that have a tag for each of {}",
            rule.priority,
            listed(&texts)
        ),
        hint: "a list is an AND: if either shall do, write a rule for each".to_owned(),
        ..LifecycleFinding::of(rule, LifecycleCode::ListIsAnd, Severity::Note)
    })
}

/// `` `a*`, `b*` and 3 more ``.
pub(super) fn listed(texts: &[Text<'_>]) -> String {
    let shown = texts.iter().take(3).map(|text| format!("`{}`", legible(text.as_str())));
    let shown = shown.collect::<Vec<_>>().join(", ");
    match texts.len().saturating_sub(3) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

fn any_swallows(before: &[LifecycleRule], rule: &LifecycleRule) -> Option<LifecycleFinding> {
    let mut of_class = before
        .iter()
        .filter(|earlier| earlier.storage_class == rule.storage_class);
    if rule.selects != TagSelection::Any || rule.protects() || of_class.any(names_every_tag) {
        return None;
    }
    Some(LifecycleFinding {
        message: format!(
            "rule {} is for `any` image: it takes tagged ones too that no rule before it names, releases, children of \
             indexes, signatures and caches among them",
            rule.priority
        ),
        hint: ANY_HINT.to_owned(),
        ..LifecycleFinding::of(rule, LifecycleCode::AnySwallows, Severity::Note)
    })
}

/// What to do about an `any` rule that takes too much.
pub(super) const ANY_HINT: &str = "put rules before it that name what shall stay, with imageCountMoreThan 9999; for what has \
                                   no tag, write `untagged` in place of `any`";

/// What is worth knowing of a rule that counts images which others have the say on.
pub(super) const OVERLAP_HINT: &str =
    "count with room for them, or measure by age: sinceImagePushed gives nobody a place";

fn overlapping_counts(before: &[LifecycleRule], rule: &LifecycleRule) -> Option<LifecycleFinding> {
    if !matches!(rule.count, LifecycleCount::MoreThan(_)) || rule.protects() {
        return None;
    }
    let earlier = before.iter().find(|earlier| includes(rule, earlier))?;
    Some(LifecycleFinding {
        message: format!(
            "rule {} counts the images of rule {} too: they take places, and it has no say on them",
            rule.priority, earlier.priority
        ),
        hint: OVERLAP_HINT.to_owned(),
        ..LifecycleFinding::of(rule, LifecycleCode::OverlappingCounts, Severity::Note)
    })
}

fn outranked(before: &[LifecycleRule], rule: &LifecycleRule) -> Option<LifecycleFinding> {
    let is_tagged = |rule: &LifecycleRule| !Text::all(rule).is_empty();
    let earlier = before
        .iter()
        .find(|earlier| is_tagged(earlier) && !earlier.protects() && earlier.storage_class == rule.storage_class)?;
    if !is_tagged(rule) || !rule.protects() {
        return None;
    }
    Some(LifecycleFinding {
        message: format!(
            "rule {} protects images that have {}, but rule {} comes before it: an image with tags for both goes, all its \
             tags with it",
            rule.priority,
            listed(&Text::all(rule)),
            earlier.priority
        ),
        hint: OUTRANKED_HINT.to_owned(),
        ..LifecycleFinding::of(rule, LifecycleCode::OutrankedProtection, Severity::Note)
    })
}

/// What to do about a protection that comes too late.
pub(super) const OUTRANKED_HINT: &str = "give what protects the smallest rulePriority";
