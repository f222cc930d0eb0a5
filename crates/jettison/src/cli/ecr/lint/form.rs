//! What `ecr lint` prints, for programs and for people.

use jettison_core::config::{Outline, Place};
use jettison_core::lifecycle::{LifecycleFinding, LifecyclePolicy};
use serde::Serialize;

use super::super::super::check::{Said, counted};
use super::File;
use crate::output::text::count;
use crate::output::{Console, hanging, style, styled};

/// What is printed for programs.
#[derive(Debug, Serialize)]
pub(super) struct Form {
    pub(super) schema: u8,
    pub(super) file: Option<String>,
    /// AWS would take the file; true where there is none.
    pub(super) valid: bool,
    pub(super) mistakes: Vec<MistakeForm>,
    pub(super) policies: Vec<PolicyForm>,
    /// Repositories without a policy.
    pub(super) without_policy: Vec<String>,
    pub(super) gaps: Vec<String>,
}

/// Something for which AWS would refuse the file.
#[derive(Debug, Serialize)]
pub(super) struct MistakeForm {
    pub(super) path: String,
    pub(super) message: String,
}

/// One policy with all repositories that have it.
#[derive(Debug, Serialize)]
pub(super) struct PolicyForm {
    pub(super) repositories: Vec<String>,
    pub(super) rules: u64,
    pub(super) findings: Vec<PlacedFinding>,
}

/// A finding with the line of its rule, if it is about one of a file.
#[derive(Debug, Serialize)]
pub(super) struct PlacedFinding {
    #[serde(flatten)]
    pub(super) finding: LifecycleFinding,
    line: Option<u32>,
}

impl Form {
    pub(super) fn new(file: Option<&str>) -> Self {
        Self {
            schema: 1,
            file: file.map(str::to_owned),
            valid: true,
            mistakes: Vec::new(),
            policies: Vec::new(),
            without_policy: Vec::new(),
            gaps: Vec::new(),
        }
    }
}

impl PolicyForm {
    pub(super) fn new(
        policy: &LifecyclePolicy,
        repositories: Vec<String>,
        found: Vec<LifecycleFinding>,
        file: Option<&File>,
    ) -> Self {
        let outline = file.map(File::outline);
        let line = |finding: &LifecycleFinding| Some(place_of(outline.as_ref()?, finding)?.line);
        Self {
            repositories,
            rules: policy.rules().len() as u64,
            findings: found
                .into_iter()
                .map(|finding| PlacedFinding {
                    line: line(&finding),
                    finding,
                })
                .collect(),
        }
    }

    /// `apps/web`, `apps/web and 2 more repositories`.
    fn place(&self) -> String {
        match self.repositories.as_slice() {
            [] => "no repository".to_owned(),
            [only] => only.clone(),
            [first, rest @ ..] => format!("{first} and {}", count(rest.len() as u64, "more repository")),
        }
    }
}

fn place_of(outline: &Outline<'_>, finding: &LifecycleFinding) -> Option<Place> {
    outline.lifecycle_rule(finding.rule_priority?)
}

pub(super) fn drawn(form: &Form, file: Option<&File>, console: &Console) {
    let outline = file.map(File::outline);
    for policy in &form.policies {
        let severities = policy.findings.iter().map(|placed| placed.finding.severity);
        for PlacedFinding { finding, .. } in &policy.findings {
            let place = outline.as_ref().and_then(|outline| place_of(outline, finding));
            let said = Said {
                severity: finding.severity,
                code: finding.code.as_str(),
                examples: &finding.examples,
                message: &finding.message,
                hint: &finding.hint,
            };
            console.say(said.drawn(place.as_ref(), console.width()));
            console.say("");
        }
        let name = file.map_or_else(|| policy.place(), |file| file.name.clone());
        let rules = count(policy.rules, "rule");
        let text = format!("{name}: {rules}; {}", counted(severities));
        console.say(hanging(
            &format!("{} ", styled(style::STAYS, "ok")),
            &text,
            console.line_width(),
        ));
    }
    match form.without_policy.as_slice() {
        [] => {}
        [only] => console.remark(style::NOTE, "note:", format!("{only} has no lifecycle policy")),
        many => {
            let text = format!(
                "{} have no lifecycle policy, such as {}",
                count(many.len() as u64, "repository"),
                many[0]
            );
            console.remark(style::NOTE, "note:", text);
        }
    }
    if form.policies.is_empty() && form.without_policy.is_empty() && form.gaps.is_empty() {
        console.say("no repository fits");
    }
}
