//! What the configuration says of AWS: which registries are ECR, whose and where, and how AWS is reached.
//!
//! Names and texts only: nothing here asks AWS or reads its configuration files, and no secret stands here.

use std::fmt;

use super::diagnostic::quoted;
use super::keys;
use super::read::child;
use super::reader::{Fields, Reader};
use super::sources::{text, timeout};
use super::tree::Node;
use super::{AwsSource, Expects, RegistryConfig, UsageKind, UsageSourceConfig};
use crate::model::RegistryHost;

/// How many revisions of a task definition, and versions of a function, count unless the file says otherwise.
const NEWEST: u64 = 5;

/// How AWS is reached, beyond what the environment says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AwsAccess {
    /// The profile of AWS's own configuration files; `None` for what the environment names.
    pub profile: Option<String>,
    /// The role to take on.
    pub role_arn: Option<String>,
    /// The address that stands in for those of AWS: `http://127.0.0.1:4566`.
    pub endpoint: Option<String>,
}

/// Where an ECR registry lies, and what runs on AWS: one account in one region.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct EcrPlace {
    /// The twelve digits of the account.
    pub account: String,
    /// The region: `eu-central-1`.
    pub region: String,
}

/// As the usage form writes it: `123456789012/eu-central-1`.
impl fmt::Display for EcrPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.account, self.region)
    }
}

/// What stands between account and region in the name of a private registry, for IPv4 alone and for both.
const SERVICES: [&str; 4] = ["dkr.ecr.", "dkr.ecr-fips.", "dkr-ecr.", "dkr-ecr-fips."];

/// What stands behind the region: the domains of AWS's partitions, as its own credential helper knows them.
const DOMAINS: [&str; 9] = [
    ".amazonaws.com",
    ".amazonaws.com.cn",
    ".amazonaws.eu",
    ".on.aws",
    ".on.amazonwebservices.com.cn",
    ".c2s.ic.gov",
    ".sc2s.sgov.gov",
    ".cloud.adc-e.uk",
    ".csp.hci.ic.gov",
];

/// The domains of one partition for IPv4 alone, and for both; the Chinese first, which begins like the others.
const DOMAIN_PAIRS: [[&str; 2]; 2] = [
    [".amazonaws.com.cn", ".on.amazonwebservices.com.cn"],
    [".amazonaws.com", ".on.aws"],
];

impl EcrPlace {
    /// The place that the host of a private ECR registry names; `None` for any other host, the public ECR too.
    pub fn of_host(host: &RegistryHost) -> Option<Self> {
        let name = host.as_str();
        let name = name.strip_suffix(":443").unwrap_or(name);
        let (account, rest) = name.split_once('.')?;
        let rest = SERVICES.iter().find_map(|service| rest.strip_prefix(service))?;
        let region = DOMAINS.iter().find_map(|domain| rest.strip_suffix(domain))?;
        (is_account(account) && is_region(region)).then(|| Self {
            account: account.to_owned(),
            region: region.to_owned(),
        })
    }

    /// Under what other hosts AWS gives out the registry of this one: with FIPS or without, for IPv4 alone or for both
    /// (ECR User Guide, "Making API requests over IPv6"). None for a host that is not ECR's.
    pub(super) fn other_hosts(host: &RegistryHost) -> Vec<RegistryHost> {
        let Some(Self { account, region }) = Self::of_host(host) else {
            return Vec::new();
        };
        let pair = DOMAIN_PAIRS
            .iter()
            .find(|pair| pair.iter().any(|domain| host.as_str().contains(domain)));
        let Some([single, dual]) = pair else { return Vec::new() };
        let names = [
            ("dkr.ecr", single),
            ("dkr.ecr-fips", single),
            ("dkr-ecr", dual),
            ("dkr-ecr-fips", dual),
        ];
        let names = names
            .iter()
            .map(|(service, domain)| format!("{account}.{service}.{region}{domain}"));
        names
            .filter_map(|name| name.parse().ok())
            .filter(|other| other != host)
            .collect()
    }

    /// What to add to a configuration so that what runs there is known.
    pub(crate) fn how_to_ask(&self) -> String {
        let Self { account, region } = self;
        format!(
            "add {{ name: aws-{account}, kind: aws, account: \"{account}\", regions: [{region}] }} under `usage`, or say \
             `expects: none` for the registry"
        )
    }
}

