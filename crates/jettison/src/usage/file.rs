//! Usage from files: plain lists of image references, or the usage form of `jettison usage --out`.
//!
//! A file that cannot be read or understood makes the source partial; nothing in it is skipped in silence, and what can be
//! understood of it counts.

use std::borrow::Cow;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use jettison_core::model::{InvalidJson, Reference, SourceStatus, Usage, legible};
use jiff::SignedDuration;

use super::said::{Said, understood};

/// A larger file is no list of images that somebody runs.
pub(super) const LARGEST_BYTES: u64 = 256 * 1024 * 1024;

/// Lines that are told one by one when they cannot be understood.
const TOLD_LINES: usize = 10;

/// What some programs write in front of a text to say that it is UTF-8.
const MARK: &str = "\u{feff}";

/// An older form tells what ran once.
const MAX_FORM_AGE: SignedDuration = SignedDuration::from_hours(24);

/// Reads every file that `patterns` fit, relative to `base`.
pub(super) fn read(patterns: &[String], base: &Path, said: &mut Said) {
    for_each(patterns, base, said, |path, said| read_file(path, LARGEST_BYTES, said));
}

/// Hands on the path of every file that `patterns` fit, relative to `base`. That none fits is a gap.
pub(super) fn for_each(patterns: &[String], base: &Path, said: &mut Said, mut read: impl FnMut(&Path, &mut Said)) {
    for pattern in patterns {
        let files = match files(pattern, base) {
            Ok(files) => files,
            Err(why) => {
                said.gap(why);
                continue;
            }
        };
        for file in files {
            read(&file, said);
        }
    }
}

