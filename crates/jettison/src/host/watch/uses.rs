//! What an event means for the use of images.

use crate::host::engine::Event;

/// What engines call it when an image comes or gets a name. A name that is taken off, a push or an export uses nothing.
const ARRIVALS: [(&str, &str); 8] = [
    ("pull", "pulled"),
    ("tag", "tagged"),
    ("load", "loaded"),
    ("loadfromarchive", "loaded"),
    ("import", "imported"),
    ("build", "built"),
    ("commit", "made from a container"),
    ("create", "pulled or built"),
];

/// What an event means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Meaning {
    /// A container does something: its image is used.
    Container(String),
    /// An image came, or got a name.
    Arrival(String),
    /// Anything else that happens to images; names may have come off.
    Other,
}

/// What `event` means. Whatever a container does, its image is in use then, whether it begins or ends.
pub(super) fn meaning(event: &Event) -> Meaning {
    if let Some(action) = event.action.strip_prefix("container ") {
        return Meaning::Container(format!("{}: {action}", event.by));
    }
    let arrival = ARRIVALS.iter().find(|(action, _)| *action == event.action);
    arrival.map_or(Meaning::Other, |(_, what)| Meaning::Arrival((*what).to_owned()))
}
