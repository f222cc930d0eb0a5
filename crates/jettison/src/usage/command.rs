//! Usage from a program: for Nomad, an inventory system, another account, and whatever jettison does not ask itself.
//!
//! What it prints is read as a file would be. It fails closed: an exit code that is not 0, too much output, or one that
//! cannot be understood makes the source partial. No shell takes part.

use std::path::Path;
use std::process::Stdio;

use jettison_core::config::CommandSource;
use jettison_core::model::legible;
use rustix::process::{Pid, Signal, kill_process_group};
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
        .process_group(0)
        .kill_on_drop(true)
        .spawn();
    match started {
        Ok(child) => listen(program, Running(child), said).await,
        Err(error) => said.gap(format!("`{}` could not be started: {error}", legible(program))),
    }
}

/// A program, and those that it starts. Whatever ends the wait for it ends them too.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Once it was waited for there is no id any more.
        let id = self.0.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
        if let Some(group) = id {
            // It fails where all of them have ended, and then nothing is to be done.
            kill_process_group(group, Signal::KILL).unwrap_or_default();
        }
    }
}

async fn listen(program: &str, mut running: Running, said: &mut Said) {
    let program = legible(program);
    let child = &mut running.0;
    let (output, complaint) = tokio::join!(
        output(child.stdout.take(), LARGEST_BYTES),
        complaint(child.stderr.take())
    );
    let output = match output {
        Ok(output) => output,
        Err(why) => return said.gap(format!("`{program}` {why}")),
    };
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

/// What it prints, if that is not too much.
async fn output(stream: Option<impl AsyncRead + Unpin>, most: u64) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    if let Some(stream) = stream {
        let read = stream.take(most + 1).read_to_end(&mut bytes).await;
        read.map_err(|error| format!("could not be listened to: {error}"))?;
    }
    match bytes.len() as u64 > most {
        true => Err(format!("printed more than {most} bytes")),
        false => Ok(bytes),
    }
}

/// The beginning of what it complains about. The rest is let through: a closed pipe would end it.
async fn complaint(stream: Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(mut stream) = stream {
        // It is for people alone; what was read before an error is told.
        drop((&mut stream).take(MOST_COMPLAINT).read_to_end(&mut bytes).await);
        drop(tokio::io::copy(&mut stream, &mut tokio::io::sink()).await);
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
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use jettison_core::model::Reference;
    use jiff::Timestamp;
    use tokio::io::ReadBuf;

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
        let endless = output(Some(tokio::io::repeat(b'x')), 1_000).await;
        assert_eq!(endless.unwrap_err(), "printed more than 1000 bytes");
        assert_eq!(output(Some(&b"123"[..]), 3).await.unwrap(), b"123");
        let (_, gaps) = printed("yes r.io/web:v1").await;
        assert!(gaps[0].contains("more than"), "{gaps:?}");
    }

    /// A pipe that fails in the middle.
    struct Breaking(bool);

    impl AsyncRead for Breaking {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            into: &mut ReadBuf<'_>,
        ) -> Poll<std::io::Result<()>> {
            if std::mem::replace(&mut self.0, true) {
                return Poll::Ready(Err(std::io::Error::other("it broke")));
            }
            into.put_slice(b"r.io/web:v1\n");
            Poll::Ready(Ok(()))
        }
    }

    #[tokio::test]
    async fn output_that_breaks_off_is_not_taken_for_whole() {
        let broken = output(Some(Breaking(false)), 1_000).await;
        assert_eq!(broken.unwrap_err(), "could not be listened to: it broke");
    }

    #[tokio::test]
    async fn one_that_complains_at_length_is_let_speak() {
        let script = "head -c 1000000 /dev/zero | tr '\\0' x >&2 && echo r.io/web:v1";
        let (references, gaps) = printed(script).await;
        assert_eq!((references.len(), gaps), (1, Vec::new()));
        let long = format!("{script}; exit 1");
        assert!(printed(&long).await.1[0].len() < 1_000);
    }

    #[tokio::test]
    async fn what_the_program_started_ends_with_the_wait_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let noted = folder.path().join("noted");
        let script = "sleep 300 & echo $! > noting; mv noting noted; wait";
        let source = CommandSource {
            command: ["sh", "-c", script].map(str::to_owned).to_vec(),
            timeout_seconds: 5,
        };
        let mut said = Said::new(Timestamp::UNIX_EPOCH, &BTreeSet::new());
        let started = async {
            while !noted.exists() {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        };
        tokio::select! {
            () = ask(&source, folder.path(), &mut said) => panic!("it waits for its child"),
            () = started => {}
        }
        let process = format!("/proc/{}/cmdline", std::fs::read_to_string(&noted).unwrap().trim());
        let runs = || std::fs::read(&process).is_ok_and(|line| !line.is_empty());
        for _ in 0..500 {
            if runs() {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        }
        assert!(!runs(), "it goes on");
    }
}
