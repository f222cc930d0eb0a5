//! The digest in what a runtime reports as `imageID`.
//!
//! Only the digest is taken. The repository in front of it may be any that has the same image, so nobody may believe it.

use jettison_core::model::{Digest, ImageReference};

/// What an `imageID` tells.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Running {
    /// Nothing (yet): the container waits, or the runtime does not say.
    Unknown,
    /// This digest, of an index, a manifest or a config.
    Digest(Digest),
    /// Something that is no image, or in no form that any runtime has.
    Garbled,
}

/// The forms of the runtimes: `docker-pullable://repository@sha256:…`, `docker://sha256:…`, `repository@sha256:…`,
/// `sha256:…`, bare hex, a plain name, and nothing.
pub(super) fn running(image_id: &str) -> Running {
    let (scheme, name) = image_id.split_once("://").unwrap_or(("", image_id));
    let last = name.rsplit_once('@').map_or(name, |(_, digest)| digest);
    if last.is_empty() && last.len() == name.len() {
        return Running::Unknown;
    }
    if let Ok(digest) = last.parse().or_else(|_| format!("sha256:{last}").parse()) {
        return Running::Digest(digest);
    }
    // Behind a scheme stands a digest: what stands there instead may be anything.
    match name.parse::<ImageReference>() {
        Ok(_) if scheme.is_empty() => Running::Unknown,
        _ => Running::Garbled,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_found_in_every_form() {
        let digest = Digest::of(b"x");
        let hex = digest.hex();
        for form in [
            format!("docker-pullable://registry.example.com/web@sha256:{hex}"),
            format!("docker-pullable://registry.example.com:5000/web:v1@sha256:{hex}"),
            format!("docker://sha256:{hex}"),
            format!("registry.example.com/web@sha256:{hex}"),
            format!("Any Thing@at@sha256:{hex}"),
            format!("sha256:{hex}"),
            hex.clone(),
        ] {
            assert_eq!(running(&form), Running::Digest(digest.clone()), "{form}");
        }
    }

    #[test]
    fn without_a_digest_nothing_is_known_and_nonsense_is_told() {
        for form in ["", "docker://", "registry.example.com/web:v1", "web"] {
            assert_eq!(running(form), Running::Unknown, "{form}");
        }
        for form in [
            "no image",
            "web@sha256:12",
            "web@",
            "docker://web@",
            "weird://thing",
            "docker://web:v1",
        ] {
            assert_eq!(running(form), Running::Garbled, "{form}");
        }
    }
}
