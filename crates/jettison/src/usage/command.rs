//! Usage from a program: for Nomad, an inventory system, another account, and whatever jettison does not ask itself.
//!
//! What it prints is read as a file would be. It fails closed: an exit code that is not 0, too much output, or one that
//! cannot be understood makes the source partial, and what was printed by then still protects. No shell takes part.

use std::path::Path;
use std::process::Stdio;

use jettison_core::config::CommandSource;
use jettison_core::model::legible;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};

use super::file::{LARGEST_BYTES, read_bytes};
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
        Ok(child) => listen(program, Running(child), LARGEST_BYTES, said).await,
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

/// What a program printed so far. Whatever ends the wait for it, what was heard by then is read.
struct Heard<'s> {
    said: &'s mut Said,
    /// What told it.
    name: String,
    bytes: Vec<u8>,
    /// Whether it printed all that it had to say.
    is_whole: bool,
}

impl Drop for Heard<'_> {
    fn drop(&mut self) {
        read_bytes(&self.name, &self.bytes, self.is_whole, self.said);
    }
}

impl Heard<'_> {
    /// Takes in what is printed, unless that is too much.
    async fn listen(&mut self, stream: Option<impl AsyncRead + Unpin>, most: u64) {
        let Some(stream) = stream else { return };
        let mut stream = stream.take(most + 1);
        loop {
            // Nothing of it is lost where the wait for the next piece ends early.
            match stream.read_buf(&mut self.bytes).await {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) => return self.gap(&format!("could not be listened to: {error}")),
            }
        }
        match self.bytes.len() as u64 > most {
            true => self.gap(&format!("printed more than {most} bytes")),
            false => self.is_whole = true,
        }
    }

    fn gap(&mut self, why: &str) {
        self.said.gap(format!("{} {why}", self.name));
    }
}

async fn listen(program: &str, mut running: Running, most: u64, said: &mut Said) {
    let mut heard = Heard {
        said,
        name: format!("`{}`", legible(program)),
        bytes: Vec::new(),
        is_whole: false,
    };
    let child = &mut running.0;
    let (output, errors) = (child.stdout.take(), child.stderr.take());
    let ((), complaint) = tokio::join!(heard.listen(output, most), complaint(errors));
    if !heard.is_whole {
        return;
    }
    match child.wait().await {
        Ok(status) if status.success() => {}
        Ok(status) => heard.gap(&format!("ended with {status}{}", told(&complaint))),
        Err(error) => heard.gap(&format!("was lost: {error}")),
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
        let folder = tempfile::tempdir().unwrap();
        said(async |said| ask(&shell(script), folder.path(), said).await).await
    }

    fn shell(script: &str) -> CommandSource {
        CommandSource {
            command: ["sh", "-c", script].map(str::to_owned).to_vec(),
            timeout_seconds: 5,
        }
    }

    async fn said(tell: impl AsyncFnOnce(&mut Said)) -> (Vec<Reference>, Vec<String>) {
        let mut said = Said::new(Timestamp::UNIX_EPOCH, &BTreeSet::new());
        tell(&mut said).await;
        let (references, gaps) = said.finish(false);
        (references, gaps.iter().map(ToString::to_string).collect())
    }

    /// What is taken in of a stream.
    async fn heard(stream: impl AsyncRead + Unpin, most: u64) -> (Vec<Reference>, Vec<String>) {
        let name = "it".to_owned();
        said(async |said| {
            let mut heard = Heard {
                said,
                name,
                bytes: Vec::new(),
                is_whole: false,
            };
            heard.listen(Some(stream), most).await;
        })
        .await
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
    async fn endless_output_ends_and_what_was_printed_before_still_protects() {
        let endless =
            tokio::io::AsyncReadExt::chain(&b"r.io/web:v1\nr.io/api:v1\nr.io/half"[..], tokio::io::repeat(b'x'));
        let (references, gaps) = heard(endless, 1_000).await;
        assert_eq!(
            (references.len(), gaps),
            (2, vec!["it printed more than 1000 bytes".to_owned()])
        );
        assert_eq!(heard(&b"r.io/web:v1"[..], 11).await.1, [""; 0]);
        assert_eq!(
            heard(&b"r.io/web:v1"[..], 10).await.1,
            ["it printed more than 10 bytes"]
        );
        let (_, gaps) = printed("head -c 1000000000 /dev/zero").await;
        assert!(gaps[0].contains("more than"), "{gaps:?}");
    }

    #[tokio::test]
    async fn what_is_no_text_is_a_gap_and_the_other_lines_still_protect() {
        let (references, gaps) = printed("printf 'r.io/web:v1  # caf\\351\\nr.io/api:v1\\n'").await;
        assert_eq!(references.len(), 2, "{gaps:?}");
        assert_eq!(gaps, ["`sh`: not UTF-8 text; what can be understood of it counts"]);
    }

    #[tokio::test]
    async fn what_was_printed_in_whole_lines_before_the_wait_ended_still_protects() {
        let form = r#"{"schema":1,"taken_at":"1970-01-01T00:00:00Z","sources":[{"name":"a","status":"complete","references":[{"image":"r.io/api:v2"}]}]}"#;
        for (prints, expected) in [
            ("echo r.io/web:v1; printf r.io/web:v2", &["r.io/web:v1"][..]),
            ("printf r.io/web:v2", &[]),
            ("true", &[]),
            (&format!("printf '%s' '{form}'"), &["r.io/api:v2"]),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let printed = folder.path().join("printed");
            let source = shell(&format!("{prints}; touch printed; exec sleep 300"));
            let (references, gaps) = said(async |said| {
                let waited = async {
                    while !printed.exists() {
                        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
                    }
                    // Its last words are in the pipe, and one more round takes them in.
                    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
                };
                tokio::select! {
                    biased;
                    () = ask(&source, folder.path(), said) => panic!("it does not wait"),
                    () = waited => {}
                }
            })
            .await;
            let images: Vec<&str> = references.iter().map(|reference| reference.image.as_str()).collect();
            assert_eq!(images, expected, "{prints}");
            assert!(gaps.is_empty(), "whoever ended the wait says so: {gaps:?}");
        }
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
        let (references, gaps) = heard(Breaking(false), 1_000).await;
        assert_eq!(
            (references.len(), gaps),
            (1, vec!["it could not be listened to: it broke".to_owned()])
        );
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
        let source = shell(script);
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
