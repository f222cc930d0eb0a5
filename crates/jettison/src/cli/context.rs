//! What commands start from: the configuration, the store, the registries.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jettison_core::config::{Config, Diagnostic, Diagnostics, UsageKind, UsageSourceConfig};
use jettison_core::model::{RegistryHost, legible};
use jettison_core::policy::NameGlobs;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::failure::Failure;
use super::{Access, Globals, Sources};
use crate::aws::AwsConnection;
use crate::exit::Exit;
use crate::output::{Console, stream};
use crate::registry::{Connection, EcrConnection, LifecyclePolicies, Registry, Secret, open};
use crate::scan::{ScanTarget, Selection, Target};
use crate::store::{Store, default_directory};
use crate::usage::Collector;
use crate::usage::aws::KnownDefinitions;

/// Where the configuration is looked for when nobody says.
const DEFAULT_CONFIG: &str = "jettison.yaml";

/// A larger file is none that people write.
const MAX_INPUT_BYTES: u64 = 2 * 1024 * 1024 * 1024;

/// A lifecycle policy has 30,720 characters at most; a larger file is none.
pub(crate) const MAX_LIFECYCLE_BYTES: u64 = 1024 * 1024;

/// The longest password that is read from standard input.
const MAX_PASSWORD_BYTES: u64 = 64 * 1024;

/// What commands start from.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) globals: Globals,
    pub(crate) console: Console,
    pub(crate) config: Config,
    /// The folder that relative paths in the configuration start from.
    pub(crate) base: PathBuf,
}

/// Open registries with what to read of each.
pub(crate) struct Registries {
    pub(crate) targets: Vec<ScanTarget>,
    pub(crate) open: BTreeMap<RegistryHost, Arc<dyn Registry>>,
}

/// Which registries to work on, what to read of each, and how to log in.
pub(crate) struct Choice {
    selections: BTreeMap<RegistryHost, Selection>,
    access: Access,
}

impl Choice {
    pub(crate) fn hosts(&self) -> BTreeSet<RegistryHost> {
        self.selections.keys().cloned().collect()
    }

    /// What to read of each registry.
    pub(crate) fn selections(&self) -> &BTreeMap<RegistryHost, Selection> {
        &self.selections
    }

    /// Without the registries that are not wanted.
    pub(crate) fn retain(&mut self, wanted: impl Fn(&RegistryHost) -> bool) {
        self.selections.retain(|host, _| wanted(host));
    }
}

impl Registries {
    pub(crate) fn hosts(&self) -> BTreeSet<RegistryHost> {
        self.open.keys().cloned().collect()
    }
}

impl Context {
    /// Reads the configuration.
    pub(crate) fn load(globals: Globals, console: Console) -> Result<Self, Failure> {
        let default = PathBuf::from(DEFAULT_CONFIG);
        let file = globals.config.clone().or_else(|| default.exists().then_some(default));
        let mut config = match &file {
            Some(file) => read_config(file, &console)?,
            None => Config::default(),
        };
        if let Some(policy) = &globals.policy {
            config = config.overridden_by(read_config(policy, &console)?);
        }
        let base = file
            .as_deref()
            .and_then(Path::parent)
            .filter(|folder| !folder.as_os_str().is_empty());
        let base = base.map_or_else(|| PathBuf::from("."), Path::to_path_buf);
        Ok(Self {
            globals,
            console,
            config,
            base,
        })
    }

    /// Opens the store, and says what interrupted runs may have left half-way: who only looks puts nothing back.
    pub(crate) async fn store(&self) -> Result<Store, Failure> {
        let store = self.store_to_settle().await?;
        for run in store.half_done().await? {
            self.console.note(run);
        }
        Ok(store)
    }

    /// Opens the store for a command that settles interrupted runs and tells what became of them. Says so when nothing
    /// is remembered yet.
    pub(crate) async fn store_to_settle(&self) -> Result<Store, Failure> {
        self.open_store("of earlier scans, so that images without a push time count as just arrived")
            .await
    }

    /// Opens the store for the images of a server. Says so when nothing is remembered yet.
    pub(crate) async fn store_of_server(&self) -> Result<Store, Failure> {
        self.open_store(
            "of this server, so that all its images count as first seen now and none goes in its first days",
        )
        .await
    }

