//! What repositories say of a policy, in words.

use std::collections::BTreeMap;

use super::alone::{ANY_HINT, OUTRANKED_HINT, OVERLAP_HINT, listed};
use super::look::{Looks, RuleLook};
use super::{LifecycleCode, LifecycleFinding};
use crate::config::Severity;
use crate::lifecycle::LifecycleRule;
use crate::lint::{ENOUGH, Tally};
use crate::model::{RegistryHost, legible};
use crate::words::{count, number};

impl Looks<'_> {
    /// Everything but what is among the findings already.
    pub(super) fn findings(&self, known: &[LifecycleFinding]) -> Vec<LifecycleFinding> {
        let is_known = |look: &RuleLook<'_>, code: LifecycleCode| {
            let priority = Some(look.rule.priority);
            known
                .iter()
                .any(|finding| finding.rule_priority == priority && finding.code == code)
        };
        let mut findings = Vec::new();
        for look in &self.rules {
            findings.extend(look.taking());
            findings.extend(look.counting());
            findings.extend(self.outranked(look));
            let is_dead = [LifecycleCode::ImpossibleText, LifecycleCode::ShadowedRule];
            if self.is_whole && !is_dead.iter().any(|code| is_known(look, *code)) {
                findings.extend(look.unmatched());
                findings.extend(look.never_together());
                findings.extend(self.shadowed(look));
            }
        }
        findings.extend(self.unreached());
        findings
    }

    /// `1 (12), 3 (4)`.
    fn rules_listed(&self, by: &BTreeMap<usize, u64>) -> String {
        let rules = by.iter().take(3).map(|(rule, images)| {
            let priority = self.rules.get(*rule).map_or(0, |look| look.rule.priority);
            format!("rule {priority} ({})", number(*images))
        });
        rules.collect::<Vec<_>>().join(", ")
    }

    fn shadowed(&self, look: &RuleLook<'_>) -> Option<LifecycleFinding> {
        if look.identifies == 0 || look.decides > 0 {
            return None;
        }
        Some(LifecycleFinding {
            count: look.identifies,
            message: format!(
                "rule {} never decides here: rules before it have the say on all {} that it identifies: {}",
                look.rule.priority,
                count(look.identifies, "image"),
                self.rules_listed(&look.seen_by)
            ),
            hint: "give it a smaller rulePriority, or remove it".to_owned(),
            ..LifecycleFinding::of(look.rule, LifecycleCode::ShadowedRule, Severity::Warning)
        })
    }

    fn outranked(&self, look: &RuleLook<'_>) -> Option<LifecycleFinding> {
        let message = |tally: &Tally| {
            format!(
                "rule {} takes {} that a later rule would have kept for another tag: {}; an image goes with all its tags",
                look.rule.priority,
                images(tally),
                self.rules_listed(&look.outranked)
            )
        };
        tallied(
            look.rule,
            LifecycleCode::OutrankedProtection,
            &look.outranks,
            message,
            OUTRANKED_HINT,
        )
    }

    fn unreached(&self) -> Option<LifecycleFinding> {
        if self.unreached.count == 0 {
            return None;
        }
        let natures = self.unreached_natures.iter();
        let natures: Vec<String> = natures.map(|(nature, images)| nature.counted(*images)).collect();
        Some(LifecycleFinding {
            count: self.unreached.count,
            examples: self.unreached.examples(),
            message: format!(
                "no rule reaches {}, so that they stay for good: {}",
                images(&self.unreached),
                natures.join(", ")
            ),
            hint: "if that is not meant, add rules for them; `untagged` is for what has no tag".to_owned(),
            ..LifecycleFinding::new(LifecycleCode::Unreached, Severity::Note)
        })
    }
}

