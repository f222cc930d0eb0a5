//! Puts back what was taken: the one place that writes to a registry for any other reason than to remove.
//!
//! It never overwrites: a tag that somebody has set since is theirs.

mod tag;

pub(crate) use tag::{TagBack, put_tag_back};
