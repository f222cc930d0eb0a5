//! What people see: words, figures, tables, progress. Decides nothing and computes nothing of its own.

mod console;
mod gaps;
mod page;
mod picture;
mod plan;
mod progress;
pub(crate) mod stream;
mod summary;
mod table;
pub mod text;
mod time_left;
pub mod usage;
mod wrap;

pub use console::{Console, Format, style, styled};
pub(crate) use console::{aside, screen_width};
pub use gaps::told_once;
pub use page::page;
pub use picture::Strokes;
pub use plan::{Remarks, draw, percent};
pub use progress::{Face, Progress};
pub use summary::{Group, RepositoryCount, Summary, image_name, staying_because};
pub use table::{Column, table};
pub use wrap::hanging;
