//! One call as the services see it: who asks what of which account and region, whatever the protocol was.

use serde_json::Value;

use super::fault::Quirks;
use super::identity::Caller;
use super::refusal::Refusal;

/// What an operation answers.
pub(super) type Answer = Result<Value, Refusal>;

/// A service of AWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Service {
    Ecr,
    Ecs,
    Lambda,
    Sts,
}

/// One call, its signature checked.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) operation: String,
    pub(super) region: String,
    pub(super) caller: Caller,
    /// The parameters by the names that they have in the API, whatever the protocol was.
    pub(super) input: Value,
    pub(super) quirks: Quirks,
}

impl Service {
    /// As it stands in the scope of a signature, and before the colon of an action.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ecr => "ecr",
            Self::Ecs => "ecs",
            Self::Lambda => "lambda",
            Self::Sts => "sts",
        }
    }
}

impl Call {
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.input[key].as_str()
    }

    pub(super) fn required(&self, key: &str) -> Result<&str, Refusal> {
        self.text(key)
            .filter(|text| !text.is_empty())
            .ok_or_else(|| Refusal::parameter(key, "Member must not be null"))
    }

    /// The members of a list; none where there is none.
    pub(super) fn list(&self, key: &str) -> &[Value] {
        self.input[key].as_array().map_or(&[], Vec::as_slice)
    }

    /// The members of a list of texts.
    pub(super) fn texts(&self, key: &str) -> Vec<&str> {
        self.list(key).iter().filter_map(Value::as_str).collect()
    }

    /// The members of a list that has to have between one and `most`.
    pub(super) fn bounded(&self, key: &str, most: usize) -> Result<&[Value], Refusal> {
        let members = self.list(key);
        match members.len() {
            0 => Err(Refusal::parameter(
                key,
                "Member must have length greater than or equal to 1",
            )),
            length if length > most => Err(too_many(key, most)),
            _ => Ok(members),
        }
    }
}

/// A list that is too long.
pub(super) fn too_many(key: &str, most: usize) -> Refusal {
    Refusal::parameter(key, &format!("Member must have length less than or equal to {most}"))
}
