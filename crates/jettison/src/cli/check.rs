//! `jettison policy check`: every mistake in a configuration at once, and what a scan says of its rules.

use std::path::{Path, PathBuf};

use clap::Args;
use jettison_core::config::{Config, Diagnostic, Outline, Place, Report, Severity, Site};
use jettison_core::evaluate::{evaluate, gaps};
use jettison_core::lint::{Finding, is_certain, lint};
use jettison_core::policy::STANDARD_YAML;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::context::{Context, parse_config, print_warnings, read_text};
use super::facts::{Gathered, Reach, gather, saved};
use super::failure::Failure;
use super::{Asked, Globals, Sources};
use crate::exit::Exit;
use crate::output::text::bytes;
use crate::output::text::count;
use crate::output::{Console, hanging, style, styled, told_once};
use crate::scan::Target;

/// Report every mistake in a configuration at once, and hold it against a registry.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  jettison policy check
  jettison policy check jettison.yaml --output json
  jettison policy check 'registry.example.com/apps/**'   rules that fit nothing
  jettison policy check jettison.yaml --inventory inventory.json

Exit codes: 0 no mistake, with or without findings (10 with
--detailed-exit-code); 2 mistakes in the file; 5 the facts were incomplete.")]
pub(crate) struct Check {
    // As an attribute: in a doc comment the brackets would be a link.
    #[arg(
        value_name = "FILE|TARGET",
        help = "The file [default: --config, else ./jettison.yaml], and what to hold it against: HOST[:PORT]/REPOSITORY-GLOB"
    )]
    arguments: Vec<String>,
    /// Hold it against a saved inventory; asks no registry
    #[arg(long, value_name = "FILE")]
    inventory: Option<PathBuf>,
    #[command(flatten)]
    asked: Asked,
    /// Exit with 10 if there are findings
    #[arg(long)]
    detailed_exit_code: bool,
    /// Take a plausible build date for the arrival of images without a push time
    #[arg(long)]
    trust_created: bool,
    /// Look at the facts as of this moment
    #[arg(long, value_name = "TIME")]
    now: Option<Timestamp>,
}

/// A configuration file without a mistake.
struct Checked {
    name: String,
    text: String,
    config: Config,
    warnings: Vec<Diagnostic>,
}

impl Check {
    pub(crate) async fn run(mut self, globals: &Globals, console: &Console) -> Result<Exit, Failure> {
        let (file, targets) = sorted(std::mem::take(&mut self.arguments), &[".yaml", ".yml"])?;
        if targets.is_empty() && self.inventory.is_none() {
            return check_alone(file, globals, console);
        }
        if self.inventory.is_some() && !targets.is_empty() {
            return Err(Failure::usage("give a target or --inventory, not both"));
        }
        self.hold_against_facts(file, targets, globals, console).await
    }

    async fn hold_against_facts(
        self,
        file: Option<PathBuf>,
        targets: Vec<Target>,
        globals: &Globals,
        console: &Console,
    ) -> Result<Exit, Failure> {
        let mut globals = globals.clone();
        let default = PathBuf::from(DEFAULT);
        globals.config = file.or(globals.config).or_else(|| default.exists().then_some(default));
        let read = |file: &Option<PathBuf>| file.as_deref().map(|file| Checked::read(file, console)).transpose();
        let files = Files {
            config: read(&globals.config)?,
            policy: read(&globals.policy)?,
        };
        let mut context = Context::load(globals, *console)?;
        let gathered = self.gather(&mut context, targets).await?;
        if self.trust_created {
            context.config.trust_created_of(&gathered.hosts());
        }
        let facts = gathered.facts(&context.config);
        let evaluated = evaluate(&facts, &gathered.inventory);
        let findings = lint(&facts, &evaluated);
        let gaps = gaps(&facts, &evaluated);
        files.report(&findings, &context, &gaps, is_certain(&facts, &evaluated))?;
        told_once(&gaps).iter().for_each(|gap| console.warn(gap));
        let found = self.detailed_exit_code && !findings.is_empty();
        Ok(Exit::of_looking(found, gaps.is_empty()))
    }

    async fn gather(&self, context: &mut Context, targets: Vec<Target>) -> Result<Gathered, Failure> {
        if let Some(inventory) = &self.inventory {
            return saved(inventory, &self.asked.usage, self.now);
        }
        context.add_new_usage_files(&self.asked.usage)?;
        let sources = Sources {
            targets,
            asked: self.asked.clone(),
        };
        let choice = context.choice(&sources)?;
        let store = context.store().await?;
        let registries = context.registries(choice, &store)?;
        let mut gathered = gather(context, &store, &registries, &sources, Reach::Looking).await?;
        store.close().await;
        gathered.now = self.now.unwrap_or(gathered.now);
        Ok(gathered)
    }
}

/// Where the configuration is when nobody says.
const DEFAULT: &str = "jettison.yaml";

