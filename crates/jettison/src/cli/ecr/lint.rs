//! `jettison ecr lint`: what lifecycle policies hardly mean, by themselves and held against repositories.

mod form;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use jettison_core::config::Outline;
use jettison_core::evaluate::{RepositoryEvaluation, evaluate, gaps};
use jettison_core::lifecycle::{LifecycleLint, LifecycleMistake, LifecycleOutlook, LifecyclePolicy, never_evaluated};
use jiff::Timestamp;

use super::super::check::sorted;
use super::super::context::{Context, MAX_LIFECYCLE_BYTES, read_text_within};
use super::super::facts::{Gathered, saved};
use super::super::failure::Failure;
use super::super::{Asked, Sources};
use super::parsed;
use super::stored::{Live, Stored};
use crate::exit::Exit;
use crate::output::{Console, hanging, style, styled, told_once};
use form::{Form, MistakeForm, PolicyForm, drawn};

/// Find what a lifecycle policy hardly means.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  jettison ecr lint policy.json      what the file alone says
  jettison ecr lint policy.json \\
      '123456789012.dkr.ecr.eu-west-1.amazonaws.com/apps/**'
  jettison ecr lint                  the stored policies of all configured ECR
                                     registries
  jettison ecr lint policy.json --inventory inventory.json --usage usage.json

Exit codes: 0 AWS would take it, with or without findings (10 with
--detailed-exit-code); 2 AWS would refuse the policy; 5 the facts were
incomplete.")]
pub(crate) struct Lint {
    // As an attribute: in a doc comment the brackets would be a link.
    #[arg(
        value_name = "FILE|TARGET",
        help = "A policy (JSON), and repositories: HOST/REPOSITORY-GLOB [default: the stored policies of the configured registries]"
    )]
    arguments: Vec<String>,
    /// The same as FILE
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Hold the file against a saved inventory; asks no registry
    #[arg(long, value_name = "FILE")]
    inventory: Option<PathBuf>,
    #[command(flatten)]
    asked: Asked,
    /// Exit with 10 if there are findings
    #[arg(long)]
    detailed_exit_code: bool,
    /// The moment to look from [default: the present]
    #[arg(long, value_name = "TIME")]
    now: Option<Timestamp>,
}

/// A policy that AWS would take.
struct File {
    name: String,
    text: String,
    policy: LifecyclePolicy,
}

/// Repositories with the policy that they share.
struct Shared<'s> {
    policy: &'s LifecyclePolicy,
    repositories: Vec<usize>,
    never_evaluated: Vec<usize>,
}

impl Lint {
    pub(super) async fn run(mut self, mut context: Context) -> Result<Exit, Failure> {
        let (file, targets) = sorted(std::mem::take(&mut self.arguments), &[".json"])?;
        let file = match (file, self.policy.take()) {
            (Some(_), Some(_)) => return Err(Failure::usage("give one policy: FILE or --policy FILE, not both")),
            (file, policy) => file.or(policy),
        };
        if self.inventory.is_some() && (!targets.is_empty() || file.is_none()) {
            let why = "--inventory goes with a policy file, and without a target: a saved inventory holds no policies";
            return Err(Failure::usage(why));
        }
        let file = file.map(|file| File::read(&file, &context.console)).transpose()?;
        if let (Some(file), true, None) = (&file, targets.is_empty(), &self.inventory) {
            return alone(file, &self, &context.console);
        }
        let sources = Sources {
            targets,
            asked: self.asked.clone(),
        };
        let (gathered, stored) = self.gather(&mut context, &sources, file.as_ref()).await?;
        let form = held_against(&context, &gathered, (&stored, file.as_ref()));
        self.finish(&form, file.as_ref(), &context.console)
    }

    /// The facts, and the policy of each repository; none where a file is held against all of them.
    async fn gather(
        &self,
        context: &mut Context,
        sources: &Sources,
        file: Option<&File>,
    ) -> Result<(Gathered, Vec<Stored>), Failure> {
        if let Some(inventory) = &self.inventory {
            return Ok((saved(inventory, &self.asked.usage, self.now)?, Vec::new()));
        }
        let Live { mut gathered, policies } = Live::gather(context, sources, file.is_none()).await?;
        gathered.now = self.now.unwrap_or(gathered.now);
        if file.is_some() {
            return Ok((gathered, Vec::new()));
        }
        let repositories = gathered.inventory.repositories.iter();
        let places: Vec<_> = repositories
            .map(|repository| (&repository.registry, &repository.name))
            .collect();
        let stored = policies.stored(&places).await;
        Ok((gathered, stored))
    }

