//! What is decided for single entries: dates, rules, groups, holds, each in a world that shows just that.

mod accounts;
mod groups;
mod holds;
mod rules;
mod survey;
mod times;
mod uses;

use super::{Decision, RepositoryEvaluation, evaluate};
use crate::policy::RuleAction;
use crate::reason::Reason;
use crate::worlds::World;

impl World {
    fn evaluated<T>(&self, ask: impl FnOnce(&[RepositoryEvaluation<'_>]) -> T) -> T {
        self.with_facts(|facts| ask(&evaluate(facts, &self.inventory)))
    }

    /// Of each entry its tag, or `-`, and what is decided: `goes RULE`, `stays REASON`. In the order of the tags.
    fn verdicts(&self) -> Vec<String> {
        self.evaluated(|evaluated| {
            let verdicts = evaluated.iter().flat_map(|repository| &repository.verdicts);
            let told = verdicts.map(|verdict| {
                let tag = verdict.tag.map_or("-", |tag| tag.as_str());
                match &verdict.decision {
                    Decision::Expire(ruling, RuleAction::Delete) => format!("{tag} goes {}", ruling.rule()),
                    Decision::Expire(ruling, RuleAction::Archive) => format!("{tag} archived {}", ruling.rule()),
                    Decision::Keep(Reason::Hold { hold, .. }) => format!("{tag} stays {hold}"),
                    Decision::Keep(reason) => format!("{tag} stays {}", reason.code()),
                }
            });
            let mut told: Vec<String> = told.collect();
            told.sort();
            told
        })
    }

    /// The tags of the entries that go.
    fn gone(&self) -> Vec<String> {
        let verdicts = self.verdicts();
        let gone = verdicts.iter().filter_map(|told| told.split_once(" goes "));
        gone.map(|(tag, _)| tag.to_owned()).collect()
    }
}