    async fn open_store(&self, what_is_not: &str) -> Result<Store, Failure> {
        let directory = match &self.globals.state {
            Some(directory) => directory.clone(),
            None => default_directory()?,
        };
        let store = Store::open(&directory).await?;
        if store.is_new() {
            self.console.note(format!(
                "{} is new: nothing is remembered {what_is_not}; keep this folder between runs (--state)",
                directory.display()
            ));
        }
        Ok(store)
    }

    /// Adds usage files of the command line to the configured sources.
    pub(crate) fn add_usage_files(&mut self, files: &[PathBuf]) -> Result<(), Failure> {
        for file in files {
            let absolute = std::path::absolute(file).map_err(|error| cannot_read(file, &error))?;
            let path = absolute.to_string_lossy();
            self.config.usage.push(UsageSourceConfig {
                name: file.display().to_string(),
                kind: UsageKind::File {
                    paths: vec![glob::Pattern::escape(&path)],
                },
                covers: NameGlobs::all(),
                allow_empty: false,
                ignore_references: BTreeSet::new(),
            });
        }
        Ok(())
    }

    /// Adds usage files of the command line, which have to be there: a list that is configured may be late, and holds
    /// what it could name; one that is given now is mistyped.
    pub(crate) fn add_new_usage_files(&mut self, files: &[PathBuf]) -> Result<(), Failure> {
        for file in files {
            let found = std::fs::metadata(file).map_err(|error| cannot_read(file, &error))?;
            if found.is_dir() {
                return Err(Failure::usage(format!(
                    "{} is a folder: name the files in it, or configure `usage` in {DEFAULT_CONFIG}",
                    file.display()
                )));
            }
        }
        self.add_usage_files(files)
    }

