//! `jettison policy`: check, show, test, import and export policies. Only with a target is a registry asked.

mod against;
mod export;
mod import;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use jettison_core::config::{Config, Expects, RegistryConfig, schema};
use jettison_core::evaluate::{Decision, evaluate};
use jettison_core::facts::{Facts, Origin};
use jettison_core::model::{Digest, Tag};
use jettison_core::plan::plan;
use jettison_core::policy::STANDARD_YAML;
use jettison_core::policy::cases::{Cases, Expectation, ExpectedVerdict};
use jettison_core::reason::Reason;
use serde_json::json;

use super::Globals;
use super::check::Check;
use super::context::{read_config, read_text};
use super::failure::Failure;
use crate::exit::Exit;
use crate::output::text::count;
use crate::output::{Console, Format, staying_because, style, styled};

/// Examples for the whole group.
pub(crate) const HELP: &str = "\
Examples:
  jettison policy check                           every mistake at once
  jettison policy check 'registry.example.com/**' rules that fit nothing there
  jettison policy show standard > jettison.yaml   to start from
  jettison policy test tests/policy.yaml          images and expected verdicts
  jettison policy schema > jettison.schema.json   for editors
  jettison policy import policy.json              from a policy of Amazon ECR";

/// Check, show, test, import and export policies.
#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Report every mistake in a configuration at once, and hold it against a registry
    Check(Box<Check>),
    /// Print the built-in policy, to start from
    Show(Show),
    /// Print the JSON Schema of jettison.yaml, for editors
    #[command(after_help = "\
Example:
  jettison policy schema > jettison.schema.json")]
    Schema,
    /// Hold a policy against images and the verdicts they should get
    #[command(after_help = TEST_HELP)]
    Test(Test),
    /// Say a lifecycle policy of Amazon ECR in the words of jettison
    Import(Box<import::Import>),
    /// Say a policy as a lifecycle policy of Amazon ECR, as far as that can
    Export(Box<export::Export>),
}

const TEST_HELP: &str = "\
Example of a FILE:
  now: 2026-11-21T00:00:00Z
  repository: registry.example.com/apps/web
  images:
    - { tags: [main-1a2b3c4], pushed: 40d ago, expect: keep, by: branches }
    - { tags: [v1.2.3], pushed: 400d ago, expect: keep, by: versions }
    - { tags: [cache], kind: build-cache, pushed: 40d ago, expect: expire }

Exit codes: 0 every verdict is as expected; 4 some are not; 2 the file cannot
be read.";

/// Print the built-in policy.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  jettison policy show standard > jettison.yaml
  jettison policy show standard --output json          the same as JSON
  jettison policy show host-standard                   the one for servers")]
pub(crate) struct Show {
    /// For registries, or for the disks of servers
    #[arg(value_name = "NAME", value_parser = ["standard", "host-standard"])]
    name: String,
}

/// Hold a policy against images and the verdicts they should get.
#[derive(Debug, Args)]
pub(crate) struct Test {
    /// Images and expected verdicts, in YAML
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
}

impl PolicyCommand {
    pub(crate) async fn run(self, globals: &Globals, console: &Console) -> Result<Exit, Failure> {
        match self {
            Self::Check(check) => check.run(globals, console).await,
            Self::Show(wanted) => show(&wanted, console),
            Self::Schema => {
                console.raw(format!("{}\n", serde_json::to_string_pretty(&schema())?));
                Ok(Exit::Done)
            }
            Self::Test(test) => test.run(globals, console),
            Self::Import(import) => import.run(globals, console).await,
            Self::Export(export) => export.run(globals, console).await,
        }
    }
}

/// The built-in policy: as YAML with its comments, or the same as JSON, which is YAML too.
fn show(wanted: &Show, console: &Console) -> Result<Exit, Failure> {
    let text = match wanted.name.as_str() {
        "host-standard" => jettison_core::host::STANDARD_YAML,
        _ => STANDARD_YAML,
    };
    if console.format == Format::Human {
        console.raw(text);
        return Ok(Exit::Done);
    }
    let policy: serde_json::Value =
        serde_saphyr::from_str(text).map_err(|error| Failure::caused(Exit::Unexpected, &error))?;
    console.json(&policy)?;
    Ok(Exit::Done)
}

impl Test {
    fn run(&self, globals: &Globals, console: &Console) -> Result<Exit, Failure> {
        let mut exit = Exit::Done;
        let mut results = Vec::new();
        for file in &self.files {
            let cases = read_cases(file)?;
            let config = config_for(&cases, file, globals, console)?;
            let outcomes = outcomes(&cases, &config);
            let wrong: Vec<&Checked<'_>> = outcomes.iter().filter(|checked| !checked.fits).collect();
            for checked in &wrong {
                let place = format!("{}:{}", file.display(), checked.expectation.line);
                console.remark(style::GOES, "fail", format!("{place}: {}", checked.text()));
            }
            let total = count(outcomes.len() as u64, "verdict");
            match wrong.len() {
                0 => console.say(format!(
                    "{} {}: {total} as expected",
                    styled(style::STAYS, "ok"),
                    file.display()
                )),
                failed => {
                    console.say(format!("{}: {failed} of {total} not as expected", file.display()));
                    exit = Exit::Failed;
                }
            }
            results.extend(outcomes.iter().map(|checked| checked.json(file)));
        }
        console.json(&json!({"schema": 1, "results": results}))?;
        Ok(exit)
    }
}