impl RegistryConfig {
    /// Where this registry lies, if it is ECR: as its host says, else as the file does.
    pub fn ecr(&self) -> Option<EcrPlace> {
        EcrPlace::of_host(&self.host).or_else(|| self.ecr_place.clone())
    }
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Lower-case words joined by hyphens, the last one ending in a number. New regions need no new version.
fn is_region(text: &str) -> bool {
    let fits = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let begins = text.starts_with(|first: char| first.is_ascii_lowercase());
    begins && text.contains('-') && text.split('-').all(fits) && text.ends_with(|last: char| last.is_ascii_digit())
}

/// `arn:PARTITION:iam::ACCOUNT:role/NAME`: its account.
fn account_of_role(arn: &str) -> Option<&str> {
    let mut parts = arn.splitn(6, ':');
    let mut next = || parts.next();
    let (scheme, partition, service, region, account, resource) =
        (next()?, next()?, next()?, next()?, next()?, next()?);
    let name = resource.strip_prefix("role/")?;
    let fits = scheme == "arn" && partition.starts_with("aws") && service == "iam" && region.is_empty();
    (fits && is_account(account) && !name.is_empty()).then_some(account)
}

/// What `aws` of a registry says: how it is reached, and where it lies if its host does not tell.
pub(super) fn of_registry(
    reader: &mut Reader<'_, '_>,
    registry: &Fields<'_>,
    host: Option<&RegistryHost>,
) -> Option<(AwsAccess, Option<EcrPlace>)> {
    let Some(node) = registry.get("aws") else {
        return Some((AwsAccess::default(), None));
    };
    let fields = reader.fields(node, &keys::REGISTRY_AWS)?;
    let account = fields.get("account").map(|node| account(reader, node));
    let region = fields.get("region").map(|node| region(reader, node));
    let access = access(reader, &fields);
    for (given, lacking) in [("account", "region"), ("region", "account")] {
        if fields.get(given).is_some() && fields.get(lacking).is_none() {
            let message = format!("`{given}` is of no use alone");
            reader.error_with(
                "missing-key",
                &fields.key_span(given),
                message,
                format!("add `{lacking}`"),
            );
        }
    }
    let place = match (account, region) {
        (None, None) => None,
        (account, region) => Some(EcrPlace {
            account: account.flatten()?,
            region: region.flatten()?,
        }),
    };
    if let Some(host) = host {
        fits_host(reader, registry, &fields, (host, place.as_ref()));
    }
    Some((access?, place))
}

/// A host of ECR says itself where it lies; of any other the file has to, and under which address AWS answers.
fn fits_host(
    reader: &mut Reader<'_, '_>,
    registry: &Fields<'_>,
    fields: &Fields<'_>,
    (host, place): (&RegistryHost, Option<&EcrPlace>),
) {
    match (EcrPlace::of_host(host), place) {
        (Some(of_host), Some(place)) if of_host != *place => {
            let message = format!("the host names {of_host}, and `aws` names {place}");
            let hint = "leave out `account` and `region`: the host says them";
            reader.error_with("conflicting-keys", &fields.key_span("account"), message, hint);
        }
        (None, None) => not_ecr(reader, registry, host),
        (None, Some(_)) if fields.get("endpoint").is_none() => not_ecr(reader, registry, host),
        _ => {}
    }
}

fn not_ecr(reader: &mut Reader<'_, '_>, registry: &Fields<'_>, host: &RegistryHost) {
    let message = format!("`{host}` is no host of ECR, so `aws` has to say which registry it is");
    let hint =
        "write `aws: { account: \"123456789012\", region: eu-central-1, endpoint: \"https://…\" }`, or leave `aws` out";
    reader.error_with("not-ecr", &registry.key_span("aws"), message, hint);
}

/// An ECR registry loses nothing before its own account and region were asked. Nobody should learn that from a plan.
pub(super) fn check_answered(
    reader: &mut Reader<'_, '_>,
    nodes: &[&Node],
    (registries, usage): (&[RegistryConfig], &[UsageSourceConfig]),
) {
    for (node, registry) in nodes.iter().zip(registries) {
        let Some(place) = registry.ecr().filter(|_| registry.expects != Expects::None) else {
            continue;
        };
        let answers = |source: &UsageSourceConfig| match &source.kind {
            UsageKind::Aws(source) => source.places().any(|answered| answered == place),
            _ => false,
        };
        if let Some(host) = child(node, "host").filter(|_| !usage.iter().any(answers)) {
            let message =
                format!("no usage source asks {place} what runs there, so nothing is deleted on this registry");
            reader.warn("unknown-source", &host.span, message, place.how_to_ask());
        }
    }
}

/// An account that is asked what it runs, in some regions.
pub(super) fn source(reader: &mut Reader<'_, '_>, fields: &Fields<'_>) -> Option<AwsSource> {
    let of_account = fields.get("account").map(|node| account(reader, node));
    let regions = fields.get("regions").map(|node| regions(reader, node));
    let access = access(reader, fields);
    let newest = |reader: &mut Reader<'_, '_>, key| fields.get(key).map_or(Some(NEWEST), |node| reader.count(node, 1));
    let (task_definitions, lambda_versions) = (newest(reader, "task-definitions"), newest(reader, "lambda-versions"));
    let timeout_seconds = timeout(reader, fields);
    let (of_account, access) = (of_account??, access?);
    if let Some(of_role) = access.role_arn.as_deref().and_then(account_of_role)
        && of_role != of_account
    {
        let message = format!("the role belongs to the account {of_role}, and `account` is {of_account}");
        let hint = "what runs in an account can only be asked from within it: name a role of that account";
        reader.error_with("conflicting-keys", &fields.key_span("role-arn"), message, hint);
    }
    Some(AwsSource {
        account: of_account,
        regions: regions??,
        access,
        task_definitions: task_definitions?,
        lambda_versions: lambda_versions?,
        timeout_seconds: timeout_seconds?,
    })
}

fn access(reader: &mut Reader<'_, '_>, fields: &Fields<'_>) -> Option<AwsAccess> {
    let profile = text(reader, fields, "profile");
    let role_arn = fields.get("role-arn").map(|node| role(reader, node));
    let endpoint = fields.get("endpoint").map(|node| endpoint(reader, node));
    Some(AwsAccess {
        profile: profile?,
        role_arn: said(role_arn)?,
        endpoint: said(endpoint)?,
    })
}

/// A key that may be left out, and must be right where it is not.
fn said<T>(value: Option<Option<T>>) -> Option<Option<T>> {
    value.map_or(Some(None), |value| value.map(Some))
}

fn account(reader: &mut Reader<'_, '_>, node: &Node) -> Option<String> {
    let text = reader.text(node)?;
    if !is_account(text) {
        let message = format!("{} is no account of AWS", quoted(text));
        reader.error_with("bad-account", &node.span, message, "write its twelve digits, in quotes");
    }
    is_account(text).then(|| text.to_owned())
}

fn region(reader: &mut Reader<'_, '_>, node: &Node) -> Option<String> {
    let text = reader.text(node)?;
    if !is_region(text) {
        let message = format!("{} is no region of AWS", quoted(text));
        reader.error_with(
            "bad-region",
            &node.span,
            message,
            "write it as AWS does: `eu-central-1`",
        );
    }
    is_region(text).then(|| text.to_owned())
}

fn regions(reader: &mut Reader<'_, '_>, node: &Node) -> Option<Vec<String>> {
    let items = reader.items(node)?;
    let mut regions: Vec<String> = items.iter().filter_map(|item| region(reader, item)).collect();
    let all = regions.len() == items.len();
    regions.sort();
    regions.dedup();
    all.then_some(regions)
}

fn role(reader: &mut Reader<'_, '_>, node: &Node) -> Option<String> {
    let text = reader.name(node)?;
    let fits = account_of_role(text).is_some();
    if !fits {
        let message = format!("{} is no role", quoted(text));
        let hint = "write `arn:aws:iam::123456789012:role/NAME`";
        reader.error_with("bad-role", &node.span, message, hint);
    }
    fits.then(|| text.to_owned())
}

fn endpoint(reader: &mut Reader<'_, '_>, node: &Node) -> Option<String> {
    let text = reader.name(node)?;
    let rest = ["http://", "https://"]
        .iter()
        .find_map(|scheme| text.strip_prefix(scheme));
    let authority = rest.map(|rest| rest.split('/').next().unwrap_or_default());
    let fits = authority.is_some_and(|host| host.parse::<RegistryHost>().is_ok());
    if !fits {
        let message = format!("{} is no address", quoted(text));
        reader.error_with(
            "bad-endpoint",
            &node.span,
            message,
            "write `https://host` or `http://127.0.0.1:4566`",
        );
    }
    fits.then(|| text.to_owned())
}
