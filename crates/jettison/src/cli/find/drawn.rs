//! What was found, for people.

use jettison_core::find::{Found, FoundImage, Use, most_in_the_way};
use jettison_core::model::{Kind, Usage};

use crate::output::text::{ago, bytes, count, moment, number};
use crate::output::{Console, hanging, image_name, style, styled};

/// Users and tags that are named of each image.
const NAMED: usize = 2;

/// The images, and what is worth knowing of those that are not there.
pub(super) fn draw(found: &Found, usage: Option<&Usage>, console: &Console) -> String {
    let width = console.line_width();
    let images = found.images.iter().map(|image| {
        let name = image_name(
            &image.repository,
            image.tags.first().map(ToString::to_string),
            &image.digest,
        );
        let name = styled(style::HEADING, format!("{}/{name}", image.registry));
        format!("{name}\n{}", hanging("  ", &told(image, found, console.verbose), width))
    });
    let remarks = remarks(found, usage).into_iter();
    let remarks = remarks.map(|(label, text)| hanging(&format!("{} ", styled(style::HEADING, label)), &text, width));
    images.chain(remarks).collect::<Vec<_>>().join("\n")
}

/// Who uses it first: that is what tells the image that is meant from the others.
fn told(image: &FoundImage, found: &Found, all: bool) -> String {
    let since = |time| ago(time, found.now);
    let users = || some_of(&image.used_by, all);
    let mut told = vec![match image.used {
        Use::Now => format!("in use: {}", users()),
        Use::Lately => format!("lately in use: {}", users()),
        Use::Unknown => "use not known".to_owned(),
        Use::No => "not in use".to_owned(),
    }];
    told.push(
        image
            .time
            .map_or_else(|| "age not known".to_owned(), |time| format!("arrived {}", since(time))),
    );
    let size = bytes(image.bytes);
    told.push(if image.at_least {
        format!("{size} at least")
    } else {
        size
    });
    if image.kind != Kind::Image {
        told.push(image.kind.to_string());
    }
    told.extend(image.last_pulled_at.map(|time| format!("pulled {}", since(time))));
    told.extend(image.archived_at.map(|time| format!("archived {}", since(time))));
    let others: Vec<String> = image.tags.iter().skip(1).map(ToString::to_string).collect();
    if !others.is_empty() {
        told.push(format!("also {}", some_of(&others, all)));
    }
    told.join("; ")
}

/// The first few, and how many more there are.
fn some_of(names: &[String], all: bool) -> String {
    let shown = if all { names.len() } else { NAMED };
    let first = names.iter().take(shown).cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(shown) {
        0 => first,
        more => format!("{first} and {} more", number(more as u64)),
    }
}

fn remarks(found: &Found, usage: Option<&Usage>) -> Vec<(&'static str, String)> {
    let among = format!(
        "{} of {}",
        count(found.looked_at, "image"),
        count(found.repositories, "repository")
    );
    let mut remarks = Vec::new();
    let shown = found.images.len() as u64;
    remarks.push(match found.found {
        0 => (
            "nothing found",
            format!("among {among}, read {}", moment(found.taken_at)),
        ),
        all if all > shown => {
            let more = number(all - shown);
            (
                "found",
                format!(
                    "{} among {among}; {more} more: --verbose, or --limit NUMBER",
                    number(all)
                ),
            )
        }
        all => ("found", format!("{} among {among}", number(all))),
    });
    if found.found == 0 {
        remarks.extend(hint(found).map(|hint| ("hint:", hint)));
    }
    if found.unknown > 0 {
        remarks.push(("not known:", not_known(found, usage)));
    }
    remarks
}

/// What to leave away.
fn hint(found: &Found) -> Option<String> {
    if let Some(term) = most_in_the_way(found).filter(|_| found.terms.len() > 1) {
        return Some(format!("without {} there would be {}", term.term, number(term.without)));
    }
    let rarest = found.terms.iter().min_by_key(|term| term.fits)?;
    Some(match rarest.fits {
        0 => format!("no image fits {}", rarest.term),
        fits => format!(
            "{} fits only {}; no image fits all terms",
            rarest.term,
            count(fits, "image")
        ),
    })
}

fn not_known(found: &Found, usage: Option<&Usage>) -> String {
    let terms = found.terms.iter().filter(|term| term.unknown > 0);
    let terms: Vec<&str> = terms.map(|term| term.term.as_str()).collect();
    let nobody = match usage {
        None => "; nobody was asked what is in use: configure `usage`, or give --usage FILE",
        Some(_) => "",
    };
    format!(
        "{} may fit too: what {} asks about is not known of them{nobody}",
        count(found.unknown, "image"),
        terms.join(", ")
    )
}