    /// Who is asked what is in use.
    pub(crate) fn collector<'c>(
        &'c self,
        store: &'c Store,
        managed: &'c BTreeSet<RegistryHost>,
        accepted: &'c [String],
    ) -> Collector<'c> {
        Collector {
            config: &self.config,
            base: &self.base,
            store,
            managed,
            accepted,
            known: KnownDefinitions::default(),
        }
    }

    /// Sources of which somebody accepts that they name fewer images have to be there: another name is mistyped.
    pub(crate) fn check_accepted(&self, names: &[String]) -> Result<(), Failure> {
        let known = || self.config.usage.iter().map(|source| &source.name);
        match names.iter().find(|name| !known().any(|known| known == *name)) {
            None => Ok(()),
            Some(name) => Err(Failure::usage(format!(
                "--accept-shrunk-usage {}: no usage source has that name; there is {}",
                legible(name),
                known().map(|name| legible(name)).collect::<Vec<_>>().join(", ")
            ))),
        }
    }

    /// The registry of a target, by the name that is managed.
    pub(crate) fn host_of(&self, target: &Target) -> Result<RegistryHost, Failure> {
        let host = self.config.canonical_host(&target.host);
        let text = host.as_str();
        // As in image references: another first part is that of a path.
        if self.config.registry(&host).is_some() || text == "localhost" || text.contains(['.', ':']) {
            return Ok(host);
        }
        Err(Failure::usage(format!(
            "`{}` names no registry: a target is HOST[:PORT]/REPOSITORY-GLOB, for example registry.example.com/{}",
            legible(&target.to_string()),
            legible(&target.to_string())
        )))
    }

    /// What to work on: the targets, else the configured registries. Nothing is opened, so that a mistake leaves no trace.
    pub(crate) fn choice(&self, sources: &Sources) -> Result<Choice, Failure> {
        let mut patterns: BTreeMap<RegistryHost, Vec<String>> = BTreeMap::new();
        for target in &sources.targets {
            let host = self.host_of(target)?;
            patterns.entry(host).or_default().push(target.pattern.clone());
        }
        if sources.targets.is_empty() {
            for registry in &self.config.registries {
                patterns.insert(registry.host.clone(), registry.repositories.patterns().to_vec());
            }
        }
        if patterns.is_empty() {
            return Err(Failure::usage(format!(
                "no registry to work on: give a target such as registry.example.com/apps/web, or list `registries` in {DEFAULT_CONFIG}"
            )));
        }
        let selections = patterns.into_iter().map(|(host, patterns)| {
            let globs = NameGlobs::new(&patterns).map_err(|error| Failure::caused(Exit::Usage, &error))?;
            Ok((host, Selection::new(globs)))
        });
        Ok(Choice {
            selections: selections.collect::<Result<_, Failure>>()?,
            access: sources.asked.access.clone(),
        })
    }

    /// Opens what was chosen.
    pub(crate) fn registries(&self, choice: Choice, store: &Store) -> Result<Registries, Failure> {
        let open = self.open(choice.selections.keys(), &choice.access, store)?;
        let targets = choice
            .selections
            .into_values()
            .zip(open.values())
            .map(|(selection, registry)| ScanTarget {
                registry: Arc::clone(registry),
                selection,
            });
        Ok(Registries {
            targets: targets.collect(),
            open,
        })
    }

    /// Opens registries by name; nothing is sent yet. The store remembers what is read of those that take it for a pull.
    pub(crate) fn open<'h>(
        &self,
        hosts: impl Iterator<Item = &'h RegistryHost>,
        access: &Access,
        store: &Store,
    ) -> Result<BTreeMap<RegistryHost, Arc<dyn Registry>>, Failure> {
        let hosts: Vec<&RegistryHost> = hosts.collect();
        if access.username.is_some() && hosts.len() > 1 {
            return Err(Failure::usage(
                "--username logs in to one registry, and there are several; use `docker login` for each",
            ));
        }
        let password = if access.password_stdin { Some(password()?) } else { None };
        let login = access.username.clone().zip(password);
        let mut open_registries = BTreeMap::new();
        for host in hosts {
            let connection = Connection {
                ecr: self.ecr(host, access, store)?,
                ..self.connection(host, access, login.clone())
            };
            open_registries.insert(host.clone(), open(&connection)?);
        }
        Ok(open_registries)
    }

    /// How a registry is reached that is ECR.
    fn ecr(&self, host: &RegistryHost, access: &Access, store: &Store) -> Result<Option<EcrConnection>, Failure> {
        let Some(place) = self.config.ecr(host) else {
            return Ok(None);
        };
        if access.username.is_some() || access.password_stdin {
            return Err(Failure::usage(format!(
                "--username and --password-stdin are no way into {host}: ECR is reached with AWS credentials, as AWS's own \
                 tools find them, or by the profile or role that `aws` of the registry names in {DEFAULT_CONFIG}"
            )));
        }
        Ok(Some(EcrConnection {
            place,
            aws: self.aws(host),
            own_reads: Arc::new(store.clone()),
        }))
    }

    /// The lifecycle policies of a registry, which has to be ECR; nothing is sent yet.
    pub(crate) fn lifecycle_policies(&self, host: &RegistryHost) -> Result<LifecyclePolicies, Failure> {
        let place = self.config.ecr(host).ok_or_else(|| {
            Failure::usage(format!(
                "{host} is no registry of Amazon ECR, and only these have lifecycle policies: on any other one, `ecr-policy: \
                 policy.json` in {DEFAULT_CONFIG} makes jettison act on such a policy"
            ))
        })?;
        let connection = Connection::new(host.clone());
        Ok(LifecyclePolicies::new(&connection, &place, &self.aws(host)))
    }

    /// How AWS is reached for a registry.
    fn aws(&self, host: &RegistryHost) -> AwsConnection {
        let configured = self.config.registry(host).map(|registry| registry.aws.clone());
        AwsConnection::new(configured.unwrap_or_default())
    }

    /// How a registry is reached that is none of AWS.
    pub(crate) fn connection(
        &self,
        host: &RegistryHost,
        access: &Access,
        login: Option<(String, Secret)>,
    ) -> Connection {
        let configured = self.config.registry(host);
        let path = |text: Option<&String>| text.map(|text| self.base.join(text));
        Connection {
            plain_http: configured.filter(|registry| registry.plain_http).map(|_| true),
            ca_file: access.ca_file.clone().or_else(|| path(configured?.ca_file.as_ref())),
            client_certificate: access
                .client_certificate
                .clone()
                .or_else(|| path(configured?.client_certificate.as_ref())),
            client_key: access
                .client_key
                .clone()
                .or_else(|| path(configured?.client_key.as_ref())),
            login,
            ..Connection::new(host.clone())
        }
    }
}

fn password() -> Result<Secret, Failure> {
    let mut text = String::new();
    let read = std::io::stdin().take(MAX_PASSWORD_BYTES).read_to_string(&mut text);
    read.map_err(|error| Failure::usage(format!("the password could not be read from standard input: {error}")))?;
    Ok(Secret::new(text.trim_end_matches(['\r', '\n'])))
}

/// Reads a configuration file; its warnings are printed, its mistakes are the failure.
pub(crate) fn read_config(file: &Path, console: &Console) -> Result<Config, Failure> {
    let text = read_text(file)?;
    match parse_config(file, &text) {
        Ok((config, warnings)) => {
            print_warnings(&warnings, console);
            Ok(config)
        }
        Err(diagnostics) => Err(Failure::diagnostics(diagnostics.render(true))),
    }
}