    fn finish(&self, form: &Form, file: Option<&File>, console: &Console) -> Result<Exit, Failure> {
        console.json(form)?;
        drawn(form, file, console);
        told_once(&form.gaps).iter().for_each(|gap| console.warn(gap));
        let any = form.policies.iter().any(|policy| !policy.findings.is_empty());
        Ok(Exit::of_looking(self.detailed_exit_code && any, form.gaps.is_empty()))
    }
}

impl File {
    /// Reads a policy; everything for which AWS would refuse it is the failure.
    fn read(file: &Path, console: &Console) -> Result<Self, Failure> {
        let (name, text) = (file.display().to_string(), read_text_within(file, MAX_LIFECYCLE_BYTES)?);
        if let Err(mistakes) = LifecyclePolicy::parse(&text) {
            let mistakes = mistakes.0.into_iter();
            let mistakes = mistakes.map(|LifecycleMistake { path, message }| MistakeForm { path, message });
            console.json(&Form {
                valid: false,
                mistakes: mistakes.collect(),
                ..Form::new(Some(&name))
            })?;
        }
        let policy = parsed(file, &text)?;
        Ok(Self { name, text, policy })
    }

    fn outline(&self) -> Outline<'_> {
        Outline::new(&self.name, &self.text)
    }
}

fn alone(file: &File, lint: &Lint, console: &Console) -> Result<Exit, Failure> {
    let found = LifecycleLint::alone(&file.policy);
    let form = Form {
        policies: vec![PolicyForm::new(&file.policy, Vec::new(), found, Some(file))],
        ..Form::new(Some(&file.name))
    };
    let exit = lint.finish(&form, Some(file), console)?;
    if !console.quiet {
        let hint = format!(
            "to hold it against repositories: jettison ecr lint {} HOST/REPOSITORY-GLOB",
            file.name
        );
        console.say(styled(style::FAINT, hanging("", &hint, console.line_width())));
    }
    Ok(exit)
}

fn held_against(context: &Context, gathered: &Gathered, (stored, file): (&[Stored], Option<&File>)) -> Form {
    let facts = gathered.facts(&context.config);
    let evaluated = evaluate(&facts, &gathered.inventory);
    let lint = LifecycleLint::new(&facts);
    let place = |at: &usize| {
        let RepositoryEvaluation { repository, .. } = &evaluated[*at];
        format!("{}/{}", repository.registry, repository.name)
    };
    let places = |of: &[usize]| -> Vec<String> { of.iter().map(place).collect() };
    let mut form = Form::new(file.map(|file| file.name.as_str()));
    form.gaps = gaps(&facts, &evaluated);
    for (at, stored) in stored.iter().enumerate() {
        match stored {
            Stored::None => form.without_policy.push(place(&at)),
            Stored::Unread(why) => form.gaps.push(format!("{}: {why}", place(&at))),
            Stored::Is(_) => {}
        }
    }
    for shared in shared(stored, file, evaluated.len()) {
        let outlooks = shared.repositories.iter();
        let outlooks: Vec<LifecycleOutlook<'_>> = outlooks
            .map(|at| LifecycleOutlook::of(shared.policy, &evaluated[*at], gathered.now))
            .collect();
        let mut found = lint.lint(shared.policy, &outlooks);
        found.extend(never_evaluated(&places(&shared.never_evaluated)));
        form.policies.push(PolicyForm::new(
            shared.policy,
            places(&shared.repositories),
            found,
            file,
        ));
    }
    form
}

/// Repositories by their policy: one that many have is spoken of once.
fn shared<'s>(stored: &'s [Stored], file: Option<&'s File>, repositories: usize) -> Vec<Shared<'s>> {
    if let Some(file) = file {
        return vec![Shared {
            policy: &file.policy,
            repositories: (0..repositories).collect(),
            never_evaluated: Vec::new(),
        }];
    }
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    let mut all: Vec<Shared<'_>> = Vec::new();
    for (at, stored) in stored.iter().enumerate() {
        let Stored::Is(stored) = stored else { continue };
        let place = *places.entry(&stored.text).or_insert(all.len());
        if place == all.len() {
            all.push(Shared {
                policy: &stored.policy,
                repositories: Vec::new(),
                never_evaluated: Vec::new(),
            });
        }
        all[place].repositories.push(at);
        if stored.last_evaluated_at.is_none() {
            all[place].never_evaluated.push(at);
        }
    }
    all
}