/// Tells the file from the targets: a target has a `/`, and is neither a file nor called like one.
pub(super) fn sorted(arguments: Vec<String>, endings: &[&str]) -> Result<(Option<PathBuf>, Vec<Target>), Failure> {
    let (mut file, mut targets) = (None, Vec::new());
    for argument in arguments {
        let is_named_so = endings.iter().any(|ending| argument.ends_with(ending));
        if argument.starts_with(['/', '.', '~']) && !is_named_so && !Path::new(&argument).is_file() {
            return Err(Failure::usage(format!(
                "`{argument}` is no policy file; name one, or a target: HOST[:PORT]/REPOSITORY-GLOB, for example \
                 registry.example.com/**"
            )));
        }
        if argument.contains('/') && !is_named_so && !Path::new(&argument).is_file() {
            let target = argument.parse::<Target>();
            targets.push(target.map_err(|error| Failure::caused(Exit::Usage, &error))?);
        } else if file.is_none() {
            file = Some(PathBuf::from(argument));
        } else {
            return Err(Failure::usage(format!(
                "`{argument}` is a second file; a target is HOST[:PORT]/REPOSITORY-GLOB, for example registry.example.com/**"
            )));
        }
    }
    Ok((file, targets))
}

/// The file alone, without facts.
fn check_alone(file: Option<PathBuf>, globals: &Globals, console: &Console) -> Result<Exit, Failure> {
    let named = [&file, &globals.policy, &globals.config];
    let default = PathBuf::from(DEFAULT);
    let checked = Checked::read(named.into_iter().flatten().next().unwrap_or(&default), console)?;
    print_warnings(&checked.warnings, console);
    let (policies, rules) = sizes(&checked.config);
    console.json(&json!({
        "schema": 1, "file": checked.name, "ok": true, "valid": true, "diagnostics": checked.warnings,
        "policies": policies, "rules": rules,
    }))?;
    console.say(summary(&checked.name, &checked.config));
    if !console.quiet {
        let hint = "to see what its rules fit: jettison policy check HOST/REPOSITORY-GLOB";
        console.say(styled(style::FAINT, hint));
    }
    Ok(Exit::Done)
}

/// How many policies are in force, with how many rules.
fn sizes(config: &Config) -> (u64, u64) {
    let policies = config.policies();
    let rules = policies.iter().map(|policy| policy.rules.count() as u64).sum();
    (policies.len() as u64, rules)
}

fn summary(name: &str, config: &Config) -> String {
    let (policies, rules) = sizes(config);
    let built_in = match config.policies {
        None => " (the built-in one applies)",
        Some(_) => "",
    };
    let found = format!("{} with {}{built_in}", count(policies, "policy"), count(rules, "rule"));
    format!("{} {name}: {found}", styled(style::STAYS, "ok"))
}

impl Checked {
    /// Reads a file; its mistakes are the failure.
    fn read(file: &Path, console: &Console) -> Result<Self, Failure> {
        let (name, text) = (file.display().to_string(), read_text(file)?);
        match parse_config(file, &text) {
            Ok((config, warnings)) => Ok(Self {
                name,
                text,
                config,
                warnings,
            }),
            Err(mistakes) => {
                console
                    .json(&json!({"schema": 1, "file": name, "ok": false, "valid": false, "diagnostics": mistakes}))?;
                let text = mistakes.render(true);
                Err(Failure::diagnostics(match mistakes.iter().count() {
                    1 => text,
                    _ => format!("{text}\n\n{}", counted(mistakes.iter().map(|mistake| mistake.severity))),
                }))
            }
        }
    }
}

/// The files that the configuration in force comes from.
struct Files {
    config: Option<Checked>,
    /// Replaces what it names, and adds to what is protected.
    policy: Option<Checked>,
}

/// Finds places in [`Files`].
struct Outlines<'f> {
    files: &'f Files,
    config: Option<Outline<'f>>,
    policy: Option<Outline<'f>>,
    built_in: Outline<'static>,
}

impl Files {
    fn report(&self, findings: &[Finding], context: &Context, gaps: &[String], certain: bool) -> Result<(), Failure> {
        let console = &context.console;
        let outlines = self.outlines();
        let placed: Vec<(&Finding, Option<Place>)> = findings
            .iter()
            .map(|finding| (finding, finding.site.and_then(|site| outlines.place(site))))
            .collect();
        let file = self.config.as_ref().or(self.policy.as_ref()).map(|file| &file.name);
        let warnings = [&self.config, &self.policy]
            .into_iter()
            .flatten()
            .flat_map(|file| &file.warnings);
        let (policies, rules) = sizes(&context.config);
        console.json(&json!({
            "schema": 1, "file": file, "ok": true, "valid": true, "diagnostics": warnings.collect::<Vec<_>>(),
            "policies": policies, "rules": rules, "gaps": gaps,
            "findings": placed.iter().map(|(finding, place)| in_json(finding, place.as_ref())).collect::<Result<Vec<_>, _>>()?,
        }))?;
        for (finding, place) in &placed {
            console.say(drawn(finding, place.as_ref(), console.width()));
            console.say("");
        }
        let ok = summary(file.map_or(BUILT_IN, String::as_str), &context.config);
        console.say(format!("{ok}; {}", tally(findings)));
        if !certain {
            console
                .note("not all could be read, so that nothing is said of rules and patterns that seem to fit nothing");
        }
        Ok(())
    }

