//! The images that were found as comma-separated values (RFC 4180), a line each. Empty means that nobody knows.

use jettison_core::find::{Found, FoundImage, Use};
use jiff::Timestamp;

use crate::cli::failure::Failure;
use crate::exit::Exit;
use crate::output::text::cell;

const COLUMNS: [&str; 13] = [
    "registry",
    "repository",
    "digest",
    "tags",
    "kind",
    "platforms",
    "time",
    "bytes",
    "at_least",
    "used",
    "used_by",
    "last_pulled_at",
    "archived_at",
];

/// A line for the names of the columns, and one for each image.
pub(super) fn rows(found: &Found) -> Result<String, Failure> {
    let lost = |error: &dyn std::error::Error| Failure::caused(Exit::Unexpected, error);
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(COLUMNS).map_err(|error| lost(&error))?;
    for image in &found.images {
        writer.write_record(row(image)).map_err(|error| lost(&error))?;
    }
    let bytes = writer.into_inner().map_err(|error| lost(error.error()))?;
    String::from_utf8(bytes).map_err(|error| lost(&error))
}

fn row(image: &FoundImage) -> [String; 13] {
    let time = |time: Option<Timestamp>| time.map(|time| time.to_string()).unwrap_or_default();
    let tags: Vec<&str> = image.tags.iter().map(|tag| tag.as_str()).collect();
    let used = match image.used {
        Use::Now => "now",
        Use::Lately => "lately",
        Use::No => "no",
        Use::Unknown => "",
    };
    [
        image.registry.to_string(),
        image.repository.to_string(),
        image.digest.to_string(),
        tags.join(" "),
        image.kind.to_string(),
        cell(&image.platforms.join(" ")).into_owned(),
        time(image.time),
        image.bytes.to_string(),
        image.at_least.to_string(),
        used.to_owned(),
        cell(&image.used_by.join("; ")).into_owned(),
        time(image.last_pulled_at),
        time(image.archived_at),
    ]
}
