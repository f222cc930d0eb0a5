//! Removals. The registry's access log tells what jettison asked; the plain client then asks the same of a copy of the
//! repositories. So the log is on for both.

use std::io;

use crate::plain::Ask;
use crate::report::{Row, say};
use crate::world::{HUNDRED, Repository, World};

const STATE: &str = "apply";

/// What goes by age but for the newest ten, as teams write it.
const POLICY: &str = "
policies:
  - name: bench
    rules: [ { name: old, match: {}, expire: { older-than: 30d, beyond-newest: 10 } } ]
limits: { max-share: 100%, max-deletions: NUMBER }
";

/// Removals that jettison has in flight at once.
const IN_FLIGHT: usize = 8;

/// Removals from a repository that is so large that each of them takes long.
const FEW: usize = 30;

/// Most of the images of repositories of a hundred.
pub(crate) fn hundreds(world: &mut World) -> io::Result<()> {
    let count = (world.images / 1_825).max(1);
    world.registry.log_requests(true);
    let mut row = Row::new(format!("removals, {count} repositories of 100"));
    for round in 0..world.rounds {
        let (ours, theirs) = (format!("removed/{round}/ours"), format!("removed/{round}/theirs"));
        copies(world, &[&ours, &theirs], count)?;
        measure(world, &mut row, [&format!("{ours}/*"), &ours, &theirs], count * HUNDRED)?;
    }
    world.registry.log_requests(false);
    say(&row.to_string())
}

/// A few images of one large repository.
pub(crate) fn one(world: &mut World) -> io::Result<()> {
    let names = ["large/ours".to_owned(), "large/theirs".to_owned()];
    for name in &names {
        world.write(std::slice::from_ref(name), world.images)?;
    }
    let mut row = Row::new(format!("{FEW} removals, one repository"));
    for _ in 0..world.rounds {
        // The next ones by age each time.
        measure(world, &mut row, ["large/ours", "large/ours", "large/theirs"], FEW)?;
    }
    world.registry.log_requests(false);
    say(&row.to_string())
}

/// The policy, for at most so many removals.
pub(crate) fn policy(most: usize) -> String {
    POLICY.replace("NUMBER", &most.to_string())
}

fn copies(world: &World, prefixes: &[&str], count: usize) -> io::Result<Vec<Vec<Repository>>> {
    let write = |prefix: &&str| {
        let names: Vec<String> = (0..count).map(|number| format!("{prefix}/r{number:03}")).collect();
        world.write(&names, count * HUNDRED)
    };
    prefixes.iter().map(write).collect()
}

fn measure(world: &mut World, row: &mut Row, [glob, ours, theirs]: [&str; 3], most: usize) -> io::Result<()> {
    let target = format!("{}/{glob}", world.host());
    world.file("policy.yaml", &policy(most))?;
    let by = ["--policy", "policy.yaml"];
    let making = ["plan", &target, "--trust-created", "--out", "plan.json"];
    world.run(STATE, &[by.as_slice(), making.as_slice()].concat())?;
    world.registry.log_requests(true);
    let carrying_out = ["apply", "plan.json", "--yes", "--no-usage"];
    row.jettison(world.run(STATE, &[by.as_slice(), carrying_out.as_slice()].concat())?)?;
    let asked = world.registry.requests().into_iter();
    let asks: Vec<Ask> = asked.filter_map(|request| replayed(&request, ours, theirs)).collect();
    row.plain(world.send(&asks, IN_FLIGHT, |_, status| status < 500)?)
}

/// A request of the log, to the copy of the repository.
fn replayed(request: &str, ours: &str, theirs: &str) -> Option<Ask> {
    let (method, path) = request.split_once(' ')?;
    let method = ["GET", "HEAD", "DELETE"].into_iter().find(|known| *known == method)?;
    let path = path.replacen(ours, theirs, 1);
    Some(Ask { method, path })
}
