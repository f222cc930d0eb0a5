//! Functions from within: what runs is made here. Where there is nothing of a name, nothing happens.

use super::super::handle::Handle;
use super::super::place::Place;
use super::super::state::State;
use super::model::{Alias, Code, Function, Functions, Version};

/// The functions of one account in one region, from within.
#[derive(Debug, Clone)]
pub struct Lambda {
    aws: Handle,
    place: Place,
}

impl Lambda {
    pub(in crate::aws) fn new(aws: Handle, account: &str, region: &str) -> Self {
        Self {
            aws,
            place: Place::new(account, region),
        }
    }

    /// Makes a function of an image, or gives it another one: `$LATEST` runs the digest that the image has now.
    pub fn function(&self, name: &str, image: &str) {
        self.with(|state, place| {
            let digest = state.resolve(image);
            let path = image.rsplit_once('@').map_or(image, |(path, _)| path);
            let tagged = path.rsplit_once(':').filter(|(_, tag)| !tag.contains('/'));
            let path = tagged.map_or(path, |(path, _)| path);
            let code = Code {
                uri: image.to_owned(),
                resolved: digest.map_or_else(|| image.to_owned(), |digest| format!("{path}@{digest}")),
            };
            functions(state, place)
                .functions
                .entry(name.to_owned())
                .or_default()
                .latest = Version {
                name: "$LATEST".to_owned(),
                image: Some(code),
            };
        });
    }

    /// Makes a function whose code is no image.
    pub fn archive_function(&self, name: &str) {
        self.with(|state, place| {
            let latest = Version {
                name: "$LATEST".to_owned(),
                image: None,
            };
            functions(state, place)
                .functions
                .entry(name.to_owned())
                .or_default()
                .latest = latest;
        });
    }

    /// Publishes what `$LATEST` is now; the number of the version.
    pub fn publish(&self, name: &str) -> Option<String> {
        self.with(|state, place| {
            let function: &mut Function = functions(state, place).functions.get_mut(name)?;
            let number = (function.published.len() + 1).to_string();
            let version = Version {
                name: number.clone(),
                image: function.latest.image.clone(),
            };
            function.published.push(version);
            Some(number)
        })
    }

    /// Points an alias at a version, and parts of its calls at others: `&[("2", 0.1)]`.
    pub fn alias(&self, name: &str, alias: &str, version: &str, weights: &[(&str, f64)]) {
        self.with(|state, place| {
            let weights = weights.iter().map(|&(version, weight)| (version.to_owned(), weight));
            let pointed = Alias {
                version: version.to_owned(),
                weights: weights.collect(),
            };
            if let Some(function) = functions(state, place).functions.get_mut(name) {
                function.aliases.insert(alias.to_owned(), pointed);
            }
        });
    }

    /// Removes a function with its versions and aliases.
    pub fn remove(&self, name: &str) {
        self.with(|state, place| functions(state, place).functions.remove(name));
    }

    fn with<T>(&self, act: impl FnOnce(&mut State, &Place) -> T) -> T {
        act(&mut self.aws.state(), &self.place)
    }
}

fn functions<'s>(state: &'s mut State, place: &Place) -> &'s mut Functions {
    &mut state.region(place).functions
}
