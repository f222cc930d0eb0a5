//! Scans: the first one fetches every manifest and config, the next one only looks.

use std::io;

use crate::plain::Ask;
use crate::report::{Row, say};
use crate::world::{Repository, World};

/// The state that scans leave behind.
pub(crate) const STATE: &str = "scan";

/// Measures both, and leaves the state of the last scan behind.
pub(crate) fn cold_and_warm(world: &World, what: &str, glob: &str, repositories: &[Repository]) -> io::Result<()> {
    let target = format!("{}/{glob}", world.host());
    let (first, later) = (fetching(repositories, glob), looking(repositories, glob));
    let (mut cold, mut warm) = (
        Row::new(format!("first scan, {what}")),
        Row::new(format!("next scan, {what}")),
    );
    for round in 0..world.rounds {
        world.forget(STATE)?;
        measure(world, &mut cold, &target, &first, round)?;
        measure(world, &mut warm, &target, &later, round)?;
    }
    say(&cold.to_string())?;
    say(&warm.to_string())
}

/// Who goes first changes from round to round.
fn measure(world: &World, row: &mut Row, target: &str, asks: &[Ask], round: usize) -> io::Result<()> {
    let plain_first = round % 2 == 1;
    for plain in [plain_first, !plain_first] {
        match plain {
            true => row.plain(world.send(asks, world.connections(), answered)?)?,
            false => row.jettison(world.run(STATE, &["scan", target])?)?,
        }
    }
    Ok(())
}

fn answered(ask: &Ask, status: u16) -> bool {
    status == 200 || (status == 404 && ask.path.contains("/referrers/"))
}

/// The listings that every scan begins with.
fn listings(repositories: &[Repository], glob: &str) -> Vec<Ask> {
    let catalog = glob.contains('*').then(|| Ask::get("/v2/_catalog?n=1000".to_owned()));
    let lists = repositories
        .iter()
        .map(|(name, _)| Ask::get(format!("/v2/{name}/tags/list?n=1000")));
    catalog.into_iter().chain(lists).collect()
}

/// Every manifest by its tag, and every config.
fn fetching(repositories: &[Repository], glob: &str) -> Vec<Ask> {
    let mut asks = listings(repositories, glob);
    for (name, images) in repositories {
        let tags = images
            .iter()
            .map(|image| Ask::get(format!("/v2/{name}/manifests/{}", image.tag)));
        let configs = images
            .iter()
            .map(|image| Ask::get(format!("/v2/{name}/blobs/{}", image.config)));
        asks.extend(tags.chain(configs));
    }
    // Whether there is a referrers API is asked once.
    let asked = repositories
        .iter()
        .find_map(|(name, images)| Some((name, images.first()?)));
    asks.extend(asked.map(|(name, image)| Ask::get(format!("/v2/{name}/referrers/{}", image.config))));
    asks
}

/// One HEAD a tag.
fn looking(repositories: &[Repository], glob: &str) -> Vec<Ask> {
    let mut asks = listings(repositories, glob);
    for (name, images) in repositories {
        asks.extend(
            images
                .iter()
                .map(|image| Ask::head(format!("/v2/{name}/manifests/{}", image.tag))),
        );
    }
    asks
}
