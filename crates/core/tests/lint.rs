//! The lint held against the verdicts, on worlds where everything collides: both must see the same rule at work.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests: a failure is a failed test"
)]

#[expect(
    dead_code,
    unused_imports,
    reason = "shared with the laws: nothing is applied or protected here"
)]
mod worlds;

use std::collections::BTreeSet;

use jettison_core::evaluate::{Decision, RepositoryEvaluation, evaluate};
use jettison_core::lint::{Code, Finding, lint};
use jettison_core::policy::Rules;
use jettison_core::reason::{Reason, Ruling};
use proptest::prelude::*;

use worlds::worlds;

fn rulings<'e>(evaluated: &'e [RepositoryEvaluation<'_>]) -> impl Iterator<Item = &'e Ruling> {
    decisions(evaluated).filter_map(|decision| match decision {
        Decision::Keep(reason) => reason.ruling(),
        Decision::Expire(ruling, _) => Some(ruling),
    })
}

fn decisions<'e>(evaluated: &'e [RepositoryEvaluation<'_>]) -> impl Iterator<Item = &'e Decision> {
    let verdicts = evaluated.iter().flat_map(|repository| &repository.verdicts);
    verdicts.map(|verdict| &verdict.decision)
}

fn count(findings: &[Finding], code: Code) -> u64 {
    findings
        .iter()
        .filter(|finding| finding.code == code)
        .map(|finding| finding.count)
        .sum()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_rule_that_decides_is_not_idle_and_what_no_rule_decides_is_unreached(world in worlds()) {
        let facts = world.facts();
        let evaluated = evaluate(&facts, &world.inventory);
        let findings = lint(&facts, &evaluated);
        let at_work: BTreeSet<(&str, &str)> = rulings(&evaluated).map(|it| (it.policy(), it.rule())).collect();
        for finding in findings.iter().filter(|it| [Code::UnmatchedRule, Code::ShadowedRule].contains(&it.code)) {
            let rule = (finding.policy.as_deref().unwrap(), finding.rule.as_deref().unwrap());
            prop_assert!(!at_work.contains(&rule), "{finding:?}");
        }
        // A held entry does not tell whether a rule would have fitted.
        // What a lifecycle policy of ECR does not reach, `ecr lint` says.
        let is_own = |name: &str| facts.config.policies().iter().any(|it| it.name == name && matches!(it.rules, Rules::Own(_)));
        let unruled = decisions(&evaluated).filter(|it| matches!(it, Decision::Keep(Reason::NoRule { policy: Some(name) }) if is_own(name))).count() as u64;
        let held = decisions(&evaluated).filter(|it| matches!(it, Decision::Keep(Reason::Hold { .. }))).count() as u64;
        let unreached = count(&findings, Code::Unreached);
        prop_assert!((unruled..=unruled + held).contains(&unreached), "{unruled} {held} {findings:?}");
        prop_assert!(findings.iter().all(|it| it.examples.len() <= 3 && !it.message.is_empty() && !it.hint.is_empty()));
    }
}
