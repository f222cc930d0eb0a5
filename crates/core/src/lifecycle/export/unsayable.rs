//! What AWS has no words for.

use std::fmt;

/// Why a rule of jettison cannot be said, or not wholly, in a lifecycle policy.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unsayable {
    /// It judges each tag by itself.
    EachTag,
    /// It excludes tags.
    ExcludedTags,
    /// It has a glob that is no pattern of AWS.
    Glob(String),
    /// It has regular expressions.
    Regex,
    /// It speaks of some kinds only.
    Kinds,
    /// It speaks of labels.
    Labels,
    /// It speaks of platforms.
    Platforms,
    /// Its moments are not those of pushes.
    Since,
    /// It ranks what it governs, or in groups, or by version.
    Ranking,
    /// It counts what AWS would count differently.
    CountsParts,
    /// It ranks archived images with the others.
    RanksArchived,
    /// `unless`.
    Unless,
    /// `not-pulled-for`.
    Pulls,
    /// `larger-than`.
    Size,
    /// Several conditions have to hold.
    SeveralConditions,
    /// Any of several conditions suffices: one of them is said.
    Alternatives,
    /// A period is no whole number of days, or is shorter than AWS takes: it is rounded up.
    RoundedUp,
    /// It deletes archived images by their push or their rank.
    ArchivedByPush,
    /// A rule before it, of that name, can only be said of so much that nothing is left for this one.
    HiddenBehind(String),
    /// AWS takes so many rules only.
    TooManyRules,
    /// AWS takes so long a text only.
    TooLong,
}

impl Unsayable {
    /// The stable word for it.
    pub fn code(&self) -> &'static str {
        match self {
            Self::EachTag => "each-tag",
            Self::ExcludedTags => "excluded-tags",
            Self::Glob(_) => "glob",
            Self::Regex => "regex",
            Self::Kinds => "kinds",
            Self::Labels => "labels",
            Self::Platforms => "platforms",
            Self::Since => "since",
            Self::Ranking => "ranking",
            Self::CountsParts => "counts-parts",
            Self::RanksArchived => "ranks-archived",
            Self::Unless => "unless",
            Self::Pulls => "pulls",
            Self::Size => "size",
            Self::SeveralConditions => "several-conditions",
            Self::Alternatives => "alternatives",
            Self::RoundedUp => "rounded-up",
            Self::ArchivedByPush => "archived-by-push",
            Self::HiddenBehind(_) => "hidden-behind",
            Self::TooManyRules => "too-many-rules",
            Self::TooLong => "too-long",
        }
    }
}

impl fmt::Display for Unsayable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EachTag => "it judges each tag by itself, and AWS an image by all of its tags: say `image-tags`",
            Self::ExcludedTags => "AWS cannot exclude tags",
            Self::Glob(glob) => return write!(f, "AWS's patterns know stars alone, and four at most: `{glob}`"),
            Self::Regex => "AWS has no regular expressions",
            Self::Kinds => "AWS speaks of manifests of every kind, and this rule of some: list all under `kinds`",
            Self::Labels => "AWS knows no labels",
            Self::Platforms => "AWS knows no platforms",
            Self::Since => "AWS counts from the push alone, and this rule also from its tag and its last lost tag: say `since: push`",
            Self::Ranking => "AWS ranks all that fits by the push alone: say `since: push` and `rank-among: fitting`, without groups and versions",
            Self::CountsParts => "AWS would count children of indexes, signatures and the like, and take more",
            Self::RanksArchived => "AWS does not rank archived images with the others, and takes less: say `archived: false`",
            Self::Unless => "AWS has no `unless`",
            Self::Pulls => "AWS knows no pulls of what an image consists of, and would take more",
            Self::Size => "AWS knows no sizes here",
            Self::SeveralConditions => "AWS takes one condition a rule",
            Self::Alternatives => "AWS takes one condition a rule: the first that can be said stands for all",
            Self::RoundedUp => "AWS takes whole days, one at least, and 90 in the archive: it is rounded up",
            Self::ArchivedByPush => "AWS deletes archived images by their time in the archive alone",
            Self::HiddenBehind(earlier) => {
                return write!(f, "rule `{earlier}` before it can only be said of so many images that none is left");
            }
            Self::TooManyRules => "AWS takes 50 rules at most",
            Self::TooLong => "AWS takes 30720 characters at most",
        })
    }
}
