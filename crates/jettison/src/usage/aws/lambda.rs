//! Functions that are images: what they run, their newest versions, and every version to which an alias leads.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_lambda::Client;
use aws_sdk_lambda::types::{
    AliasConfiguration, FunctionCodeLocation, FunctionConfiguration, FunctionVersion, PackageType,
};
use futures_util::{StreamExt as _, stream};
use jettison_core::model::ImageReference;

use super::place::{CALLS_AT_ONCE, Call, Place};

/// AWS's code for a function or version that is not there.
const NOT_FOUND: &str = "ResourceNotFoundException";

const LIST: Call = Call::new("lambda:ListFunctions");
const ALIASES: Call = Call::new("lambda:ListAliases").unless(NOT_FOUND);
const GET: Call = Call::new("lambda:GetFunction").unless(NOT_FOUND);

/// What runs where no version is named.
const LATEST: &str = "$LATEST";

/// What to ask of Lambda.
pub(super) struct Question<'a, 'p, 's> {
    pub(super) client: Client,
    pub(super) place: &'a Place<'p, 's>,
    /// So many of the newest versions of a function count.
    pub(super) newest: usize,
}

/// Versions by the names that they have, each with the aliases that lead to it.
type Versions = BTreeMap<String, Vec<String>>;

impl Question<'_, '_, '_> {
    /// Says which images functions run. Others than images cost no further call.
    pub(super) async fn ask(&self) {
        let page = async |token| {
            // All versions at once: there are far fewer calls a second than functions.
            let asked = self.client.list_functions().function_version(FunctionVersion::All);
            let answer = asked.max_items(50).set_marker(token).send().await?;
            Ok((answer.functions, answer.next_marker))
        };
        let functions = self.functions(self.place.every(LIST, page).await);
        let asked = stream::iter(functions).for_each_concurrent(CALLS_AT_ONCE, async |(name, versions)| {
            self.ask_function(&name, versions).await;
        });
        asked.await;
    }

    /// The functions that are images or may be, with the names of their versions.
    fn functions(&self, listed: Vec<FunctionConfiguration>) -> BTreeMap<String, BTreeSet<String>> {
        let mut functions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let images = listed
            .into_iter()
            .filter(|found| found.package_type != Some(PackageType::Zip));
        for found in images {
            match (found.function_name, found.version) {
                (Some(name), Some(version)) => {
                    functions.entry(name).or_default().insert(version);
                }
                _ => self
                    .place
                    .unclear(LIST, "a function or version without a name is in the list".to_owned()),
            }
        }
        functions
    }

    async fn ask_function(&self, name: &str, versions: BTreeSet<String>) {
        let page = async |token| {
            let answer = self
                .client
                .list_aliases()
                .function_name(name)
                .set_marker(token)
                .send()
                .await?;
            Ok((answer.aliases, answer.next_marker))
        };
        let mut counted = newest(versions, self.newest);
        for alias in self.place.every(ALIASES, page).await {
            follow(&alias, &mut counted);
        }
        let asked = stream::iter(counted).for_each_concurrent(CALLS_AT_ONCE, async |(version, aliases)| {
            self.ask_version(name, &version, &aliases).await;
        });
        asked.await;
    }

    async fn ask_version(&self, name: &str, version: &str, aliases: &[String]) {
        let asked = self.client.get_function().function_name(name).qualifier(version).send();
        let Some(answer) = self.place.call(GET, asked).await else {
            return;
        };
        let user = match aliases {
            [] => format!("lambda {name}:{version}"),
            aliases => format!("lambda {name}:{version} ({})", aliases.join(", ")),
        };
        match answer.code {
            Some(code) => self.say(&code, &user),
            None => self.place.unclear(GET, format!("the code of {user} is not told")),
        }
    }

    /// The tag counts because the next deployment may go by it, and the digest because it runs.
    fn say(&self, code: &FunctionCodeLocation, user: &str) {
        let resolved = code.resolved_image_uri().unwrap_or_default();
        let digest = resolved.parse::<ImageReference>().ok().and_then(|image| image.digest);
        if digest.is_none() {
            self.place
                .unclear(GET, format!("{user}: ResolvedImageUri names no digest: `{resolved}`"));
        }
        self.place.uses(
            code.image_uri(),
            digest.map(|digest| digest.to_string()).as_deref(),
            user,
        );
    }
}

/// The newest of the numbered versions, and all others: `$LATEST`, whether it is listed or not, and what Lambda may call so.
fn newest(versions: BTreeSet<String>, most: usize) -> Versions {
    let (numbered, others): (Vec<String>, Vec<String>) = versions.into_iter().partition(|name| number(name).is_some());
    let mut numbered = numbered;
    numbered.sort_by_key(|name| std::cmp::Reverse(number(name)));
    numbered.truncate(most);
    let all = numbered.into_iter().chain(others).chain([LATEST.to_owned()]);
    all.map(|name| (name, Vec::new())).collect()
}

fn number(version: &str) -> Option<u64> {
    version.parse().ok()
}

/// Adds the versions to which an alias leads, whatever their share of the calls.
fn follow(alias: &AliasConfiguration, versions: &mut Versions) {
    let name = alias.name().unwrap_or("without a name");
    let others = alias
        .routing_config()
        .and_then(|routing| routing.additional_version_weights());
    let shared: f64 = others.into_iter().flat_map(|weights| weights.values()).sum();
    let mut add = |version: &str, share: f64| {
        let told = match share {
            1.0 => format!("alias {name}"),
            share => format!("alias {name} {} %", (share * 10_000.0).round() / 100.0),
        };
        versions.entry(version.to_owned()).or_default().push(told);
    };
    for (version, share) in others.into_iter().flatten() {
        add(version, *share);
    }
    if let Some(version) = alias.function_version() {
        add(version, 1.0 - shared);
    }
}
