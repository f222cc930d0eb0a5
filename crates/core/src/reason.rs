//! Why something stays or goes: one enum, used in verdicts, plans, the journal and every report.
//!
//! A reason names its rule or its hold and carries the evidence, so that it can be checked without
//! running anything again (law 5).

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::{Digest, Tag};
pub use crate::ruling::{Finding, Ruling};

/// Why an entry stays, goes, or cannot go. `code` is the stable name of each (design, section 8).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "kebab-case")]
pub enum Reason {
    /// A rule expires it.
    Expired(Ruling),
    /// It goes along with something that is deleted.
    Follows {
        /// The root it goes along with.
        root: Digest,
        /// How it belongs to it.
        relation: Relation,
    },
    /// A rule says that it always stays.
    KeepAlways(Ruling),
    /// A rule governs it, and none of the rule's conditions holds.
    NotExpired(Ruling),
    /// A rule would expire it, but it is the newest of a calendar bucket that the rule keeps.
    Unless(Ruling),
    /// A rule archives it, and it is archived already.
    Archived(Ruling),
    /// No rule fits it.
    NoRule {
        /// The policy that governs the repository, if one does.
        policy: Option<Arc<str>>,
    },
    /// Something holds it, whatever the rules say.
    Hold {
        /// The strongest hold; the first in the order of [`Hold`].
        hold: Hold,
        /// Who uses it, for the holds that come from use.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        used_by: Vec<String>,
        /// The evidence, in plain words.
        because: String,
        /// Other holds on it.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        also: Vec<Hold>,
    },
    /// A rule expires it, but something that stays needs it.
    Needed {
        /// What needs it. Boxed, as few entries have it and all reserve the room.
        by: Box<Digest>,
        /// How `by` is related to it.
        relation: Relation,
        /// The rule that would expire it.
        #[serde(flatten)]
        ruling: Ruling,
    },
    /// A rule expires it, but it is among the newest images of its repository, which never go.
    KeepAtLeast {
        /// How many never go (`limits.keep-at-least`).
        limit: u64,
        /// The rule that would expire it.
        #[serde(flatten)]
        ruling: Ruling,
    },
    /// A rule expires this tag, but other tags of the same image stay.
    SharesImage {
        /// Tags that stay, the first hundred of them.
        with: Arc<[Tag]>,
        /// The rule that would expire it.
        #[serde(flatten)]
        ruling: Ruling,
    },
    /// A rule expires it; it waits for a later run (`limits.max-deletions`).
    Brake {
        /// How many roots one run may delete.
        limit: u64,
        /// The rule that expires it.
        #[serde(flatten)]
        ruling: Ruling,
    },
    /// A rule expires this tag, but the registry cannot remove it without the image.
    CannotUntag {
        /// The rule that expires it.
        #[serde(flatten)]
        ruling: Ruling,
    },
    /// A rule expires it, but the registry has deletes switched off.
    CannotDelete {
        /// The rule that expires it.
        #[serde(flatten)]
        ruling: Ruling,
    },
    /// A rule archives it, but the registry has no archive, or nobody knows of one.
    CannotArchive {
        /// The rule that archives it.
        #[serde(flatten)]
        ruling: Ruling,
    },
    /// A rule archives it, but the registry holds so little that this saves nothing.
    ArchiveSavesNothing {
        /// What the scan saw in all repositories of the registry, in bytes, each blob counted once.
        stored: u64,
        /// The rule that archives it.
        #[serde(flatten)]
        ruling: Ruling,
    },
    /// A rule deletes it, but it was archived so short a time ago that this costs more than to leave it.
    ArchiveMinimum {
        /// Since when it is archived.
        archived_at: Timestamp,
        /// The rule that deletes it.
        #[serde(flatten)]
        ruling: Ruling,
    },
}

/// How one manifest belongs to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Relation {
    /// An index lists it.
    Child,
    /// It is attached to a subject.
    Attached,
    /// Something is attached to it.
    Subject,
    /// It lists something that must stay and that no other index would hold.
    Index,
}

/// Independent reasons to stay, strongest first (design, section 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hold {
    /// Somebody refers to it.
    InUse,
    /// Somebody referred to it not long ago.
    RecentlyUsed,
    /// `undo` put it back not long ago.
    Restored,
    /// It arrived, was tagged or lost its last tag a short time ago.
    Grace,
    /// The configuration or a label protects it.
    Protected,
    /// Its tag must not be removed.
    Immutable,
    /// A usage source that could refer to it did not answer completely.
    UsageIncomplete,
    /// Its repository could not be read completely.
    Incomplete,
}

impl Hold {
    /// Every hold, the strongest first.
    pub const ALL: [Self; 8] = [
        Self::InUse,
        Self::RecentlyUsed,
        Self::Restored,
        Self::Grace,
        Self::Protected,
        Self::Immutable,
        Self::UsageIncomplete,
        Self::Incomplete,
    ];

    /// The word used in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InUse => "in-use",
            Self::RecentlyUsed => "recently-used",
            Self::Restored => "restored",
            Self::Grace => "grace",
            Self::Protected => "protected",
            Self::Immutable => "immutable",
            Self::UsageIncomplete => "usage-incomplete",
            Self::Incomplete => "incomplete",
        }
    }
}

impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Reason {
    /// The stable name of the reason.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Expired(_) => "expired",
            Self::Follows { .. } => "follows",
            Self::KeepAlways(_) => "keep-always",
            Self::NotExpired(_) => "not-expired",
            Self::Unless(_) => "unless",
            Self::Archived(_) => "archived",
            Self::NoRule { .. } => "no-rule",
            Self::Hold { .. } => "hold",
            Self::Needed { .. } => "needed",
            Self::KeepAtLeast { .. } => "keep-at-least",
            Self::SharesImage { .. } => "shares-image",
            Self::Brake { .. } => "brake",
            Self::CannotUntag { .. } => "cannot-untag",
            Self::CannotDelete { .. } => "cannot-delete",
            Self::CannotArchive { .. } => "cannot-archive",
            Self::ArchiveSavesNothing { .. } => "archive-saves-nothing",
            Self::ArchiveMinimum { .. } => "archive-minimum",
        }
    }

    /// The hold, if one is the reason.
    pub fn hold(&self) -> Option<Hold> {
        match self {
            Self::Hold { hold, .. } => Some(*hold),
            _ => None,
        }
    }

    /// The rule that spoke, if one did.
    pub fn ruling(&self) -> Option<&Ruling> {
        match self {
            Self::Expired(rule)
            | Self::KeepAlways(rule)
            | Self::NotExpired(rule)
            | Self::Unless(rule)
            | Self::Archived(rule) => Some(rule),
            Self::Needed { ruling, .. }
            | Self::KeepAtLeast { ruling, .. }
            | Self::SharesImage { ruling, .. }
            | Self::Brake { ruling, .. }
            | Self::CannotUntag { ruling }
            | Self::CannotDelete { ruling }
            | Self::CannotArchive { ruling }
            | Self::ArchiveSavesNothing { ruling, .. }
            | Self::ArchiveMinimum { ruling, .. } => Some(ruling),
            Self::Follows { .. } | Self::NoRule { .. } | Self::Hold { .. } => None,
        }
    }
}
