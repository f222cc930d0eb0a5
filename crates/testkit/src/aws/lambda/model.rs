//! Functions as they are kept.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::place::Place;
use super::super::state::{State, object};

/// The functions of one account in one region.
#[derive(Debug, Clone, Default)]
pub(in crate::aws) struct Functions {
    pub(super) functions: BTreeMap<String, Function>,
}

/// One function.
#[derive(Debug, Clone, Default)]
pub(super) struct Function {
    pub(super) latest: Version,
    /// What was published, the first with the number 1.
    pub(super) published: Vec<Version>,
    pub(super) aliases: BTreeMap<String, Alias>,
}

/// A version, published or not.
#[derive(Debug, Clone, Default)]
pub(super) struct Version {
    /// `$LATEST`, `1`
    pub(super) name: String,
    /// None where the code is no image.
    pub(super) image: Option<Code>,
}

/// An image as the code of a version.
#[derive(Debug, Clone)]
pub(super) struct Code {
    /// As it was given.
    pub(super) uri: String,
    /// With the digest that it had then.
    pub(super) resolved: String,
}

/// An alias; what is left of the weights is the version's.
#[derive(Debug, Clone)]
pub(super) struct Alias {
    pub(super) version: String,
    pub(super) weights: BTreeMap<String, f64>,
}

/// The ARN of a function, or of a version or an alias behind a colon.
pub(super) fn arn(place: &Place, name: &str) -> String {
    place.arn("lambda", &format!("function:{name}"))
}

impl Function {
    /// All versions, `$LATEST` first, with keys in that order.
    pub(super) fn versions(&self) -> impl Iterator<Item = (String, &Version)> {
        let published = self.published.iter().enumerate();
        let published = published.map(|(position, version)| (format!("{:08}", position + 1), version));
        std::iter::once((format!("{:08}", 0), &self.latest)).chain(published)
    }

    /// The version behind a number, `$LATEST`, or an alias.
    pub(super) fn version(&self, qualifier: &str) -> Option<&Version> {
        let name = self
            .aliases
            .get(qualifier)
            .map_or(qualifier, |alias| alias.version.as_str());
        self.versions()
            .map(|(_, version)| version)
            .find(|version| version.name == name)
    }

    /// A `FunctionConfiguration`. An image that was deleted makes a version inactive.
    pub(super) fn configuration(&self, state: &State, place: &Place, name: &str, version: &Version) -> Value {
        let image = version.image.as_ref();
        let is_gone = image.is_some_and(|image| !state.has(&image.resolved));
        let arn = match version.name.as_str() {
            "$LATEST" => arn(place, name),
            number => format!("{}:{number}", arn(place, name)),
        };
        object(
            json!({"FunctionName": name, "FunctionArn": arn, "Version": version.name,
            "PackageType": if image.is_some() { "Image" } else { "Zip" },
            "Runtime": if image.is_some() { None } else { Some("python3.13") },
            "State": if is_gone { "Inactive" } else { "Active" },
            "StateReasonCode": is_gone.then_some("ImageDeleted"),
            "CodeSha256": image.and_then(|image| image.resolved.rsplit_once("sha256:")).map(|(_, hex)| hex)}),
        )
    }
}
