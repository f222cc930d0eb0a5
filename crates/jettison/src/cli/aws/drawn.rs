//! What setup found, for people. Policies and command lines stand at the margin, to be copied.

use serde::Serialize;

use super::exclusion::Outcome;
use super::setup::{AccountForm, Exclusion, Form};
use crate::output::{Console, hanging, style, styled};

const WHY: &str = "ECR counts the reading of a manifest as a pull. jettison remembers what it read, and leaves that out; ECR's own \
    lifecycle rules, other tools, and a jettison that lost its store do not. So whoever it works as is put on the list of those \
    whose pulls leave no trace: once in each region, where up to 100 may stand.";

const TWO_NAMES: &str = "ECR's guide and its API give these permissions different names: allow both. Whoever makes the calls needs \
    them, once; the role of jettison does not.";

const SEPARATE: &str = "It comes on top of the first policy, and no run over images needs it: give it to the people or the pipeline \
    that look after these policies, not to the hourly run.";

/// All accounts.
pub(super) fn drawn(form: &Form, console: &Console) -> Result<String, serde_json::Error> {
    let pages = form.accounts.iter().map(|account| Page::of(account, console));
    Ok(pages.collect::<Result<Vec<_>, _>>()?.join("\n\n"))
}

/// The page of one account, as it grows.
struct Page {
    blocks: Vec<String>,
    width: usize,
}

impl Page {
    fn of(account: &AccountForm, console: &Console) -> Result<String, serde_json::Error> {
        let mut page = Self {
            blocks: Vec::new(),
            width: console.line_width(),
        };
        page.head(account);
        page.document("Policy of the role that works there", &account.policy)?;
        if let Some(taken_on) = &account.taken_on {
            page.document("Trust policy of that role", &taken_on.trust_policy)?;
            page.document("Policy of whoever takes it on", &taken_on.policy)?;
        }
        if let Some(policy) = &account.lifecycle_policy {
            page.document("Policy of whoever works with ECR's own lifecycle policies", policy)?;
            page.text(SEPARATE);
        }
        if let Some(policy) = &account.setup_policy {
            page.exclusions(&account.exclusions);
            page.document("Policy for setup", policy)?;
            page.text(TWO_NAMES);
        }
        for note in &account.notes {
            page.labelled("note:", note);
        }
        Ok(page.blocks.join("\n\n"))
    }

    fn head(&mut self, account: &AccountForm) {
        let heading = format!("{} ", styled(style::HEADING, format!("Account {}:", account.account)));
        let profile = account.profile.iter().map(|profile| format!("profile {profile}"));
        let registries = account.registries.iter().cloned();
        let asked =
            (!account.usage_regions.is_empty()).then(|| format!("what runs in {}", account.usage_regions.join(", ")));
        let what: Vec<String> = registries.chain(asked).chain(profile).collect();
        let who = account.works_as.as_deref().unwrap_or("not known: see below");
        let lines = [
            hanging(&heading, &what.join("; "), self.width),
            hanging("  works as: ", who, self.width),
        ];
        self.blocks.push(lines.join("\n"));
    }

    fn exclusions(&mut self, exclusions: &[Exclusion]) {
        let heading = styled(style::HEADING, "Pull times");
        self.blocks.push(heading);
        self.text(WHY);
        for one in exclusions {
            self.blocks.push(one.command.clone());
            let (label, text) = match one.outcome {
                Outcome::NotAsked => ("not made:", "type it, or let `jettison aws setup --apply` make it"),
                Outcome::AlreadyThere => ("was there:", "nothing had to be done"),
                Outcome::Made => ("made:", "from now on its pulls leave no trace"),
                Outcome::Failed => ("failed:", one.error.as_deref().unwrap_or_default()),
            };
            self.labelled(&format!("{} {label}", one.region), text);
        }
    }

    fn document(&mut self, heading: &str, document: &impl Serialize) -> Result<(), serde_json::Error> {
        let text = serde_json::to_string_pretty(document)?;
        self.blocks.push(format!("{}\n{text}", styled(style::HEADING, heading)));
        Ok(())
    }

    fn text(&mut self, text: &str) {
        self.blocks.push(hanging("", text, self.width));
    }

    fn labelled(&mut self, label: &str, text: &str) {
        let label = format!("{} ", styled(style::NOTE, label));
        self.blocks.push(hanging(&label, text, self.width));
    }
}
