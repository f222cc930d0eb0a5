//! AWS in a process of its own, so that what it costs is not taken for what its clients cost.

use std::collections::BTreeMap;
use std::io::{self, BufRead as _, BufReader, Lines, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use jettison_testkit::aws::{Effect, Fault, Policy, TestAws};
use jiff::{SignedDuration, Timestamp};

const ACCOUNT: &str = "111122223333";
pub(crate) const REGION: &str = "eu-central-1";
pub(crate) const REPOSITORY: &str = "apps/web";

/// The registry as it stands in image references.
pub(crate) fn host() -> String {
    format!("{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com")
}

/// An AWS that serves until this is dropped.
pub(crate) struct Server {
    process: Child,
    input: Option<ChildStdin>,
    output: Lines<BufReader<ChildStdout>>,
    environment: BTreeMap<String, String>,
}

impl Server {
    /// Starts one with so many images, which waits so many milliseconds before each answer.
    pub(crate) fn start(images: usize, delay: u64) -> io::Result<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .args(["serve", &images.to_string(), &delay.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (input, output) = (process.stdin.take(), process.stdout.take());
        let mut output = BufReader::new(output.ok_or(io::ErrorKind::BrokenPipe)?).lines();
        let environment = output.next().ok_or(io::ErrorKind::UnexpectedEof)??;
        Ok(Self {
            process,
            input,
            output,
            environment: serde_json::from_str(&environment).map_err(io::Error::other)?,
        })
    }

    /// What a client needs in its environment.
    pub(crate) fn environment(&self) -> &BTreeMap<String, String> {
        &self.environment
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// How much was asked since this was called last.
    pub(crate) fn requests(&mut self) -> io::Result<u64> {
        if let Some(input) = &mut self.input {
            writeln!(input)?;
        }
        let line = self.output.next().ok_or(io::ErrorKind::UnexpectedEof)??;
        line.parse().map_err(io::Error::other)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The end of its input ends it.
        drop(self.input.take());
        drop(self.process.wait());
    }
}

/// Serves. Every line of input is answered with how much was asked since the last one.
pub(crate) fn serve(images: usize, delay: u64) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let aws = runtime.block_on(TestAws::start())?;
    let last = Timestamp::now();
    let pushed_at =
        |number: usize| last - SignedDuration::from_mins(i64::try_from(number).unwrap_or(i64::MAX) % 500_000);
    aws.ecr(ACCOUNT, REGION).fill(REPOSITORY, images, pushed_at);
    if delay > 0 {
        aws.fail(Fault::new(Effect::Delay(Duration::from_millis(delay))));
    }
    let key = aws.user(ACCOUNT, "cleaner", Policy::everything());
    let environment: BTreeMap<&str, String> = aws.environment(&key, REGION).into_iter().collect();
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "{}",
        serde_json::to_string(&environment).map_err(io::Error::other)?
    )?;
    let mut told = 0;
    for line in io::stdin().lines() {
        line?;
        let asked = aws.requests().len();
        writeln!(out, "{}", asked - told)?;
        told = asked;
    }
    Ok(())
}