fn read_cases(file: &Path) -> Result<Cases, Failure> {
    let text = read_text(file)?;
    Cases::parse(&file.display().to_string(), &text).map_err(|wrong| Failure::diagnostics(wrong.render(true)))
}

/// The policy under test: the one the file names, else --policy, else --config, else ./jettison.yaml, else the built-in.
fn config_for(cases: &Cases, file: &Path, globals: &Globals, console: &Console) -> Result<Config, Failure> {
    let folder = file.parent().unwrap_or(Path::new("."));
    let default = PathBuf::from("jettison.yaml");
    let named = cases.policy.as_ref().map(|policy| folder.join(policy));
    let config = named
        .or_else(|| globals.policy.clone())
        .or_else(|| globals.config.clone());
    let mut config = match config.or_else(|| default.exists().then_some(default)) {
        Some(config) => read_config(&config, console)?,
        None => Config::default(),
    };
    // The file says what is in use; the sources that a real run would expect have no say in a test.
    for repository in &cases.inventory.repositories {
        if config.registry(&repository.registry).is_none() {
            config.registries.push(RegistryConfig::new(repository.registry.clone()));
        }
    }
    for registry in &mut config.registries {
        registry.expects = Expects::None;
    }
    // Nor does a handful of images weigh enough to be archived.
    for policy in config.policies.iter_mut().flatten() {
        policy.archive_anyway = true;
    }
    Ok(config)
}

/// An expectation and what came out.
struct Checked<'a> {
    expectation: &'a Expectation,
    fits: bool,
    verdict: &'static str,
    by: Vec<String>,
    reason: String,
}

/// What the policy decides, held against what the file expects. The grace period and the limits play no part
/// unless the file is about them: a plan is made, and what it deletes or keeps is the verdict.
fn outcomes<'a>(cases: &'a Cases, config: &Config) -> Vec<Checked<'a>> {
    let facts = Facts {
        inventory: &cases.inventory,
        usage: Some(&cases.usage),
        config,
        now: cases.now,
        origin: Origin::SavedFacts,
    };
    let plan = plan(&facts);
    let evaluated = evaluate(&facts, &cases.inventory);
    let decided = |digest: &Digest, tag: &Option<Tag>| {
        evaluated.iter().find_map(|repository| {
            let node = repository.graph.node(digest)?;
            let root = repository.roots.iter().find(|root| root.node == node)?;
            let mut entries = repository.entries(root).iter();
            let entry = entries.find(|entry| entry.tag == tag.as_ref())?;
            Some(entry.decision.clone())
        })
    };
    cases
        .expectations
        .iter()
        .map(|expectation| {
            let kept = plan
                .kept
                .iter()
                .chain(&plan.blocked)
                .find(|kept| kept.digest == expectation.digest && kept.tag == expectation.tag);
            let expired = match decided(&expectation.digest, &expectation.tag) {
                Some(Decision::Expire(ruling, _)) => Some(Reason::Expired(ruling)),
                _ => None,
            };
            let reason = kept.map(|kept| kept.reason.clone()).or(expired);
            check(expectation, kept.is_some(), reason.as_ref())
        })
        .collect()
}

fn check<'a>(expectation: &'a Expectation, stays: bool, reason: Option<&Reason>) -> Checked<'a> {
    let verdict = if stays { "keep" } else { "expire" };
    let mut by = Vec::new();
    if let Some(reason) = reason {
        by.push(reason.code().to_owned());
        by.extend(reason.ruling().map(|ruling| ruling.rule().to_owned()));
        if let Reason::Hold { hold, .. } = reason {
            by.push(hold.to_string());
        }
    }
    let wanted = match expectation.verdict {
        ExpectedVerdict::Keep => "keep",
        ExpectedVerdict::Expire => "expire",
    };
    let named = expectation.by.as_ref().is_none_or(|name| by.contains(name));
    let words = match reason {
        Some(Reason::Expired(ruling)) => format!("rule `{}` expires it", ruling.rule()),
        Some(reason) => staying_because(reason),
        None => "it is no entry of its own".to_owned(),
    };
    Checked {
        expectation,
        fits: wanted == verdict && named,
        verdict,
        by,
        reason: words,
    }
}

impl Checked<'_> {
    fn text(&self) -> String {
        let tag = self
            .expectation
            .tag
            .as_ref()
            .map_or_else(|| self.expectation.digest.short(), ToString::to_string);
        let by = self
            .expectation
            .by
            .as_ref()
            .map(|by| format!(" by {by}"))
            .unwrap_or_default();
        let wanted = match self.expectation.verdict {
            ExpectedVerdict::Keep => "keep",
            ExpectedVerdict::Expire => "expire",
        };
        format!("{tag}: expected {wanted}{by}, got {}: {}", self.verdict, self.reason)
    }

    fn json(&self, file: &Path) -> serde_json::Value {
        json!({
            "file": file.display().to_string(), "line": self.expectation.line, "tag": self.expectation.tag,
            "digest": self.expectation.digest, "ok": self.fits, "verdict": self.verdict, "by": self.by, "reason": self.reason,
        })
    }
}
