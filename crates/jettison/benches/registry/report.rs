//! The table, as Markdown: what it prints can stand in the documentation as it is.

use std::fmt;
use std::io::{self, Write as _};

use crate::measure::{Cost, median};

pub(crate) const HEAD: &str = "\
| what | jettison | plain client | ratio | of processor time | jettison's own | most memory | requests |
|---|---|---|---|---|---|---|---|";

/// Writes a line to standard output.
pub(crate) fn say(line: &str) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{line}")
}

/// Writes what one measurement gave beside the table, for who waits for it.
fn note(what: &str, who: &str, cost: &Cost) -> io::Result<()> {
    let Cost {
        wall, client, registry, ..
    } = cost;
    let wall = wall.as_secs_f64();
    writeln!(
        io::stderr().lock(),
        "{what}: {who} {wall:.2} s, of processor time {client:.2} s its own and {registry:.2} s the registry's"
    )
}

/// Costs of the same work, done both ways, round by round.
#[derive(Debug)]
pub(crate) struct Row {
    what: String,
    jettison: Vec<(Cost, u64)>,
    plain: Vec<(Cost, u64)>,
}

impl Row {
    pub(crate) fn new(what: String) -> Self {
        Self {
            what,
            jettison: Vec::new(),
            plain: Vec::new(),
        }
    }

    /// Adds a measurement of jettison.
    pub(crate) fn jettison(&mut self, measured: (Cost, u64)) -> io::Result<()> {
        note(&self.what, "jettison", &measured.0)?;
        self.jettison.push(measured);
        Ok(())
    }

    /// Adds a measurement of the plain client.
    pub(crate) fn plain(&mut self, measured: (Cost, u64)) -> io::Result<()> {
        note(&self.what, "plain client", &measured.0)?;
        self.plain.push(measured);
        Ok(())
    }

    /// The median of what jettison needed by what the plain client needed in the same round.
    fn ratio(&self, of: impl Fn(&Cost) -> f64) -> f64 {
        let rounds = self.jettison.iter().zip(&self.plain);
        median(
            rounds
                .map(|((jettison, _), (plain, _))| of(jettison) / of(plain))
                .collect(),
        )
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let middle =
            |costs: &[(Cost, u64)], of: fn(&Cost) -> f64| median(costs.iter().map(|(cost, _)| of(cost)).collect());
        let wall = |cost: &Cost| cost.wall.as_secs_f64();
        let memory = self.jettison.iter().map(|(cost, _)| cost.memory).max().unwrap_or(0);
        let requests = |costs: &[(Cost, u64)]| costs.last().map_or(0, |(_, requests)| *requests);
        write!(
            f,
            "| {} | {:.2} s | {:.2} s | {:.2} | {:.2} | {:.2} s | {} MB | {} / {} |",
            self.what,
            middle(&self.jettison, wall),
            middle(&self.plain, wall),
            self.ratio(wall),
            self.ratio(|cost| cost.client + cost.registry),
            middle(&self.jettison, |cost| cost.client),
            memory / 1_000_000,
            requests(&self.jettison),
            requests(&self.plain),
        )
    }
}
