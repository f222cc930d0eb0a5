//! `jettison policy export`: a policy of jettison as a lifecycle policy of Amazon ECR, as far as that can say it.

use clap::{Args, ValueEnum};
use jettison_core::config::Config;
use jettison_core::lifecycle::{Comparison, Export as Exported, Fidelity};
use jettison_core::model::Repository;
use jettison_core::policy::{Policy, Rules};
use serde::Serialize;
use serde_json::Value;

use super::super::Globals;
use super::super::context::Context;
use super::super::failure::Failure;
use super::against::{Against, DifferenceForm, draw, forms};
use super::import::ReasonForm;
use crate::exit::Exit;
use crate::output::{Console, Format};
use crate::scan::Target;

/// Say a policy of jettison as a lifecycle policy of another product, as far as that can.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  jettison policy export --to ecr > policy.json
  jettison policy export --to ecr applications --inventory inventory.json
  jettison policy export --to ecr --output json

Exported is the policy of the configuration, or of --policy. It goes to
standard output; what AWS has no words for goes to standard error. AWS is never
told to take an image that the rules would keep. But it knows no holds: it also
takes what is in use. And by rules on untagged or on all images it also takes
children of indexes and signatures: look at `jettison ecr preview --policy`.

Exit codes: 0 done (10 with --detailed-exit-code: something is not exact, or
judged differently); 2 no such policy; 3 nothing of it can be said; 5 the facts
were incomplete.")]
pub(crate) struct Export {
    /// Whose lifecycle policy
    #[arg(long, value_name = "PRODUCT")]
    to: Product,
    // As an attribute: in a doc comment the brackets would be a link.
    #[arg(
        value_name = "NAME|TARGET",
        help = "The policy [default: the only one], and images to show on what is judged differently: HOST[:PORT]/REPOSITORY-GLOB"
    )]
    arguments: Vec<String>,
    #[command(flatten)]
    against: Against,
}

/// What lifecycle policies can be written for.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Product {
    /// Amazon ECR
    Ecr,
}

#[derive(Debug, Serialize)]
struct Form<'a> {
    schema: u8,
    /// Each rule is, and AWS takes nothing else by it.
    exact: bool,
    /// AWS judges children of indexes and what is attached to images by themselves.
    reaches_parts: bool,
    policy: Option<Value>,
    rules: Vec<RuleForm<'a>>,
    images: Option<u64>,
    differences: Option<Vec<DifferenceForm<'a>>>,
}

#[derive(Debug, Serialize)]
struct RuleForm<'a> {
    name: &'a str,
    fidelity: &'static str,
    reasons: Vec<ReasonForm>,
    priorities: &'a [u64],
}

impl Export {
    pub(super) async fn run(mut self, globals: &Globals, console: &Console) -> Result<Exit, Failure> {
        let Product::Ecr = self.to;
        let config = Context::load(globals.clone(), *console)?.config;
        let policies = config.policies();
        let (policy, targets) = sorted(std::mem::take(&mut self.arguments), policies)?;
        let exported = match &policy.rules {
            Rules::Own(rules) => Exported::of(rules),
            Rules::Ecr(lifecycle) => Exported::of_lifecycle(lifecycle),
        };
        let images = self.against.images(targets, (globals, console)).await?;
        let compared = images.as_ref().zip(exported.policy.as_ref());
        let comparison = compared.map(|(images, lifecycle)| {
            let covers = |repository: &Repository| governs(&config, policy, repository);
            Comparison::of(&images.inventory, images.now, (policy, lifecycle), covers)
        });
        console.json(&form(&exported, comparison.as_ref()))?;
        if console.format == Format::Human {
            console.raw(exported.text().unwrap_or_default());
            explain(&exported, console);
        }
        if exported.policy.is_none() {
            console.warn(format!(
                "AWS has no words for any rule of `{}` that takes something",
                policy.name
            ));
            return Ok(Exit::Refused);
        }
        if let Some(comparison) = &comparison {
            draw(comparison, console);
        }
        Ok(self
            .against
            .exit(is_exact(&exported), images.as_ref(), comparison.as_ref()))
    }
}

/// Whether AWS would do the same to everything, what belongs to images included.
fn is_exact(exported: &Exported) -> bool {
    exported.is_exact() && !exported.reaches_parts()
}

fn governs(config: &Config, policy: &Policy, repository: &Repository) -> bool {
    let governing = config.policy_of(&repository.registry, &repository.name);
    governing.is_some_and(|governing| governing.name == policy.name)
}

/// Tells the name of the policy from the targets, which have a `/`.
fn sorted(arguments: Vec<String>, policies: &[Policy]) -> Result<(&Policy, Vec<Target>), Failure> {
    let known = || {
        policies
            .iter()
            .map(|policy| format!("`{}`", policy.name))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let (mut wanted, mut targets) = (None, Vec::new());
    for argument in arguments {
        let named = policies.iter().find(|policy| policy.name == argument);
        match (named, wanted) {
            (Some(policy), None) => wanted = Some(policy),
            _ if argument.contains('/') => {
                let target = argument.parse::<Target>();
                targets.push(target.map_err(|error| Failure::caused(Exit::Usage, &error))?);
            }
            (Some(_), Some(_)) => return Err(Failure::usage("one policy at a time can be exported")),
            (None, _) => {
                return Err(Failure::usage(format!(
                    "no policy is called `{argument}`; there are {}",
                    known()
                )));
            }
        }
    }
    let policy = match (wanted, policies) {
        (Some(policy), _) | (None, [policy]) => policy,
        (None, []) => return Err(Failure::usage("the configuration has no policy")),
        (None, _) => return Err(Failure::usage(format!("say which policy: {}", known()))),
    };
    Ok((policy, targets))
}

fn form<'a>(exported: &'a Exported, comparison: Option<&'a Comparison>) -> Form<'a> {
    let rules = exported.rules.iter().map(|rule| RuleForm {
        name: &rule.name,
        fidelity: rule.fidelity.code(),
        reasons: rule
            .reasons
            .iter()
            .map(|why| ReasonForm {
                code: why.code(),
                message: why.to_string(),
            })
            .collect(),
        priorities: &rule.priorities,
    });
    Form {
        schema: 1,
        exact: is_exact(exported),
        reaches_parts: exported.reaches_parts(),
        policy: exported.policy.as_ref().map(|policy| policy.to_json()),
        rules: rules.collect(),
        images: comparison.map(|comparison| comparison.images),
        differences: comparison.map(forms),
    }
}

fn explain(exported: &Exported, console: &Console) {
    for rule in &exported.rules {
        let says = match rule.fidelity {
            Fidelity::Exact => continue,
            Fidelity::Nearest => "takes less or keeps more in AWS",
            Fidelity::Unsayable => "takes nothing in AWS",
        };
        let reasons: Vec<String> = rule.reasons.iter().map(ToString::to_string).collect();
        console.warn(format!("rule `{}` {says}: {}", rule.name, reasons.join("; ")));
    }
    if exported.policy.is_none() {
        return;
    }
    console.note(
        "AWS knows no holds: by this policy it also takes what is in use, young, protected or immutable, and the newest image of a \
         repository",
    );
    if exported.reaches_parts() {
        console.warn(
            "by rules on untagged or on all images AWS also judges children of indexes and signatures by themselves, and may take \
             them from under images that stay: `jettison ecr preview --policy` shows which",
        );
    }
}
