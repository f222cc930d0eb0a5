//! What can go wrong with one kind of objects, or with one part of the discovery.

use std::time::Duration;

/// Something that goes wrong.
#[derive(Debug, Clone)]
pub enum Fault {
    /// Every answer has this status.
    Status(u16),
    /// The next so many answers have this status.
    StatusFor(u16, u32),
    /// No answer ever comes.
    Silence,
    /// Every answer comes that late.
    Slow(Duration),
    /// Every answer ends after so many bytes, and the connection with it.
    Cut(usize),
    /// Every answer is 200 with this body.
    Body(String),
    /// The next so many requests for a further page are answered 410.
    ExpireTokens(u32),
    /// Whatever page is asked for, it leads to itself.
    Loop,
}
