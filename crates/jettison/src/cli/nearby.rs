//! An image that nobody knows: names that may have been meant.

use jettison_core::model::ImageReference;

use super::failure::Failure;
use crate::store::{KnownTag, Store};

/// Names that are offered.
const OFFERED: usize = 3;

/// Names that differ more were not meant.
const LIKENESS: f64 = 0.6;

/// The failure to know `image`, written as `text`; with what may have been meant.
pub(crate) async fn unknown(store: &Store, image: &ImageReference, text: &str) -> Result<Failure, Failure> {
    let known = store.known_tags().await?;
    let mut lines = format!("no scan, no plan and no run knows {image}");
    if !text.starts_with(image.registry.as_str()) && image.registry.as_str() == "docker.io" {
        lines.push_str(" (an image without a host is one of docker.io: write HOST[:PORT]/REPOSITORY)");
    }
    match nearest(image, &known).as_slice() {
        [] => lines.push_str(&format!(
            "; see what is there: jettison plan {}/{}",
            image.registry, image.repository
        )),
        near => lines.push_str(&format!("; did you mean {}?", near.join(" or "))),
    }
    Ok(Failure::usage(lines))
}

/// The same image on another registry, else the nearest tags of its repository, else those of the nearest repository.
fn nearest(image: &ImageReference, known: &[KnownTag]) -> Vec<String> {
    let tag = image.effective_tag();
    let tag = tag.as_ref().map_or("", |tag| tag.as_str());
    let path = written_path(image);
    let likest = |score: &dyn Fn(&KnownTag) -> f64| {
        let mut scored: Vec<(f64, &KnownTag)> = known.iter().map(|known| (score(known), known)).collect();
        scored.retain(|(score, _)| *score >= LIKENESS);
        // Stable: of equals the first in order.
        scored.sort_by(|left, right| right.0.total_cmp(&left.0));
        scored
    };
    let same_path = |known: &KnownTag| known.repository.as_str() == path;
    let in_it = likest(&|known| match same_path(known) {
        true => strsim::normalized_damerau_levenshtein(known.tag.as_str(), tag),
        false => 0.0,
    });
    if known.iter().any(same_path) && in_it.is_empty() {
        return Vec::new();
    }
    let scored = match in_it.is_empty() {
        false => in_it,
        true => likest(&|known| {
            // The repository says more than the tag, which only chooses among its own.
            let repository = strsim::normalized_damerau_levenshtein(known.repository.as_str(), &path);
            if repository < LIKENESS {
                return 0.0;
            }
            repository + strsim::normalized_damerau_levenshtein(known.tag.as_str(), tag) / 10.0
        }),
    };
    scored
        .into_iter()
        .take(OFFERED)
        .map(|(_, known)| format!("{}/{}:{}", known.registry, known.repository, known.tag))
        .collect()
}

/// The repository as it was written: engines put `library/` before a single part.
fn written_path(image: &ImageReference) -> String {
    let path = image.repository.as_str();
    match image.registry.as_str() {
        "docker.io" => path.strip_prefix("library/").unwrap_or(path),
        _ => path,
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_that_may_have_been_meant_are_offered() {
        let known: Vec<KnownTag> = [
            "apps/api:v1",
            "apps/web:latest",
            "apps/web:main-1",
            "apps/web:main-2",
            "tools:x",
        ]
        .iter()
        .map(|name| {
            let image: ImageReference = format!("r.example.com/{name}").parse().unwrap();
            KnownTag {
                registry: image.registry,
                repository: image.repository,
                tag: image.tag.unwrap(),
            }
        })
        .collect();
        let table: [(&str, &[&str]); 7] = [
            ("apps/web:main-1", &["apps/web:main-1", "apps/web:main-2"]),
            ("r.example.com/apps/web:mian-1", &["apps/web:main-1", "apps/web:main-2"]),
            (
                "r.example.com/apps/wbe:main-2",
                &["apps/web:main-2", "apps/web:main-1", "apps/web:latest"],
            ),
            ("other.example.com/apps/api:v1", &["apps/api:v1"]),
            ("tools:x", &["tools:x"]),
            ("r.example.com/apps/web:0123456789", &[]),
            ("r.example.com/nothing/like/it:main-1", &[]),
        ];
        for (text, expected) in table {
            let found = nearest(&text.parse().unwrap(), &known);
            let expected: Vec<String> = expected.iter().map(|name| format!("r.example.com/{name}")).collect();
            assert_eq!(found, expected, "{text}");
        }
    }
}
