//! Usage from files: plain lists of image references, or the usage form of `jettison usage --out`.
//!
//! A file that cannot be read or understood makes the source partial; nothing in it is skipped in silence.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use jettison_core::model::{Gap, ImageReference, InvalidJson, Reference, SourceStatus, Usage, legible};
use jiff::{SignedDuration, Timestamp};

/// A larger file is no list of images that somebody runs.
const MAX_FILE_BYTES: u64 = 256 * 1024 * 1024;

/// Lines that are told one by one when they cannot be understood.
const TOLD_LINES: usize = 10;

/// An older form tells what ran once.
const MAX_FORM_AGE: SignedDuration = SignedDuration::from_hours(24);

/// What the files of one source say.
#[derive(Debug)]
pub(super) struct Said {
    now: Timestamp,
    pub(super) references: Vec<Reference>,
    pub(super) gaps: Vec<Gap>,
    /// Files that name nothing: a gap, unless the configuration allows it.
    pub(super) empty: Vec<Gap>,
}

/// Reads every file that `patterns` fit, relative to `base`.
pub(super) fn read(patterns: &[String], base: &Path, now: Timestamp) -> Said {
    let mut said = Said {
        now,
        references: Vec::new(),
        gaps: Vec::new(),
        empty: Vec::new(),
    };
    for pattern in patterns {
        match files(pattern, base) {
            Ok(files) => files.iter().for_each(|file| said.read_file(file)),
            Err(why) => said.gaps.push(Gap(why)),
        }
    }
    said
}

/// What a file of this content says: a door for the fuzz targets.
#[cfg(feature = "fuzzing")]
pub(super) fn understood(name: &str, text: &str, now: Timestamp) -> Said {
    let mut said = Said {
        now,
        references: Vec::new(),
        gaps: Vec::new(),
        empty: Vec::new(),
    };
    said.read_text(name, text);
    said
}

fn files(pattern: &str, base: &Path) -> Result<Vec<PathBuf>, String> {
    // Only the pattern may hold wildcards: the folder's name is taken as it is.
    let folder = glob::Pattern::escape(&base.to_string_lossy());
    let full = if Path::new(pattern).is_absolute() {
        pattern.to_owned()
    } else {
        format!("{folder}/{pattern}")
    };
    let paths = glob::glob(&full).map_err(|error| format!("`{pattern}` is no pattern for files: {error}"))?;
    let files: Vec<PathBuf> = paths
        .collect::<Result<_, _>>()
        .map_err(|error| format!("`{pattern}` could not be looked up: {error}"))?;
    if files.is_empty() {
        Err(format!("no file fits `{pattern}`"))
    } else {
        Ok(files)
    }
}

impl Said {
    fn read_file(&mut self, path: &Path) {
        let name = path.display();
        match contents(path) {
            Ok(text) => self.read_text(&name.to_string(), &text),
            Err(why) => self.gaps.push(Gap(format!("{name}: {why}"))),
        }
    }

    fn read_text(&mut self, name: &str, text: &str) {
        if text.trim_start().starts_with('{') {
            self.read_form(name, text);
        } else {
            self.read_list(name, text);
        }
    }

    /// The usage form; its sources are taken together.
    fn read_form(&mut self, name: &str, text: &str) {
        let usage: Usage = match serde_json::from_str(text) {
            Ok(usage) => usage,
            Err(error) => {
                let error = InvalidJson::from(error);
                return self.gaps.push(Gap(format!("{name}: not in the usage form: {error}")));
            }
        };
        let age = self.now.duration_since(usage.taken_at);
        if age > MAX_FORM_AGE || -age > MAX_FORM_AGE {
            self.gaps.push(Gap(format!(
                "{name}: it was taken at {}, and tells nothing of today",
                usage.taken_at
            )));
        }
        let before = self.references.len();
        for source in usage.sources {
            if source.status == SourceStatus::Partial && source.gaps.is_empty() {
                self.gaps
                    .push(Gap(format!("{name}: source {} is partial", source.name)));
            }
            self.gaps.extend(
                source
                    .gaps
                    .iter()
                    .map(|gap| Gap(format!("{name}: source {}: {gap}", source.name))),
            );
            self.references
                .extend(source.references.into_iter().map(|reference| Reference {
                    // What was in use when the form was made counts as in use.
                    last_seen_at: reference.last_seen_at.filter(|seen| *seen < usage.taken_at),
                    ..reference
                }));
        }
        if self.references.len() == before {
            self.empty.push(Gap(format!("{name}: it names no image")));
        }
    }

