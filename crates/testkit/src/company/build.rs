//! Builds one image of an application: shared layers below, its own on top, and what hangs on it.

use std::collections::HashMap;

use jiff::Timestamp;

use super::applications::{Application, Dated, Format, Platforms, Signed};
use super::{Attached, Occasion};
use crate::images::{
    Attestation, Blob, Cosign, Image, Index, Manifest, attestation, cosign, cosign_tag, sigstore_bundle,
};
use crate::random::Random;

/// 2026-07-27T00:00:00Z, when BuildKit 0.32 made the new attestations its default.
const NEW_ATTESTATIONS: i64 = 1_785_110_400;
const DAY: i64 = 86_400;

/// Makes images and remembers the layers they share.
#[derive(Debug)]
pub(super) struct Builder {
    random: Random,
    shared: HashMap<(u64, usize), Blob>,
}

/// What is to be built.
#[derive(Debug, Clone, Copy)]
pub(super) struct Order<'a> {
    pub(super) application: &'a Application,
    pub(super) occasion: Occasion,
    pub(super) at: Timestamp,
    pub(super) commit: &'a str,
}

impl Builder {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            random: Random::new(seed),
            shared: HashMap::new(),
        }
    }

    pub(super) fn build(&mut self, order: &Order<'_>) -> Manifest {
        let platforms: &[&str] = match (order.application.platforms, order.occasion) {
            (Platforms::Two, _) | (Platforms::TwoForReleases, Occasion::Release) => &["linux/amd64", "linux/arm64"],
            (Platforms::One | Platforms::TwoForReleases, _) => &["linux/amd64"],
        };
        let mut images: Vec<Manifest> = platforms.iter().map(|platform| self.image(order, platform)).collect();
        if images.len() == 1
            && let Some(image) = images.pop()
        {
            return image;
        }
        index(order, images)
    }

    fn image(&mut self, order: &Order<'_>, platform: &str) -> Manifest {
        let built = order.at.as_second() - i64::try_from(self.random.below(300)).unwrap_or(0);
        let created = match order.application.dated {
            Dated::Truly => Timestamp::from_second(built).unwrap_or(order.at).to_string(),
            Dated::Epoch => "1970-01-01T00:00:00Z".to_owned(),
            Dated::Buildpacks => "1980-01-01T00:00:01Z".to_owned(),
        };
        let image = Image::new(self.random.next()).platform(platform).created(&created);
        let source = format!("https://git.example.com/{}", order.application.repository);
        let image = image
            .label("org.opencontainers.image.source", &source)
            .label("org.opencontainers.image.revision", order.commit);
        let image = match order.application.dated {
            Dated::Buildpacks => image.label("io.buildpacks.lifecycle.metadata", "{}"),
            Dated::Truly | Dated::Epoch => image,
        };
        let image = match order.application.format {
            Format::Docker => image.docker(),
            Format::Oci => image,
        };
        let image = self.below(order, platform).into_iter().fold(image, Image::layer);
        image.layers(&self.own()).build()
    }

    /// The company's base changes every two months, the runtime every month, the dependencies every week.
    fn below(&mut self, order: &Order<'_>, platform: &str) -> Vec<Blob> {
        let day = order.at.as_second().div_euclid(DAY);
        let repository = order.application.repository;
        vec![
            self.share(&format!("base {platform} {}", day / 60), 24 << 10, 64 << 10),
            self.share(
                &format!("runtime {repository} {platform} {}", day / 30),
                8 << 10,
                24 << 10,
            ),
            self.share(
                &format!("dependencies {repository} {platform} {}", day / 7),
                2 << 10,
                8 << 10,
            ),
        ]
    }

    fn share(&mut self, name: &str, least: u64, most: u64) -> Blob {
        // FNV-1a: the same name is the same layer.
        let fold = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        let seed = name.bytes().fold(0xcbf2_9ce4_8422_2325, fold);
        let size = usize::try_from(Random::new(seed).between(least, most)).unwrap_or(0);
        self.shared
            .entry((seed, size))
            .or_insert_with(|| Blob::random(seed, size))
            .clone()
    }

    /// One or two layers of its own.
    fn own(&mut self) -> Vec<usize> {
        let count = self.random.between(1, 3);
        (0..count)
            .map(|_| usize::try_from(self.random.between(200, 1500)).unwrap_or(200))
            .collect()
    }
}

fn index(order: &Order<'_>, images: Vec<Manifest>) -> Manifest {
    if order.application.format == Format::Docker {
        return Index::new().docker().children(images).build();
    }
    let form = match order.at.as_second() < NEW_ATTESTATIONS {
        true => Attestation::AsImage,
        false => Attestation::AsArtifact,
    };
    let attestations: Vec<Manifest> = images.iter().map(|image| attestation(image, form)).collect();
    Index::new().children(images).children(attestations).build()
}

/// What is attached to the finished image.
pub(super) fn attached(order: &Order<'_>, manifest: &Manifest) -> Vec<Attached> {
    let signs = match (order.application.signed, order.occasion) {
        (Signed::Nothing, _) => false,
        (Signed::ReleasesAndMain, Occasion::Main) | (_, Occasion::Release) => true,
        _ => false,
    };
    if !signs {
        return Vec::new();
    }
    let (tag, manifest) = match order.application.signed {
        Signed::ReleasesByReferrer => (None, sigstore_bundle(manifest, &order.at.to_string())),
        _ => {
            let tag = cosign_tag(&manifest.digest, Cosign::Signature);
            (Some(tag), cosign(&manifest.digest, Cosign::Signature))
        }
    };
    vec![Attached { tag, manifest }]
}
