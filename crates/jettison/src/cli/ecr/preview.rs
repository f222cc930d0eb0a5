//! `jettison ecr preview`: what lifecycle policies would do now, explained. Changes nothing.

mod drawn;
mod explained;
mod form;

use std::path::PathBuf;

use clap::Args;
use jettison_core::evaluate::{evaluate, gaps};
use jettison_core::lifecycle::{LifecycleOutlook, LifecyclePolicy};
use jettison_core::model::{RegistryHost, RepositoryName};
use jiff::Timestamp;

use super::super::Sources;
use super::super::context::{Context, MAX_LIFECYCLE_BYTES, read_text_within};
use super::super::facts::{Gathered, saved};
use super::super::failure::Failure;
use super::parsed;
use super::stored::{Live, Policies, Stored, StoredPolicy};
use crate::exit::Exit;
use crate::output::told_once;
use crate::registry::AwsPreview;
use form::{AwsForm, Form, RepositoryForm, Status};

/// Explain what lifecycle policies would do now.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  jettison ecr preview           the stored policies of all configured ECR
                                 registries
  jettison ecr preview '123456789012.dkr.ecr.eu-west-1.amazonaws.com/apps/**'
  jettison ecr preview --policy policy.json    in the place of the stored ones
  jettison ecr preview --ask-aws               and what AWS's own preview says
  jettison ecr preview --inventory inventory.json --usage usage.json \\
      --policy policy.json --now 2027-01-01T00:00:00Z

What it says is what AWS would do: nothing holds AWS back from what is in use.
What holds jettison back is told beside it. Nothing is changed.

Exit codes: 0; 2 bad usage, or AWS would refuse the policy; 5 a registry,
repository, policy, preview or usage source could not be read wholly. With
--detailed-exit-code 10 if something would go that is in use or otherwise held.")]
pub(crate) struct Preview {
    #[command(flatten)]
    sources: Sources,
    /// A lifecycle policy (JSON) to hold against the repositories, in the place of the stored ones
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Also run AWS's own preview, and tell every difference
    #[arg(long, conflicts_with_all = ["inventory", "now"])]
    ask_aws: bool,
    /// Exit with 10 if something would go that is in use or otherwise held, even where facts were incomplete (else 5)
    #[arg(long)]
    detailed_exit_code: bool,
    /// A saved inventory, with --policy; asks no registry
    #[arg(long, value_name = "FILE", conflicts_with = "targets", requires = "policy")]
    inventory: Option<PathBuf>,
    /// The moment to look from [default: the present]
    #[arg(long, value_name = "TIME")]
    now: Option<Timestamp>,
}

/// What is known of all repositories, in the order of the inventory.
struct Ground {
    gathered: Gathered,
    stored: Vec<Stored>,
    aws: Vec<Option<Result<AwsPreview, String>>>,
}

impl Preview {
    pub(super) async fn run(self, mut context: Context) -> Result<Exit, Failure> {
        let given = self
            .policy
            .as_deref()
            .map(|file| Ok::<_, Failure>((file, read_text_within(file, MAX_LIFECYCLE_BYTES)?)));
        let given = given.transpose()?;
        let given = given
            .map(|(file, text)| Ok::<_, Failure>((parsed(file, &text)?, text)))
            .transpose()?;
        let ground = self.ground(&mut context, given).await?;
        let form = self.form(&context, &ground);
        context.console.json(&form)?;
        drawn::draw(&form, &context.console);
        told_once(&form.gaps).iter().for_each(|gap| context.console.warn(gap));
        let harms = self.detailed_exit_code && form.held() > 0;
        Ok(Exit::of_looking(harms, form.gaps.is_empty()))
    }

    async fn ground(&self, context: &mut Context, given: Option<(LifecyclePolicy, String)>) -> Result<Ground, Failure> {
        let (gathered, policies) = match &self.inventory {
            Some(inventory) => (
                saved(inventory, &self.sources.asked.usage, self.now)?,
                Policies::default(),
            ),
            None => {
                let asks_aws = given.is_none() || self.ask_aws;
                let live = Live::gather(context, &self.sources, asks_aws).await?;
                (live.gathered, live.policies)
            }
        };
        let places = places(&gathered);
        let stored: Vec<Stored> = match &given {
            None => policies.stored(&places).await,
            Some((policy, text)) => places.iter().map(|_| Stored::given(policy, text)).collect(),
        };
        let wanted = |at: usize| self.ask_aws && matches!(stored[at], Stored::Is(_));
        if self.ask_aws {
            let note = "AWS is asked for its own previews, which takes it some seconds for each repository";
            context.console.note(note);
        }
        let text = given.as_ref().map(|(_, text)| text.as_str());
        let aws = policies.previews(&places, text, wanted).await;
        let now = self.now.unwrap_or(gathered.now);
        Ok(Ground {
            gathered: Gathered { now, ..gathered },
            stored,
            aws,
        })
    }

    fn form(&self, context: &Context, ground: &Ground) -> Form {
        let gathered = &ground.gathered;
        let facts = gathered.facts(&context.config);
        let evaluated = evaluate(&facts, &gathered.inventory);
        let mut gaps = gaps(&facts, &evaluated);
        let mut repositories = Vec::with_capacity(evaluated.len());
        for ((one, stored), aws) in evaluated.iter().zip(&ground.stored).zip(&ground.aws) {
            let place = format!("{}/{}", one.repository.registry, one.repository.name);
            let mut form = RepositoryForm::of(one.repository);
            match stored {
                Stored::None => {}
                Stored::Unread(why) => {
                    gaps.push(format!("{place}: {why}"));
                    form.status = Status::Unread;
                }
                Stored::Is(stored) => {
                    let outlook = LifecycleOutlook::of(&stored.policy, one, gathered.now);
                    form.fill(stored, outlook.preview(&facts));
                    match aws {
                        Some(Err(why)) => gaps.push(format!("{place}: {why}")),
                        Some(Ok(aws)) => form.aws = Some(compared(&outlook, aws, gathered)),
                        None => {}
                    }
                }
            }
            repositories.push(form);
        }
        Form::new(gathered.now, self.policy.as_deref(), repositories, gaps)
    }
}

fn compared(outlook: &LifecycleOutlook<'_>, aws: &AwsPreview, gathered: &Gathered) -> AwsForm {
    AwsForm {
        images: aws.images.len() as u64,
        differences: outlook.differences(&aws.images, gathered.inventory.taken_at),
    }
}

fn places(gathered: &Gathered) -> Vec<(&RegistryHost, &RepositoryName)> {
    let repositories = gathered.inventory.repositories.iter();
    repositories
        .map(|repository| (&repository.registry, &repository.name))
        .collect()
}

impl Stored {
    /// A policy that is given in the place of the stored one.
    fn given(policy: &LifecyclePolicy, text: &str) -> Self {
        Self::Is(Box::new(StoredPolicy {
            text: text.to_owned(),
            policy: policy.clone(),
            last_evaluated_at: None,
        }))
    }
}
