//! Usage from a program: for Nomad, an inventory system, another account, and whatever jettison does not ask itself.
//!
//! What it prints is read as a file would be. It fails closed: an exit code that is not 0, too much output, or one that
//! cannot be understood makes the source partial. No shell takes part.

use std::path::Path;
use std::process::Stdio;

use jettison_core::config::CommandSource;
use jettison_core::model::legible;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};

use super::file::{LARGEST_BYTES, read_text};
use super::said::Said;

/// So much of what it complains about is kept.
const MOST_COMPLAINT: u64 = 16 * 1024;

/// So much of that is told.
const TOLD_COMPLAINT: usize = 300;

/// Runs the program in the folder of the configuration, and reads what it prints.
pub(super) async fn ask(source: &CommandSource, base: &Path, said: &mut Said) {
    let Some((program, arguments)) = source.command.split_first() else {
        return said.gap("it has no command".to_owned());
    };
    let started = Command::new(program)
        .args(arguments)
        .current_dir(base)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // Whatever ends this wait ends the program too.
        .kill_on_drop(true)
        .spawn();
    match started {
        Ok(child) => listen(program, child, said).await,
        Err(error) => said.gap(format!("`{}` could not be started: {error}", legible(program))),
    }
}

async fn listen(program: &str, mut child: Child, said: &mut Said) {
    let program = legible(program);
    let (output, complaint) = tokio::join!(
        bounded(child.stdout.take(), LARGEST_BYTES + 1),
        bounded(child.stderr.take(), MOST_COMPLAINT)
    );
    if output.len() as u64 > LARGEST_BYTES {
        return said.gap(format!("`{program}` printed more than {LARGEST_BYTES} bytes"));
    }
    match child.wait().await {
        Ok(status) if status.success() => {}
        Ok(status) => said.gap(format!("`{program}` ended with {status}{}", told(&complaint))),
        Err(error) => said.gap(format!("`{program}` was lost: {error}")),
    }
    match String::from_utf8(output) {
        Ok(text) => read_text(&format!("`{program}`"), &text, said),
        Err(_) => said.gap(format!("`{program}` printed what is no UTF-8 text")),
    }
}

/// What comes, up to a limit. One that goes on writing beyond it gets a closed pipe.
async fn bounded(stream: Option<impl AsyncRead + Unpin>, most: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(stream) = stream {
        // What was read before an error is all there is; how the program ends tells whether that is enough.
        drop(stream.take(most).read_to_end(&mut bytes).await);
    }
    bytes
}

fn told(complaint: &[u8]) -> String {
    let text = String::from_utf8_lossy(complaint);
    let last = text.trim().lines().last().unwrap_or_default();
    let short: String = legible(last).chars().take(TOLD_COMPLAINT).collect();
    if short.is_empty() { short } else { format!(": {short}") }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use jettison_core::model::Reference;
    use jiff::Timestamp;

    use super::*;

    async fn printed(script: &str) -> (Vec<Reference>, Vec<String>) {
        let source = CommandSource {
            command: ["sh", "-c", script].map(str::to_owned).to_vec(),
            timeout_seconds: 5,
        };
        let folder = tempfile::tempdir().unwrap();
        let mut said = Said::new(Timestamp::UNIX_EPOCH, &BTreeSet::new());
        ask(&source, folder.path(), &mut said).await;
        let (references, gaps) = said.finish(false);
        (references, gaps.iter().map(ToString::to_string).collect())
    }

    #[tokio::test]
    async fn what_it_prints_is_read_as_a_file() {
        let (references, gaps) = printed("echo r.io/web:v1 '# nomad job web'; echo complaint >&2").await;
        assert!(gaps.is_empty(), "{gaps:?}");
        assert_eq!(references[0].image, "r.io/web:v1");
        assert_eq!(references[0].used_by, "nomad job web (`sh`:1)");
        let form = r#"{"schema":1,"taken_at":"1970-01-01T00:00:00Z","sources":[{"name":"a","status":"complete","references":[{"image":"r.io/api:v2"}]}]}"#;
        let (references, gaps) = printed(&format!("echo '{form}'")).await;
        assert_eq!((references[0].image.as_str(), gaps.len()), ("r.io/api:v2", 0));
    }

    #[tokio::test]
    async fn a_failure_is_a_gap_and_what_was_printed_before_still_protects() {
        let (references, gaps) = printed("echo r.io/web:v1; echo no credentials >&2; exit 3").await;
        assert_eq!(references.len(), 1);
        assert_eq!(gaps, ["`sh` ended with exit status: 3: no credentials"]);
        for script in ["kill -9 $$", "echo 'no image at all'", "printf '\\377'", "true"] {
            let (_, gaps) = printed(script).await;
            assert!(!gaps.is_empty(), "{script}");
        }
        let source = CommandSource {
            command: vec!["/nowhere/at/all".to_owned()],
            timeout_seconds: 5,
        };
        let mut said = Said::new(Timestamp::UNIX_EPOCH, &BTreeSet::new());
        ask(&source, Path::new("/"), &mut said).await;
        assert_eq!(said.finish(true).1.len(), 1);
    }

    #[tokio::test]
    async fn endless_output_ends() {
        let (_, gaps) = printed("yes r.io/web:v1").await;
        assert!(gaps[0].contains("more than"), "{gaps:?}");
    }
}
