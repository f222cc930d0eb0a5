//! The company's applications, and how each is built.

/// One application: one repository.
#[derive(Debug)]
pub(super) struct Application {
    pub(super) repository: &'static str,
    /// Its part of all images, in percent.
    pub(super) share: usize,
    pub(super) platforms: Platforms,
    pub(super) format: Format,
    pub(super) dated: Dated,
    pub(super) signed: Signed,
    /// Who runs it, and how that one names it.
    pub(super) runs: (&'static str, NamedBy),
}

/// For what an application is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Platforms {
    /// linux/amd64
    One,
    /// Two platforms for releases.
    TwoForReleases,
    /// Two platforms always, with attestations.
    Two,
}

/// The media types that its builder writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Oci,
    Docker,
}

/// What its builder writes as `created`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dated {
    /// The time of the build.
    Truly,
    /// 1970, as jib and ko do.
    Epoch,
    /// 1980, as Cloud Native Buildpacks do.
    Buildpacks,
}

/// What is signed, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signed {
    Nothing,
    /// With cosign, under tags.
    Releases,
    /// The trunk as well.
    ReleasesAndMain,
    /// With Sigstore bundles that have a subject.
    ReleasesByReferrer,
}

/// How something that runs names its image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NamedBy {
    Tag,
    /// The digest of what was pushed.
    Digest,
    /// The digest of the last platform's image.
    ChildDigest,
    /// The digest of the config, as container engines report it.
    ConfigDigest,
}

/// The applications; the shares add up to 100.
pub(super) const APPLICATIONS: [Application; 7] = [
    Application {
        repository: "shop/web",
        share: 28,
        platforms: Platforms::Two,
        format: Format::Oci,
        dated: Dated::Truly,
        signed: Signed::Releases,
        runs: ("Deployment shop/web", NamedBy::Tag),
    },
    Application {
        repository: "shop/api",
        share: 22,
        platforms: Platforms::TwoForReleases,
        format: Format::Oci,
        dated: Dated::Truly,
        signed: Signed::ReleasesAndMain,
        runs: ("Deployment shop/api", NamedBy::ChildDigest),
    },
    Application {
        repository: "shop/worker",
        share: 14,
        platforms: Platforms::One,
        format: Format::Oci,
        dated: Dated::Truly,
        signed: Signed::ReleasesByReferrer,
        runs: ("host worker-1 container worker", NamedBy::ConfigDigest),
    },
    Application {
        repository: "data/etl",
        share: 12,
        platforms: Platforms::TwoForReleases,
        format: Format::Docker,
        dated: Dated::Truly,
        signed: Signed::Nothing,
        runs: ("CronJob data/etl", NamedBy::Tag),
    },
    Application {
        repository: "platform/gateway",
        share: 8,
        platforms: Platforms::Two,
        format: Format::Oci,
        dated: Dated::Truly,
        signed: Signed::ReleasesByReferrer,
        runs: ("DaemonSet platform/gateway", NamedBy::Digest),
    },
    Application {
        repository: "data/reports",
        share: 8,
        platforms: Platforms::One,
        format: Format::Docker,
        dated: Dated::Buildpacks,
        signed: Signed::Nothing,
        runs: ("Deployment data/reports", NamedBy::Tag),
    },
    Application {
        repository: "tools/ci-runner",
        share: 8,
        platforms: Platforms::One,
        format: Format::Oci,
        dated: Dated::Epoch,
        signed: Signed::Nothing,
        runs: ("host ci-1 container runner", NamedBy::Digest),
    },
];

/// The application whose old build is the rollback target.
pub(super) const ROLLBACK: &str = "shop/api";

/// Features that were worked on, some weeks each.
pub(super) const FEATURES: [&str; 10] = [
    "checkout",
    "search",
    "dark-mode",
    "invoices",
    "login-2fa",
    "retry-queue",
    "csv-export",
    "i18n",
    "rate-limit",
    "metrics",
];
