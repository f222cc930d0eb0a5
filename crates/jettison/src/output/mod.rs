//! What people see: words, figures, tables, progress. Decides nothing and computes nothing of its own.

mod progress;
pub mod text;

pub use progress::{Face, Progress};