    /// One reference a line; behind a `#` may stand who uses it.
    fn read_list(&mut self, name: &str, text: &str) {
        let mut wrong = 0;
        let before = self.references.len();
        for (number, line) in (1..).zip(text.lines()) {
            let (image, comment) = line.split_once('#').unwrap_or((line, ""));
            let (image, comment) = (image.trim(), legible(comment.trim()));
            if image.is_empty() {
                continue;
            }
            if let Err(error) = image.parse::<ImageReference>()
                && image.parse::<jettison_core::model::Digest>().is_err()
            {
                wrong += 1;
                if wrong <= TOLD_LINES {
                    self.gaps.push(Gap(format!("{name}:{number}: {error}")));
                }
                continue;
            }
            let place = format!("{name}:{number}");
            let used_by = if comment.is_empty() {
                place
            } else {
                format!("{comment} ({place})")
            };
            self.references.push(Reference {
                image: image.to_owned(),
                digest: None,
                used_by,
                last_seen_at: None,
            });
        }
        if wrong > TOLD_LINES {
            self.gaps
                .push(Gap(format!("{name}: and {} more lines", wrong - TOLD_LINES)));
        }
        if wrong == 0 && self.references.len() == before {
            self.empty.push(Gap(format!("{name}: the list is empty")));
        }
    }
}

fn contents(path: &Path) -> Result<String, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    file.take(MAX_FILE_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| error.to_string())?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(format!("larger than {MAX_FILE_BYTES} bytes"));
    }
    let text = String::from_utf8(bytes).map_err(|_| "not UTF-8 text".to_owned())?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(content: &str) -> Said {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.txt"), content).unwrap();
        read(
            &["*.txt".to_owned()],
            folder.path(),
            "2026-01-01T12:00:00Z".parse().unwrap(),
        )
    }

    #[test]
    fn a_list_is_one_reference_a_line() {
        let said = said("\u{feff}# running\nr.io/web:v1\n\n  r.io/api:v2  # twice\r\n");
        let images: Vec<&str> = said
            .references
            .iter()
            .map(|reference| reference.image.as_str())
            .collect();
        assert_eq!(images, ["r.io/web:v1", "r.io/api:v2"]);
        let used_by = &said.references[1].used_by;
        assert!(
            used_by.starts_with("twice (") && used_by.ends_with("a.txt:4)"),
            "{used_by}"
        );
        assert!(said.gaps.is_empty(), "{:?}", said.gaps);
    }

    #[test]
    fn what_cannot_be_understood_is_a_gap() {
        for content in [
            "r.io/web:v1\nnot an image\n",
            "",
            "# nothing\n",
            "{\"schema\":1}",
            "{",
            "r.io/\u{0}",
        ] {
            let said = said(content);
            assert!(!said.gaps.is_empty() || !said.empty.is_empty(), "{content:?}");
        }
        assert!(
            !read(
                &["nothing-*.txt".to_owned()],
                Path::new("/nowhere"),
                Timestamp::UNIX_EPOCH
            )
            .gaps
            .is_empty()
        );
    }

    #[test]
    fn a_form_that_is_old_or_names_nothing_tells_nothing() {
        let form = |taken_at: &str, references: &str| {
            let source = format!(r#"{{"name":"a","status":"complete","references":[{references}]}}"#);
            said(&format!(
                r#"{{"schema":1,"taken_at":"{taken_at}","sources":[{source}]}}"#
            ))
        };
        let web = r#"{"image":"r.io/web:v1"}"#;
        let told = |said: &Said| (said.gaps.len(), said.empty.len());
        assert_eq!(told(&form("2026-01-01T00:00:00Z", web)), (0, 0));
        assert_eq!(told(&form("2025-12-31T11:59:59Z", web)), (1, 0));
        assert_eq!(told(&form("2026-01-02T12:00:01Z", web)), (1, 0));
        assert_eq!(told(&form("2026-01-01T00:00:00Z", "")), (0, 1));
    }

    #[test]
    fn a_partial_form_stays_partial() {
        let form = r#"{"schema":1,"taken_at":"2026-01-01T00:00:00Z","sources":[{"name":"a","status":"partial",
            "references":[{"image":"r.io/web:v1","last_seen_at":"2025-12-30T00:00:00Z"},{"image":"r.io/web:v2","last_seen_at":"2026-01-01T00:00:00Z"}]}]}"#;
        let said = said(form);
        assert_eq!(said.gaps.len(), 1);
        assert!(said.references[0].last_seen_at.is_some());
        assert_eq!(said.references[1].last_seen_at, None);
    }
}
