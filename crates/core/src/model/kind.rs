//! What a manifest is for.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a manifest is for; rules speak of one or more kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Something a container engine runs, for one platform or several.
    Image,
    /// A build cache of BuildKit, Kaniko or buildpacks.
    BuildCache,
    /// A Helm chart.
    Chart,
    /// Anything else: signatures, attestations, SBOMs, models, files.
    Artifact,
    /// Whatever it was, it is attached to a subject that is gone. Found by the evaluation, never by a scan.
    Orphan,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::Image, Self::BuildCache, Self::Chart, Self::Artifact, Self::Orphan];

    /// The word used in policies and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::BuildCache => "build-cache",
            Self::Chart => "chart",
            Self::Artifact => "artifact",
            Self::Orphan => "orphan",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
