//! `jettison find`: the image that is meant, among all the others. Changes nothing.

mod drawn;
mod spread_sheet;

use clap::Args;
use jettison_core::find::{InvalidTerm, Query, find};

use super::context::Context;
use super::failure::Failure;
use super::look::{Known, Look, Looked};
use super::{Asked, Sources};
use crate::exit::Exit;
use crate::output::{Console, Format, hanging, style, styled, told_once};
use crate::scan::Target;

/// Find images by tag, label, digest, age, size, or who uses them.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  jettison find web prod              parts of names; what is in use comes first
  jettison find 'tag:prod-*' repo:apps/web used
  jettison find digest:1a2b3c            also of a part, or a config (image id)
  jettison find used-by:shop/web '!label:team=red' --recorded
  jettison find 'age>90d' 'size>500MB' unused --in registry.example.com

Terms, of which all must hold; ! or - before one (in quotes, or behind --) turns
it round:
  tag:GLOB  repo:GLOB  registry:GLOB  platform:GLOB  kind:KIND  digest:HEX
  label:NAME  label:NAME=GLOB  used-by:TEXT
  age<7d  pulled>90d  size>500MB      with <, <=, > or >=, in quotes
  used  unused  untagged  archived    alone
Anything else is a part of a repository, tag, label or user, or at least six
digits of a digest. What nobody knows of an image fits no term.

Exit codes: 0, also if nothing is found; 2 a term is none; 5 a registry,
repository or usage source could not be read wholly.")]
pub(crate) struct FindCommand {
    // As an attribute: in a doc comment the brackets would be a link.
    #[arg(value_name = "QUERY", help = "Terms, of which all must hold [default: every image]")]
    query: Vec<String>,
    #[arg(
        long = "in",
        value_name = "TARGET",
        help = "Where to look: HOST[:PORT]/REPOSITORY-GLOB [default: the configured registries]"
    )]
    targets: Vec<Target>,
    #[command(flatten)]
    asked: Asked,
    #[command(flatten)]
    known: Known,
    /// List at most so many images; --verbose lists all
    #[arg(long, value_name = "NUMBER", default_value_t = 20)]
    limit: usize,
}

/// Every mistake in a query, a paragraph each.
fn mistakes(wrong: &[InvalidTerm], console: &Console) -> Failure {
    let lead = format!("{} ", styled(style::GOES, "error:"));
    let told = wrong
        .iter()
        .map(|term| hanging(&lead, &term.to_string(), console.line_width()));
    Failure::diagnostics(told.collect::<Vec<_>>().join("\n"))
}

impl FindCommand {
    pub(crate) async fn run(self, mut context: Context) -> Result<Exit, Failure> {
        let console = context.console;
        let query = Query::parse(&self.query).map_err(|wrong| mistakes(&wrong, &console))?;
        let most = if console.verbose { usize::MAX } else { self.limit };
        let Looked { gathered, store, .. } = self.look(&context)?.gather(&mut context, false).await?;
        let found = find(&gathered.facts(&context.config), &query, most).of(&gathered.inventory);
        if let Some(store) = store {
            store.close().await;
        }
        console.json(&found)?;
        if console.format == Format::Csv {
            console.raw(spread_sheet::rows(&found)?);
        }
        console.say(drawn::draw(&found, gathered.usage.as_ref(), &console));
        told_once(&found.gaps).iter().for_each(|gap| console.warn(gap));
        Ok(Exit::of_looking(false, found.gaps.is_empty()))
    }

    fn look(self, context: &Context) -> Result<Look, Failure> {
        if self.targets.is_empty() && self.known.inventory.is_none() && context.config.registries.is_empty() {
            return Err(Failure::usage(
                "no registry to look in: give one, such as --in registry.example.com, or list `registries` in jettison.yaml",
            ));
        }
        let sources = Sources {
            targets: self.targets,
            asked: self.asked,
        };
        Ok(Look {
            sources,
            known: self.known,
        })
    }
}
