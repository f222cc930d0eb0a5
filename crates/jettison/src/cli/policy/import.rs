//! `jettison policy import`: a lifecycle policy of Amazon ECR in the words of jettison.

use std::path::{Path, PathBuf};

use clap::Args;
use jettison_core::config::Config;
use jettison_core::lifecycle::{Comparison, Import as Imported, ImportScope};
use jettison_core::model::Repository;
use jettison_core::policy::Policy;
use serde::Serialize;

use super::super::Globals;
use super::super::context::print_warnings;
use super::super::ecr::read_policy;
use super::super::failure::Failure;
use super::against::{Against, DifferenceForm, draw, forms};
use crate::exit::Exit;
use crate::output::{Console, Format};
use crate::scan::Target;

/// Say a lifecycle policy of Amazon ECR in the words of jettison.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  jettison policy import policy.json > jettison.yaml
  jettison policy import policy.json --inventory inventory.json --verbose
  jettison policy import policy.json --name web --repositories 'apps/**' \\
      123456789012.dkr.ecr.eu-west-1.amazonaws.com/apps/web

The policy goes to standard output. What it cannot say exactly goes to
standard error, with the images that are judged differently for it.

Exit codes: 0 done (10 with --detailed-exit-code: something is not exact, or
judged differently); 2 AWS would refuse the file; 5 the facts were incomplete.")]
pub(crate) struct Import {
    /// A lifecycle policy of Amazon ECR (JSON)
    #[arg(value_name = "FILE")]
    file: PathBuf,
    // As an attribute: in a doc comment the brackets would be a link.
    #[arg(
        value_name = "TARGET",
        help = "Show on these images what is judged differently: HOST[:PORT]/REPOSITORY-GLOB"
    )]
    targets: Vec<Target>,
    /// The name of the policy
    #[arg(long, value_name = "NAME", default_value = "imported")]
    name: String,
    /// The repositories that it covers [default: all]
    #[arg(long, value_name = "GLOB", num_args = 1)]
    repositories: Vec<String>,
    #[command(flatten)]
    against: Against,
}

#[derive(Debug, Serialize)]
struct Form<'a> {
    schema: u8,
    exact: bool,
    yaml: &'a str,
    rules: Vec<RuleForm<'a>>,
    images: Option<u64>,
    differences: Option<Vec<DifferenceForm<'a>>>,
}

#[derive(Debug, Serialize)]
struct RuleForm<'a> {
    priority: u64,
    name: &'a str,
    exact: bool,
    reasons: Vec<ReasonForm>,
}

/// Why a rule is not exact.
#[derive(Debug, Serialize)]
pub(super) struct ReasonForm {
    pub(super) code: &'static str,
    pub(super) message: String,
}

impl Import {
    pub(super) async fn run(self, globals: &Globals, console: &Console) -> Result<Exit, Failure> {
        let lifecycle = read_policy(&self.file)?;
        let imported = lifecycle.import(ImportScope {
            name: &self.name,
            repositories: &self.repositories,
        });
        let own = read_back(&imported, console)?;
        let images = self.against.images(self.targets, (globals, console)).await?;
        let comparison = images.as_ref().map(|images| {
            let covers = |repository: &Repository| own.covers(&repository.registry, &repository.name);
            Comparison::of(&images.inventory, images.now, (&own, &lifecycle), covers)
        });
        console.json(&form(&imported, comparison.as_ref()))?;
        if console.format == Format::Human {
            console.raw(&imported.yaml);
            explain(&imported, &self.file, console);
        }
        if let Some(comparison) = &comparison {
            draw(comparison, console);
        }
        Ok(self
            .against
            .exit(imported.is_exact(), images.as_ref(), comparison.as_ref()))
    }
}

/// What a name or a glob of the command line may be is for the reader of policies to say.
fn read_back(imported: &Imported, console: &Console) -> Result<Policy, Failure> {
    let read = Config::parse("the imported policy", &imported.yaml);
    let (config, warnings) = read.map_err(|wrong| Failure::diagnostics(wrong.render(true)))?;
    print_warnings(&warnings, console);
    let policy = config.policies.into_iter().flatten().next();
    policy.ok_or_else(|| Failure::new(Exit::Unexpected, "the imported file holds no policy"))
}

fn form<'a>(imported: &'a Imported, comparison: Option<&'a Comparison>) -> Form<'a> {
    let rules = imported.rules.iter().map(|rule| RuleForm {
        priority: rule.priority,
        name: &rule.name,
        exact: rule.inexact.is_none(),
        reasons: rule
            .inexact
            .iter()
            .map(|why| ReasonForm {
                code: why.code(),
                message: why.to_string(),
            })
            .collect(),
    });
    Form {
        schema: 1,
        exact: imported.is_exact(),
        yaml: &imported.yaml,
        rules: rules.collect(),
        images: comparison.map(|comparison| comparison.images),
        differences: comparison.map(forms),
    }
}

fn explain(imported: &Imported, file: &Path, console: &Console) {
    for rule in &imported.rules {
        if let Some(why) = rule.inexact {
            console.warn(format!("rule `{}` is not exact: {why}", rule.name));
        }
    }
    if !imported.is_exact() {
        console.note(format!(
            "for AWS's own verdicts under jettison's holds, write `ecr-policy: {}` in place of `rules`",
            file.display()
        ));
    }
}
