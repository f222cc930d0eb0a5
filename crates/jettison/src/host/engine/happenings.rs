//! Events of Docker's API (`/events`), as Docker and Podman write them.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::Deserialize;

use super::{EngineError, Event, Events};
use crate::engine::Lines;

/// What containers do that has to do with the use of images. The rest (health checks, `exec`) comes by the thousand.
const OF_CONTAINERS: [&str; 12] = [
    "create", "init", "start", "restart", "unpause", "stop", "kill", "die", "died", "destroy", "remove", "cleanup",
];

/// What happens, one after the other.
#[derive(Debug)]
pub(super) struct Happenings(Lines);

impl Happenings {
    pub(super) fn new(lines: Lines) -> Self {
        Self(lines)
    }

    pub(super) async fn event(&mut self) -> Result<Option<Event>, EngineError> {
        while let Some(told) = self.0.next::<Told>().await? {
            if let Some(event) = told.event() {
                return Ok(Some(event));
            }
        }
        Ok(None)
    }
}

#[async_trait]
impl Events for Happenings {
    async fn next(&mut self) -> Result<Option<Event>, EngineError> {
        self.event().await
    }
}

#[derive(Debug, Deserialize)]
struct Told {
    #[serde(rename = "Type", default)]
    kind: String,
    #[serde(rename = "Action", default)]
    action: String,
    #[serde(rename = "Actor", default)]
    actor: Actor,
    #[serde(rename = "time", default)]
    seconds: i64,
    #[serde(rename = "timeNano", default)]
    nanoseconds: i64,
}

#[derive(Debug, Default, Deserialize)]
struct Actor {
    #[serde(rename = "ID", default)]
    id: String,
    #[serde(rename = "Attributes", default)]
    attributes: Option<BTreeMap<String, String>>,
}

impl Told {
    /// The event, if it is about an image or its use.
    fn event(self) -> Option<Event> {
        let at = match self.nanoseconds {
            0 => Timestamp::from_second(self.seconds),
            _ => Timestamp::from_nanosecond(self.nanoseconds.into()),
        };
        let attribute = |name: &str| {
            let found = self.actor.attributes.as_ref()?.get(name)?;
            Some(found.clone()).filter(|value| !value.is_empty())
        };
        let (image, action, by) = match self.kind.as_str() {
            "image" => (self.actor.id.clone(), self.action, String::new()),
            "container" if OF_CONTAINERS.contains(&self.action.as_str()) => {
                let name = attribute("name").unwrap_or_else(|| self.actor.id.clone());
                (
                    attribute("image")?,
                    format!("container {}", self.action),
                    format!("container {name}"),
                )
            }
            _ => return None,
        };
        let event = Event {
            at: at.ok()?,
            image,
            action,
            by,
        };
        Some(event).filter(|event| !event.image.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(text: &str) -> Option<String> {
        let told: Told = serde_json::from_str(text).unwrap();
        let event = told.event()?;
        Some(format!("{} {} {} {}", event.at, event.image, event.action, event.by))
    }

    #[test]
    fn what_happens_to_images_and_what_containers_do_with_them_is_told() {
        for (text, expected) in [
            (
                r#"{"Type":"image","Action":"pull","Actor":{"ID":"r.io/a:1","Attributes":{"name":"r.io/a"}},"time":7,"timeNano":7000000001}"#,
                Some("1970-01-01T00:00:07.000000001Z r.io/a:1 pull "),
            ),
            (
                r#"{"Type":"container","Action":"die","Actor":{"ID":"c","Attributes":{"image":"r.io/a:1","name":"web"}},"time":7}"#,
                Some("1970-01-01T00:00:07Z r.io/a:1 container die container web"),
            ),
            (
                r#"{"Type":"container","Action":"exec_create: sh","Actor":{"ID":"c","Attributes":{"image":"a","name":"web"}},"time":7}"#,
                None,
            ),
            (
                r#"{"Type":"container","Action":"start","Actor":{"ID":"c","Attributes":null},"time":7}"#,
                None,
            ),
            (r#"{"Type":"system","Action":"refresh","Actor":{"ID":""}}"#, None),
            ("{}", None),
        ] {
            assert_eq!(event(text).as_deref(), expected, "{text}");
        }
    }
}
