//! The cluster in a process of its own, so that what it costs is not taken for what its clients cost.

use std::io::{self, BufRead as _, BufReader, Lines, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use jettison_testkit::kubernetes::{Account, Options, TestCluster};

use crate::cluster;

/// A cluster that serves until this is dropped.
pub(crate) struct Server {
    process: Child,
    input: Option<ChildStdin>,
    output: Lines<BufReader<ChildStdout>>,
    kubeconfig: String,
}

impl Server {
    /// Starts a cluster with so many pods.
    pub(crate) fn start(pods: usize) -> io::Result<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .args(["serve", &pods.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (input, output) = (process.stdin.take(), process.stdout.take());
        let mut output = BufReader::new(output.ok_or(io::ErrorKind::BrokenPipe)?).lines();
        let kubeconfig = output.next().ok_or(io::ErrorKind::UnexpectedEof)??;
        Ok(Self {
            process,
            input,
            output,
            kubeconfig,
        })
    }

    pub(crate) fn kubeconfig(&self) -> &str {
        &self.kubeconfig
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// What was asked since this was called last, each with the server in front.
    pub(crate) fn requests(&mut self) -> io::Result<Vec<String>> {
        if let Some(input) = &mut self.input {
            writeln!(input)?;
        }
        let line = self.output.next().ok_or(io::ErrorKind::UnexpectedEof)??;
        serde_json::from_str(&line).map_err(io::Error::other)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The end of its input ends it.
        drop(self.input.take());
        drop(self.process.wait());
    }
}

/// Serves. Every line of input is answered with what was asked since the last one.
pub(crate) fn serve(pods: usize) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let cluster = runtime.block_on(TestCluster::start(Options::default()))?;
    cluster::fill(&cluster, pods);
    let account = Account {
        namespace: "jettison".to_owned(),
        name: "jettison".to_owned(),
    };
    let mut out = io::stdout().lock();
    writeln!(out, "{}", cluster.kubeconfig("bench", &account))?;
    let mut told = 0;
    for line in io::stdin().lines() {
        line?;
        let requests = cluster.requests();
        let new: Vec<String> = requests[told..]
            .iter()
            .map(|target| format!("{}{target}", cluster.url()))
            .collect();
        told = requests.len();
        writeln!(out, "{}", serde_json::Value::from(new))?;
    }
    Ok(())
}