fn read_file(path: &Path, most: u64, said: &mut Said) {
    let (name, mut bytes) = (name(path), Vec::new());
    let read = read_into(&mut bytes, path, most);
    if let Err(why) = &read {
        said.gap(format!("{name}: {why}"));
    }
    read_bytes(&name, &bytes, read.is_ok(), said);
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

/// What bytes say: all there are, or as many as could be had. Then the last line may be half of another one, and does not
/// count. Bytes that are no text spoil their line, and are a gap.
pub(super) fn read_bytes(name: &str, bytes: &[u8], is_whole: bool, said: &mut Said) {
    let bytes = bytes.strip_prefix(MARK.as_bytes()).unwrap_or(bytes);
    let lines = memchr::memrchr(b'\n', bytes).map_or(0, |end| end + 1);
    let counts = match is_whole || is_form(bytes) {
        true => bytes,
        false if lines == 0 => return,
        false => &bytes[..lines],
    };
    let text = String::from_utf8_lossy(counts);
    if let Cow::Owned(_) = &text {
        said.gap(format!("{name}: not UTF-8 text; what can be understood of it counts"));
    }
    read_text(name, &text, said);
}

fn is_form(bytes: &[u8]) -> bool {
    bytes.trim_ascii_start().starts_with(b"{")
}

/// What a text says: the usage form, or else a list.
pub(super) fn read_text(name: &str, text: &str, said: &mut Said) {
    if is_form(text.as_bytes()) {
        read_form(name, text, said);
    } else {
        read_list(name, text, said);
    }
}

/// The usage form; its sources are taken together.
fn read_form(name: &str, text: &str, said: &mut Said) {
    let usage: Usage = match serde_json::from_str(text) {
        Ok(usage) => usage,
        Err(error) => {
            let error = InvalidJson::from(error);
            return said.gap(format!("{name}: not in the usage form: {error}"));
        }
    };
    let age = said.now.duration_since(usage.taken_at);
    if age > MAX_FORM_AGE || -age > MAX_FORM_AGE {
        said.gap(format!(
            "{name}: it was taken at {}, and tells nothing of today",
            usage.taken_at
        ));
    }
    let before = said.len();
    for source in usage.sources {
        if source.status == SourceStatus::Partial && source.gaps.is_empty() {
            said.gap(format!("{name}: source {} is partial", source.name));
        }
        for gap in &source.gaps {
            said.gap(format!("{name}: source {}: {gap}", source.name));
        }
        for reference in source.references {
            said.refers(Reference {
                // What was in use when the form was made counts as in use.
                last_seen_at: reference.over_since(usage.taken_at),
                ..reference
            });
        }
    }
    if said.len() == before {
        said.is_empty_because(format!("{name}: it names no image"));
    }
}

/// One reference a line; behind a `#` may stand who uses it.
fn read_list(name: &str, text: &str, said: &mut Said) {
    let mut wrong = 0;
    let before = said.len();
    for (number, line) in (1..).zip(text.lines()) {
        let (image, comment) = line.split_once('#').unwrap_or((line, ""));
        let (image, comment) = (image.trim(), legible(comment.trim()));
        if image.is_empty() {
            continue;
        }
        if let Err(why) = understood(image) {
            if said.ignores(image) {
                continue;
            }
            wrong += 1;
            if wrong <= TOLD_LINES {
                said.gap(format!("{name}:{number}: {why}"));
            }
            continue;
        }
        let place = format!("{name}:{number}");
        let used_by = if comment.is_empty() {
            place
        } else {
            format!("{comment} ({place})")
        };
        said.refers(Reference {
            image: image.to_owned(),
            digest: None,
            used_by,
            last_seen_at: None,
        });
    }
    if wrong > TOLD_LINES {
        said.gap(format!("{name}: and {} more lines", wrong - TOLD_LINES));
    }
    if wrong == 0 && said.len() == before {
        said.is_empty_because(format!("{name}: the list is empty"));
    }
}

/// A file, for people.
pub(super) fn name(path: &Path) -> String {
    legible(&path.display().to_string())
}

/// The text of a file of at most so many bytes, or why there is none.
pub(super) fn contents(path: &Path, most: u64) -> Result<String, String> {
    let mut bytes = Vec::new();
    read_into(&mut bytes, path, most)?;
    let text = String::from_utf8(bytes).map_err(|_| "not UTF-8 text".to_owned())?;
    Ok(text.strip_prefix(MARK).map(str::to_owned).unwrap_or(text))
}

/// Reads a file into `bytes`: all of it, or else as much as can be had, and why there is no more.
fn read_into(bytes: &mut Vec<u8>, path: &Path, most: u64) -> Result<(), String> {
    let told = |error: std::io::Error| error.to_string();
    // A pipe would be waited for without an end.
    if !fs::metadata(path).map_err(told)?.is_file() {
        return Err("it is no plain file".to_owned());
    }
    let file = File::open(path).map_err(told)?;
    file.take(most + 1).read_to_end(bytes).map_err(told)?;
    match bytes.len() as u64 > most {
        true => Err(format!("larger than {most} bytes")),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use jiff::Timestamp;

    use super::*;

    /// References, and gaps.
    fn said(content: impl AsRef<[u8]>) -> (Vec<Reference>, usize) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.txt"), content).unwrap();
        read_of("*.txt", folder.path())
    }

    fn read_of(pattern: &str, folder: &Path) -> (Vec<Reference>, usize) {
        let mut said = Said::new("2026-01-01T12:00:00Z".parse().unwrap(), &BTreeSet::new());
        read(&[pattern.to_owned()], folder, &mut said);
        let (references, gaps) = said.finish(false);
        (references, gaps.len())
    }

    #[test]
    fn a_list_is_one_reference_a_line() {
        let (references, gaps) = said("\u{feff}# running\nr.io/web:v1\n\n  r.io/api:v2  # twice\r\n");
        assert_eq!(images(&references), ["r.io/web:v1", "r.io/api:v2"]);
        let used_by = &references[1].used_by;
        assert!(
            used_by.starts_with("twice (") && used_by.ends_with("a.txt:4)"),
            "{used_by}"
        );
        assert_eq!(gaps, 0);
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
            assert!(said(content).1 > 0, "{content:?}");
        }
        assert!(read_of("nothing-*.txt", Path::new("/nowhere")).1 > 0);
        let many = "no image\n".repeat(TOLD_LINES);
        assert_eq!(said(&many).1, TOLD_LINES);
        assert_eq!(said(many.repeat(2)).1, TOLD_LINES + 1);
    }

    #[test]
    fn only_what_cannot_be_understood_is_ignored() {
        let ignored = ["r.io/web:v1", "aecf7d781119", "no image"].map(str::to_owned);
        let mut said = Said::new("2026-01-01T12:00:00Z".parse().unwrap(), &ignored.into());
        read_text("list", "r.io/web:v1\naecf7d781119\nno image\n", &mut said);
        let (references, gaps) = said.finish(false);
        let images: Vec<&str> = references.iter().map(|reference| reference.image.as_str()).collect();
        assert_eq!((images, gaps), (vec!["r.io/web:v1"], Vec::new()));
        // A short id names nothing that anybody could find.
        assert_eq!(self::said("aecf7d781119\nsha256:aecf7d781119\n").1, 2);
    }

    #[test]
    fn what_is_no_plain_file_or_too_large_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.unwrap().success());
        for path in [folder.path(), &pipe, Path::new("/dev/zero")] {
            assert_eq!(contents(path, 10).unwrap_err(), "it is no plain file", "{path:?}");
        }
        assert_eq!(read_of("pip*", folder.path()), (Vec::new(), 1));
        let file = folder.path().join("file");
        std::fs::write(&file, "0123456789").unwrap();
        assert_eq!(contents(&file, 10).unwrap(), "0123456789");
        assert_eq!(contents(&file, 9).unwrap_err(), "larger than 9 bytes");
    }

    fn images(references: &[Reference]) -> Vec<&str> {
        references.iter().map(|reference| reference.image.as_str()).collect()
    }

    /// Latin-1, as an old editor saves it.
    #[test]
    fn of_what_is_no_text_the_lines_that_can_be_understood_count() {
        let (references, gaps) = said(b"r.io/web:v1  # caf\xe9\nr.io/\xe9:v1\nr.io/api:v2\n");
        assert_eq!((images(&references), gaps), (vec!["r.io/web:v1", "r.io/api:v2"], 2));
        let mut form = br#"{"schema":1,"taken_at":"2026-01-01T00:00:00Z","sources":[{"name":"a","status":"complete",
            "references":[{"image":"r.io/web:v1","used_by":"cafe"}]}]}"#
            .to_vec();
        let place = form.len() - "e\"}]}]}".len();
        assert_eq!(std::mem::replace(&mut form[place], 0xe9), b'e');
        let (references, gaps) = said(form);
        assert_eq!((images(&references), gaps), (vec!["r.io/web:v1"], 1));
    }

    #[test]
    fn of_a_file_that_is_too_large_the_whole_lines_at_its_begin_count() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        let text = "r.io/web:v1\nr.io/api:v25\n";
        std::fs::write(&file, text).unwrap();
        let read = |most: usize| {
            let mut said = Said::new(Timestamp::UNIX_EPOCH, &BTreeSet::new());
            read_file(&file, most as u64, &mut said);
            let (references, gaps) = said.finish(false);
            (references.len(), gaps.len())
        };
        assert_eq!(read(text.len()), (2, 0));
        assert_eq!(read(text.len() - 3), (1, 1));
        assert_eq!(read(5), (0, 1));
    }

    #[test]
    fn a_form_that_is_old_or_names_nothing_tells_nothing() {
        let form = |taken_at: &str, references: &str| {
            let source = format!(r#"{{"name":"a","status":"complete","references":[{references}]}}"#);
            said(format!(
                r#"{{"schema":1,"taken_at":"{taken_at}","sources":[{source}]}}"#
            ))
        };
        let web = r#"{"image":"r.io/web:v1"}"#;
        let told = |(references, gaps): &(Vec<Reference>, usize)| (references.len(), *gaps);
        assert_eq!(told(&form("2026-01-01T00:00:00Z", web)), (1, 0));
        assert_eq!(told(&form("2025-12-31T11:59:59Z", web)), (1, 1));
        assert_eq!(told(&form("2026-01-02T12:00:01Z", web)), (1, 1));
        assert_eq!(told(&form("2026-01-01T00:00:00Z", "")), (0, 1));
    }

    #[test]
    fn a_partial_form_stays_partial() {
        let form = r#"{"schema":1,"taken_at":"2026-01-01T00:00:00Z","sources":[{"name":"a","status":"partial",
            "references":[{"image":"r.io/web:v1","last_seen_at":"2025-12-30T00:00:00Z"},{"image":"r.io/web:v2","last_seen_at":"2026-01-01T00:00:00Z"}]}]}"#;
        let (references, gaps) = said(form);
        assert_eq!(gaps, 1);
        assert!(references[0].last_seen_at.is_some());
        assert_eq!(references[1].last_seen_at, None);
        let with_gaps = |status: &str| form.replace(r#""partial","#, &format!(r#""{status}","gaps":["a","b"],"#));
        for status in ["partial", "complete"] {
            assert_eq!(said(with_gaps(status)).1, 2, "{status}");
        }
    }
}