/// Reads the text of a configuration file; the files that it names are looked for beside it.
pub(crate) fn parse_config(file: &Path, text: &str) -> Result<(Config, Vec<Diagnostic>), Diagnostics> {
    let folder = file.parent().unwrap_or_else(|| Path::new(""));
    let read = |name: &str| {
        read_text_within(&folder.join(name), MAX_LIFECYCLE_BYTES).map_err(|failure| failure.text().to_owned())
    };
    Config::parse_beside(&file.display().to_string(), text, &read)
}

/// What is suspicious in a configuration, and no mistake.
pub(crate) fn print_warnings(warnings: &[Diagnostic], console: &Console) {
    for warning in warnings.iter().filter(|_| !console.quiet) {
        stream::error(&format!("{}\n", warning.render(true)));
    }
}

/// Reads a text file whole, within reason.
pub(crate) fn read_text(file: &Path) -> Result<String, Failure> {
    read_text_within(file, MAX_INPUT_BYTES)
}

/// The same of a file that is known to be short.
pub(crate) fn read_text_within(file: &Path, most: u64) -> Result<String, Failure> {
    let open = std::fs::File::open(file).map_err(|error| cannot_read(file, &error))?;
    let mut text = String::new();
    let read = open
        .take(most)
        .read_to_string(&mut text)
        .map_err(|error| cannot_read(file, &error))?;
    if read as u64 == most {
        return Err(Failure::usage(format!(
            "{} is larger than {most} bytes",
            file.display()
        )));
    }
    Ok(text)
}

/// Reads one of the documented JSON forms.
pub(crate) fn read_json<T: DeserializeOwned>(file: &Path, what: &str) -> Result<T, Failure> {
    let text = read_text(file)?;
    let mut reader = serde_json::Deserializer::from_str(&text);
    let wrong = |error: &dyn std::fmt::Display| {
        let error = legible(&error.to_string());
        Failure::usage(format!("{} is not {what}: {error}", file.display()))
    };
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| wrong(&error))?;
    reader.end().map_err(|error| wrong(&error))?;
    Ok(value)
}

/// Writes one of the documented JSON forms.
pub(crate) fn write_json(file: &Path, value: &impl Serialize) -> Result<(), Failure> {
    write_with(file, |to| {
        serde_json::to_writer_pretty(&mut *to, value)?;
        to.write_all(b"\n")
    })
}

/// Writes a text.
pub(crate) fn write_text(file: &Path, text: &str) -> Result<(), Failure> {
    write_with(file, |to| to.write_all(text.as_bytes()))
}

/// Writes into a file whole or not at all, into a pipe or a device as far as it goes.
fn write_with(file: &Path, write: impl FnOnce(&mut dyn std::io::Write) -> std::io::Result<()>) -> Result<(), Failure> {
    let cannot = |error: std::io::Error| {
        Failure::new(
            Exit::Unexpected,
            format!("{} could not be written: {error}", file.display()),
        )
    };
    // What is no ordinary file (a pipe, a device, standard output) is written to, and not replaced.
    if std::fs::metadata(file).is_ok_and(|found| !found.is_file()) {
        let open = std::fs::File::options().write(true).open(file).map_err(cannot)?;
        let mut open = std::io::BufWriter::new(open);
        write(&mut open).map_err(cannot)?;
        return open.flush().map_err(cannot);
    }
    // A link is followed: it stays one.
    let file = &file.canonicalize().unwrap_or_else(|_| file.to_owned());
    let folder = file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let mut temporary = tempfile::NamedTempFile::new_in(folder).map_err(cannot)?;
    write(&mut temporary).map_err(cannot)?;
    temporary.persist(file).map_err(|error| cannot(error.error))?;
    Ok(())
}

fn cannot_read(file: &Path, error: &std::io::Error) -> Failure {
    Failure::usage(format!("{} could not be read: {error}", file.display()))
}

/// Asks on the terminal, unless somebody has said yes. That there is one is for the caller to see to, before any work.
pub(crate) fn confirm(question: &str, yes: bool) -> Result<bool, Failure> {
    if yes {
        return Ok(true);
    }
    stream::error(&format!("{question} [y/N] "));
    let mut answer = String::new();
    std::io::stdin()
        .read_line(&mut answer)
        .map_err(|error| Failure::new(Exit::Unexpected, error))?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}