    fn outlines(&self) -> Outlines<'_> {
        Outlines {
            files: self,
            config: self.config.as_ref().map(Checked::outline),
            policy: self.policy.as_ref().map(Checked::outline),
            built_in: Outline::new(BUILT_IN, STANDARD_YAML),
        }
    }
}

/// What the built-in policy goes by in place of a file.
const BUILT_IN: &str = "standard";

impl Checked {
    fn outline(&self) -> Outline<'_> {
        Outline::new(&self.name, &self.text)
    }
}

impl Outlines<'_> {
    /// A file that names policies replaces all of them; what is protected stands one after the other.
    fn place(&self, site: Site) -> Option<Place> {
        let (config, policy) = (self.files.config.as_ref(), self.files.policy.as_ref());
        let named = |file: Option<&Checked>| file.is_some_and(|file| file.config.policies.is_some());
        match site {
            Site::Policy(_) | Site::Rule { .. } if named(policy) => self.policy.as_ref()?.place(site),
            Site::Policy(_) | Site::Rule { .. } if named(config) => self.config.as_ref()?.place(site),
            Site::Policy(_) | Site::Rule { .. } => self.built_in.place(site),
            Site::Protect(at) => self.listed(at, config.map_or(0, |file| file.config.protect.len()), Site::Protect),
            Site::Immutable(at) => self.listed(
                at,
                config.map_or(0, |file| file.config.immutable.len()),
                Site::Immutable,
            ),
        }
    }

    fn listed(&self, at: usize, in_config: usize, site: fn(usize) -> Site) -> Option<Place> {
        match at.checked_sub(in_config) {
            None => self.config.as_ref()?.place(site(at)),
            Some(at) => self.policy.as_ref()?.place(site(at)),
        }
    }
}

/// A finding for programs. The built-in policy stands in no file.
fn in_json(finding: &Finding, place: Option<&Place>) -> Result<Value, serde_json::Error> {
    let place = place.filter(|place| place.file != BUILT_IN);
    let mut value = serde_json::to_value(finding)?;
    value["file"] = json!(place.map(|place| &place.file));
    value["line"] = json!(place.map(|place| place.line));
    Ok(value)
}

/// A finding for people, as compilers print them.
fn drawn(finding: &Finding, place: Option<&Place>, width: usize) -> String {
    let size = finding.bytes.map(|size| format!(" ({})", bytes(size)));
    let said = Said {
        severity: finding.severity,
        code: finding.code.as_str(),
        examples: &finding.examples,
        message: &format!("{}{}", finding.message, size.unwrap_or_default()),
        hint: &finding.hint,
    };
    said.drawn(place, width)
}

/// What a finding says.
pub(super) struct Said<'f> {
    pub(super) severity: Severity,
    pub(super) code: &'f str,
    pub(super) examples: &'f [String],
    pub(super) message: &'f str,
    pub(super) hint: &'f str,
}

impl Said<'_> {
    /// As compilers print it.
    pub(super) fn drawn(&self, place: Option<&Place>, width: usize) -> String {
        let examples = self.examples.join("\n");
        let notes: Vec<String> = if examples.is_empty() {
            Vec::new()
        } else {
            vec![format!("for example\n{examples}")]
        };
        // What the library prints before them.
        let gutter = place.map_or(1, |place| place.line.to_string().len());
        let title = "warning[]: ".len() + self.code.len();
        let (message, hint) = (
            hanging("", self.message, width.saturating_sub(title)),
            hanging("", self.hint, width.saturating_sub(gutter + "  = help: ".len())),
        );
        let report = Report {
            severity: self.severity,
            code: self.code,
            message: &message,
            notes: &notes,
            hint: Some(&hint),
        };
        report.render(place, true)
    }
}

/// `no findings`, `2 warnings and 1 note`.
fn tally(findings: &[Finding]) -> String {
    counted(findings.iter().map(|finding| finding.severity))
}

pub(super) fn counted(severities: impl Iterator<Item = Severity> + Clone) -> String {
    let of = |wanted, word| match severities.clone().filter(|severity| *severity == wanted).count() as u64 {
        0 => None,
        some => Some(count(some, word)),
    };
    let parts = [
        (Severity::Error, "error"),
        (Severity::Warning, "warning"),
        (Severity::Note, "note"),
    ];
    let parts: Vec<String> = parts
        .into_iter()
        .filter_map(|(wanted, word)| of(wanted, word))
        .collect();
    if parts.is_empty() {
        return "no findings".to_owned();
    }
    parts.join(" and ")
}
