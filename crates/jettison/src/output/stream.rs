//! The two streams of the program. Writing never panics: a reader that has gone is no fault, a full disk is one that
//! [`failed`] tells at the end.
//!
//! What registries and files say must not steer a terminal: everything but line ends and the colours of [`style`] is
//! made visible here, whoever forgot to do so before.
//!
//! [`style`]: super::style

use std::io::{self, Write};
use std::sync::OnceLock;

use super::text::{printable, printable_json};

/// The first failure to write to standard output.
static BROKEN: OnceLock<io::Error> = OnceLock::new();

/// Writes text to standard output.
pub(super) fn out(text: &str) {
    write(&printable(text));
}

/// Writes a JSON document to standard output.
pub(super) fn out_json(document: &str) {
    write(&printable_json(document));
}

/// Writes, unless an earlier write failed.
fn write(text: &str) {
    if BROKEN.get().is_some() {
        return;
    }
    let mut stream = anstream::stdout().lock();
    let written = stream.write_all(text.as_bytes()).and_then(|()| stream.flush());
    if let Err(error) = written {
        // Only the first one is told.
        let _ = BROKEN.set(error);
    }
}

/// Writes text to standard error.
pub(crate) fn error(text: &str) {
    write_error(&printable(text));
}

/// Writes a JSON document to standard error.
pub(crate) fn error_json(document: &str) {
    write_error(&printable_json(document));
}

/// There is nowhere to tell that this failed.
fn write_error(text: &str) {
    let mut stream = anstream::stderr().lock();
    let _ = stream.write_all(text.as_bytes()).and_then(|()| stream.flush());
}

/// Why results did not get out, if they did not. A reader that has read enough (`| head`) is no reason.
pub(crate) fn failed() -> Option<&'static io::Error> {
    BROKEN.get().filter(|error| error.kind() != io::ErrorKind::BrokenPipe)
}