impl RuleLook<'_> {
    /// What it takes and hardly means to.
    fn taking(&self) -> Vec<LifecycleFinding> {
        let rule = self.rule.priority;
        let found = |code, tally: &Tally, message: &dyn Fn(&Tally) -> String, hint| {
            tallied(self.rule, code, tally, message, hint)
        };
        let findings = [
            found(
                LifecycleCode::AnySwallows,
                &self.swallowed,
                &|tally| {
                    format!(
                        "rule {rule} is for `any` image, and takes {} with tags that no other rule names; releases by their tags: {}, \
                         in use: {}",
                        images(tally),
                        number(self.swallowed_releases),
                        number(self.swallowed_used)
                    )
                },
                ANY_HINT,
            ),
            found(
                LifecycleCode::TakesInUse,
                &self.in_use,
                &|tally| format!("rule {rule} takes {}, in use now or a short while ago", images(tally)),
                "ECR knows nothing of use: protect them by a tag, or let jettison clean this repository (`ecr-policy`)",
            ),
            found(
                LifecycleCode::TakesLiveChildren,
                &self.children,
                &|tally| format!("rule {rule} takes {}: parts of indexes that stay", images(tally)),
                "AWS means to spare them when it carries the rule out, and is known to fail at that: `jettison ecr preview` \
                 names them",
            ),
            found(
                LifecycleCode::TakesLiveAttached,
                &self.attached,
                &|tally| {
                    format!(
                        "rule {rule} takes {}: signatures and the like of images that stay",
                        images(tally)
                    )
                },
                "without its signature an image may be refused where it is to run: name `sha256-*` in a rule of its own, or \
                 let jettison clean this repository",
            ),
            found(
                LifecycleCode::TakesMovingTag,
                &self.moving,
                &|tally| {
                    format!(
                        "rule {rule} takes {} with a tag that others pull, such as `latest`",
                        images(tally)
                    )
                },
                "an image goes with all its tags: protect it by a rule with a smaller rulePriority that names the tag",
            ),
        ];
        findings.into_iter().flatten().collect()
    }

    /// Who takes its places.
    fn counting(&self) -> Vec<LifecycleFinding> {
        let rule = self.rule.priority;
        let company = |tally: &Tally| {
            let by = self.worst.by.iter().map(|(nature, images)| nature.counted(*images));
            format!(
                "rule {rule} keeps {}, and most of these places are not taken by images of their own {}: {}",
                number(self.worst.keeps),
                tally.whereabouts(),
                by.collect::<Vec<_>>().join(", ")
            )
        };
        let overlap = |tally: &Tally| {
            format!(
                "{} of rule {rule} are taken by images that a rule before it has the say on, {}",
                count(tally.count, "place"),
                tally.whereabouts()
            )
        };
        let findings = [
            tallied(
                self.rule,
                LifecycleCode::PlacesTaken,
                &self.company,
                company,
                "ECR counts every manifest: count higher, or let jettison clean this repository (`ecr-policy` counts the \
                 same, `beyond-newest` counts images)",
            ),
            tallied(
                self.rule,
                LifecycleCode::OverlappingCounts,
                &self.overlap,
                overlap,
                OVERLAP_HINT,
            ),
        ];
        findings.into_iter().flatten().collect()
    }

    /// Texts that no tag fits, where there are images of the rule's storage class at all.
    fn unmatched(&self) -> Option<LifecycleFinding> {
        let unmatched: Vec<_> = self
            .texts
            .iter()
            .filter(|(_, fitting)| *fitting == 0)
            .map(|(text, _)| *text)
            .collect();
        if unmatched.is_empty() || self.of_class == 0 {
            return None;
        }
        let what = match self.rule.protects() {
            true => "protects nothing",
            false => "never fires here",
        };
        Some(LifecycleFinding {
            examples: unmatched.iter().take(3).map(|text| legible(text.as_str())).collect(),
            message: format!("rule {} {what}: no tag fits {}", self.rule.priority, listed(&unmatched)),
            hint: "look for a misspelt text, or for a scheme of tags that is not used any more".to_owned(),
            ..LifecycleFinding::of(self.rule, LifecycleCode::UnmatchedText, Severity::Warning)
        })
    }

    /// Each text fits many images, and all of them together at most a tenth of what the rarest fits.
    fn never_together(&self) -> Option<LifecycleFinding> {
        let fewest = self.texts.iter().map(|(_, fitting)| *fitting).min()?;
        if self.texts.len() < 2 || fewest < ENOUGH || self.identifies * 10 > fewest {
            return None;
        }
        let each = self.texts.iter().take(3);
        let each = each.map(|(text, fitting)| format!("`{}` fits {}", legible(text.as_str()), number(*fitting)));
        Some(LifecycleFinding {
            count: self.identifies,
            message: format!(
                "rule {} speaks of {} only: {}, and all texts of its list have to fit the same image",
                self.rule.priority,
                count(self.identifies, "image"),
                each.collect::<Vec<_>>().join(", ")
            ),
            hint: "a list is an AND: if either shall do, write a rule for each".to_owned(),
            ..LifecycleFinding::of(self.rule, LifecycleCode::NeverTogether, Severity::Warning)
        })
    }
}

pub(super) fn archive_saves_nothing(
    rule: &LifecycleRule,
    (host, stored): (&RegistryHost, u64),
    is_complete: bool,
) -> Option<LifecycleFinding> {
    if !crate::evaluate::saves_nothing(stored) {
        return None;
    }
    let (severity, known) = match is_complete {
        true => (Severity::Warning, "holds"),
        false => (Severity::Note, "holds, as far as it was scanned,"),
    };
    Some(LifecycleFinding {
        message: format!(
            "rule {} archives, and saves nothing: {host} {known} {} GB, and below 150 TB the archive costs what the other \
             storage does",
            rule.priority,
            number(stored / 1_000_000_000)
        ),
        hint: "an archived image cannot be pulled, and is paid for 90 days at least: expire it, or leave it".to_owned(),
        ..LifecycleFinding::of(rule, LifecycleCode::ArchiveSavesNothing, severity)
    })
}

/// A warning of what was counted, if anything was.
fn tallied(
    rule: &LifecycleRule,
    code: LifecycleCode,
    tally: &Tally,
    message: impl Fn(&Tally) -> String,
    hint: &str,
) -> Option<LifecycleFinding> {
    (tally.count > 0).then(|| LifecycleFinding {
        count: tally.count,
        examples: tally.examples(),
        message: message(tally),
        hint: hint.to_owned(),
        ..LifecycleFinding::of(rule, code, Severity::Warning)
    })
}

/// `12 images in r.example/web`.
fn images(tally: &Tally) -> String {
    format!("{} {}", count(tally.count, "image"), tally.whereabouts())
}
