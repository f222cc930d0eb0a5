//! What lies on a disk, what goes and what stays, for people.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use jettison_core::host::{Departure, Disk, EngineFacts, HostPlan, ImageStore, Stay, StayReason};
use jettison_core::model::Digest;
use jiff::Timestamp;

use crate::host::ledger::HostRun;
use crate::host::sweep::{HostProgress, HostReport, Left};
use crate::output::text::{ago, bytes, count, moment};
use crate::output::{Column, Console, Face, Progress, Strokes, aside, hanging, style, styled, table};

/// Rows that are shown unless all are asked for.
const SHOWN: usize = 20;
/// Users of an image that are named.
const NAMED: usize = 3;
/// The columns of a bar.
const BAR: usize = 20;
/// So many digits of an id stand for an image without a name, as engines show it.
const ID_DIGITS: usize = 12;

/// The engine and the disk that it fills.
fn head(engine: &EngineFacts, disk: Option<&Disk>) -> String {
    let store = match engine.store {
        ImageStore::GraphDriver => format!("store {}", engine.driver),
        ImageStore::Containerd => format!("containerd's store, {}", engine.driver),
        ImageStore::Podman => format!("store {}", engine.driver),
    };
    let name = format!("{} {}, {store}", engine.kind, engine.version);
    let mut lines = vec![labelled("engine", &name)];
    lines.extend(disk.map(|disk| labelled("disk", &room(disk))));
    lines.join("\n")
}

fn labelled(label: &str, text: &str) -> String {
    format!("{} {text}", styled(style::HEADING, format!("{label:<7}")))
}

/// `████▌ 82% of 250 GB (/var/lib/docker), 45 GB free; 12% of its files`
fn room(disk: &Disk) -> String {
    let used = disk.bytes.saturating_sub(disk.free_bytes);
    let bar = Strokes::of_terminal().bar(used, disk.bytes, BAR);
    let files = match disk.inodes {
        0 => String::new(),
        inodes => format!(
            "; {} of its files",
            share(inodes.saturating_sub(disk.free_inodes), inodes)
        ),
    };
    format!(
        "{bar} {} of {} ({}), {} free{files}",
        share(used, disk.bytes),
        bytes(disk.bytes),
        disk.path,
        bytes(disk.free_bytes)
    )
}

/// Rounded down, as are all figures.
fn share(part: u64, whole: u64) -> String {
    let hundredths = u128::from(part) * 100 / u128::from(whole.max(1));
    format!("{hundredths}%")
}

/// A plan: what goes, one by one, and why the rest stays.
pub(super) fn plan(plan: &HostPlan, disk: Option<&Disk>, console: &Console) -> String {
    let mut parts = vec![head(&plan.engine, disk), going(plan, console), staying(plan, console)];
    parts.extend(pressure(plan, console));
    parts.extend(cache(plan));
    parts.retain(|part| !part.is_empty());
    parts.join("\n\n")
}

/// What is on the disk, who uses it, and what went lately.
pub(super) fn status(
    plan: &HostPlan,
    disk: Option<&Disk>,
    runs: &[HostRun],
    now: Timestamp,
    console: &Console,
) -> String {
    let all = plan
        .stay
        .iter()
        .map(|stay| stay.bytes)
        .chain(plan.go.iter().map(|gone| gone.bytes));
    let number = (plan.stay.len() + plan.go.len()) as u64;
    let layers = match plan.engine.layers_bytes {
        Some(layers) => format!("{} in layers that are shared", bytes(layers)),
        None => format!(
            "{} at most, for layers are shared",
            bytes(all.fold(0, u64::saturating_add))
        ),
    };
    let heading = styled(style::HEADING, format!("{}, {layers}", count(number, "image")));
    let mut parts = vec![head(&plan.engine, disk)];
    parts.push(match number {
        0 => heading,
        _ => format!("{heading}\n{}", images(plan, console)),
    });
    parts.extend(pressure(plan, console));
    parts.extend(cache(plan));
    let told: Vec<String> = runs.iter().map(|it| run(it, now, console)).collect();
    if !told.is_empty() {
        parts.push(format!(
            "{}\n{}",
            styled(style::HEADING, "what went lately"),
            told.join("\n")
        ));
    }
    parts.join("\n\n")
}

fn going(plan: &HostPlan, console: &Console) -> String {
    let all: u64 = plan.go.iter().map(|gone| gone.bytes).sum();
    let heading = match plan.go.len() as u64 {
        0 => styled(style::HEADING, "nothing goes"),
        go => styled(
            style::GOES,
            format!("{} {}, {} at most", count(go, "image"), verb(go, "go"), bytes(all)),
        ),
    };
    let rows: Vec<Vec<String>> = plan.go.iter().map(|image| going_row(image, plan.now)).collect();
    match rows.is_empty() {
        true => heading,
        false => format!(
            "{heading}\n{}",
            shown(&["IMAGE", "SIZE", "LAST USED", "WHY"], rows, console)
        ),
    }
}

/// `1 image goes`, `2 images go`.
fn verb(number: u64, verb: &str) -> String {
    match (number, verb) {
        (1, "go") => "goes".to_owned(),
        (1, verb) => format!("{verb}s"),
        (_, verb) => verb.to_owned(),
    }
}

fn going_row(image: &Departure, now: Timestamp) -> Vec<String> {
    vec![
        name(&image.names, &image.digests, &image.id),
        bytes(image.bytes),
        ago(image.last_used_at, now),
        image.reason.to_string(),
    ]
}

/// Equal reasons are counted together, unless everything is asked for.
fn staying(plan: &HostPlan, console: &Console) -> String {
    let all: u64 = plan.stay.iter().map(|stay| stay.bytes).sum();
    let stay = count(plan.stay.len() as u64, "image");
    let stays = verb(plan.stay.len() as u64, "stay");
    let heading = styled(style::STAYS, format!("{stay} {stays}, {} at most", bytes(all)));
    if plan.stay.is_empty() {
        return String::new();
    }
    if console.verbose {
        let rows = plan.stay.iter().map(|stay| staying_row(stay, plan.now)).collect();
        return format!(
            "{heading}\n{}",
            shown(&["IMAGE", "SIZE", "LAST USED", "WHY"], rows, console)
        );
    }
    let mut groups: BTreeMap<(u8, &str), (u64, u64, String)> = BTreeMap::new();
    for stay in &plan.stay {
        let (number_of, size, example) = groups.entry(group(&stay.reason)).or_default();
        *number_of += 1;
        *size = size.saturating_add(stay.bytes);
        if example.is_empty() {
            *example = name(&stay.names, &[], &stay.id);
        }
    }
    let rows = groups.into_iter().map(|((_, why), (number_of, size, example))| {
        vec![why.to_owned(), number_of.to_string(), bytes(size), example]
    });
    let columns = [
        Column::Text("WHY"),
        Column::Figure("IMAGES"),
        Column::Figure("SIZE"),
        Column::Text("SUCH AS"),
    ];
    format!("{heading}\n{}", table(&columns, rows.collect(), console.line_width()))
}

fn staying_row(stay: &Stay, now: Timestamp) -> Vec<String> {
    vec![
        name(&stay.names, &[], &stay.id),
        bytes(stay.bytes),
        last_used(stay, now),
        stay.reason.to_string(),
    ]
}

fn last_used(stay: &Stay, now: Timestamp) -> String {
    match (&stay.reason, stay.last_used_at) {
        (StayReason::InUse { .. }, _) => "now".to_owned(),
        (_, Some(at)) => ago(at, now),
        (_, None) => "not known".to_owned(),
    }
}

/// Reasons that read alike, in the order of their weight.
fn group(reason: &StayReason) -> (u8, &'static str) {
    match reason {
        StayReason::InUse { .. } => (0, "in use"),
        StayReason::Pinned { .. } => (1, "pinned"),
        StayReason::Protected { .. } => (2, "protected by a pattern or label"),
        StayReason::UnknownName { .. } => (10, "their names cannot be understood"),
        StayReason::UnknownAge => (11, "nobody knows since when they are unused"),
        StayReason::KeepAlways(_) => (3, "a rule keeps them"),
        StayReason::Unless(_) => (4, "spared by `unless`"),
        StayReason::LocalOnly => (5, "in no registry that is known: they could not be pulled again"),
        StayReason::KeepNewest { .. } => (6, "among the newest of their repository"),
        StayReason::NotExpired(_) => (7, "used or first seen too lately"),
        StayReason::NoRule => (8, "no rule speaks of them"),
        StayReason::Incomplete => (9, "not everything could be read that might need them"),
    }
}

fn pressure(plan: &HostPlan, console: &Console) -> Option<String> {
    let pressure = plan.pressure.as_ref()?;
    if !pressure.is_high {
        return None;
    }
    let lead = format!("{} ", styled(style::NOTE, "disk too full:"));
    let files = match pressure.inodes_to_free {
        0 => String::new(),
        files => format!(" and {}", count(files, "file")),
    };
    let enough = match pressure.bytes_going >= pressure.bytes_to_free {
        true => "",
        false => "; what may go will not do: the rest is in use, held or needed",
    };
    let text = format!(
        "{}{files} have to go to get below the low mark, least recently used first; {} at most can go{enough}",
        bytes(pressure.bytes_to_free),
        bytes(pressure.bytes_going),
    );
    Some(hanging(&lead, &text, console.line_width()))
}

fn cache(plan: &HostPlan) -> Option<String> {
    let cache = &plan.build_cache;
    if cache.of_bytes == 0 {
        return None;
    }
    let goes = match cache.go.len() as u64 {
        0 => "nothing of it goes".to_owned(),
        records => format!("{} go, {}", count(records, "record"), bytes(cache.bytes)),
    };
    Some(labelled("build cache", &format!("{}; {goes}", bytes(cache.of_bytes))))
}

/// What a run did.
pub(super) fn report(report: &HostReport, console: &Console) -> String {
    let mut parts = vec![head(&report.engine, report.disk_after.as_ref())];
    if let Some(why) = &report.postponed {
        parts.push(remark("postponed:", why, console));
        return parts.join("\n\n");
    }
    let removed = count(report.removed.len() as u64, "image");
    let freed = report.freed_bytes.map(|freed| format!("; {} came free", bytes(freed)));
    parts.push(styled(
        style::GOES,
        format!("{removed} removed{}", freed.unwrap_or_default()),
    ));
    let rows = report.removed.iter().map(|gone| {
        let again = gone.digests.first().cloned().unwrap_or_else(|| "-".to_owned());
        vec![
            name(&gone.names, &gone.digests, &gone.id),
            bytes(gone.bytes),
            gone.reason.clone(),
            again,
        ]
    });
    let rows: Vec<Vec<String>> = rows.collect();
    if !rows.is_empty() {
        parts.push(shown(&["IMAGE", "SIZE", "WHY", "PULL AGAIN"], rows, console));
    }
    let tried = report.removed.len() + report.skipped.len() + report.failed.len();
    let waiting = report.plan.go.len().saturating_sub(tried) as u64;
    if waiting > 0 && report.plan.gaps.is_empty() {
        let text = format!(
            "{} for the next run: a first look has let them go, a second one has to agree",
            count(waiting, "image")
        );
        parts.push(remark("marked:", &text, console));
    }
    parts.extend(left("stayed after all", &report.skipped, console));
    parts.extend(left("could not be removed", &report.failed, console));
    if report.build_cache_freed_bytes > 0 {
        parts.push(labelled(
            "build cache",
            &format!("{} came free", bytes(report.build_cache_freed_bytes)),
        ));
    }
    parts.extend(
        report
            .interrupted
            .as_ref()
            .map(|why| remark("ended early:", why, console)),
    );
    parts.push(staying(&report.plan, console));
    parts.extend(pressure(&report.plan, console));
    parts.retain(|part| !part.is_empty());
    parts.join("\n\n")
}

fn remark(label: &str, text: &str, console: &Console) -> String {
    hanging(&format!("{} ", styled(style::NOTE, label)), text, console.line_width())
}

fn left(heading: &str, images: &[Left], console: &Console) -> Option<String> {
    let rows = images
        .iter()
        .map(|left| vec![name(&left.names, &[], &left.id), left.why.clone()]);
    let rows: Vec<Vec<String>> = rows.collect();
    if rows.is_empty() {
        return None;
    }
    let columns = [Column::Text("IMAGE"), Column::Text("WHY")];
    let drawn = table(&columns, rows, console.line_width());
    Some(format!(
        "{}\n{drawn}",
        styled(style::HEADING, format!("{heading}: {}", images.len()))
    ))
}

/// Tells how far a run is: a line for each of its steps, a bar while it takes images.
#[derive(Debug)]
pub(super) struct Steps {
    face: Face,
    taking: Mutex<Option<Progress>>,
}

/// Begins to tell.
pub(super) fn progress(face: Face) -> Steps {
    Steps {
        face,
        taking: Mutex::new(None),
    }
}

impl Steps {
    /// A step begins.
    pub(super) fn tell(&self, step: HostProgress<'_>) {
        let mut taking = self.taking.lock().unwrap_or_else(PoisonError::into_inner);
        match step {
            HostProgress::Looking => {}
            HostProgress::Waiting(seconds) if self.face != Face::Silent => {
                let text = format!("looking again in {} s at what would go", seconds);
                aside(style::FAINT, "wait:", text);
            }
            HostProgress::Waiting(_) | HostProgress::Shrinking => {}
            HostProgress::Taking { of, .. } => match &*taking {
                Some(progress) => progress.advance(),
                None => *taking = Some(Progress::start(self.face, "removing", of as u64)),
            },
        }
    }

    /// Everything is done.
    pub(super) fn end(&self) {
        drop(self.taking.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

/// What went in a run, and how to have it again.
fn run(run: &HostRun, now: Timestamp, console: &Console) -> String {
    let freed = run.freed_bytes.map(|freed| format!(", {} came free", bytes(freed)));
    let end = match run.ended_at {
        Some(_) => String::new(),
        None => "; it was interrupted, or goes on".to_owned(),
    };
    let heading = format!(
        "{} ({}): {}{}{end}",
        moment(run.started_at),
        ago(run.started_at, now),
        count(run.removals.len() as u64, "image"),
        freed.unwrap_or_default()
    );
    let rows = run.removals.iter().map(|gone| {
        let outcome = gone.outcome.clone().unwrap_or_else(|| "not known".to_owned());
        let again = gone.digests.first().cloned().unwrap_or_else(|| "-".to_owned());
        vec![
            name(&gone.names, &gone.digests, &gone.id),
            outcome,
            gone.reason.clone(),
            again,
        ]
    });
    let rows: Vec<Vec<String>> = rows.collect();
    match rows.is_empty() {
        true => heading,
        false => format!(
            "{heading}\n{}",
            shown(&["IMAGE", "BECAME", "WHY", "PULL AGAIN"], rows, console)
        ),
    }
}

/// Every image, the largest first: who uses it, or what becomes of it.
fn images(plan: &HostPlan, console: &Console) -> String {
    let stay = plan.stay.iter().map(|stay| {
        let why = match &stay.reason {
            StayReason::InUse { used_by } => users(used_by, console.verbose),
            reason => format!("stays: {reason}"),
        };
        let row = vec![
            name(&stay.names, &[], &stay.id),
            bytes(stay.bytes),
            last_used(stay, plan.now),
            why,
        ];
        (stay.bytes, row)
    });
    let go = plan.go.iter().map(|gone| {
        let mut row = going_row(gone, plan.now);
        row[3] = format!("goes: {}", row[3]);
        (gone.bytes, row)
    });
    let mut all: Vec<(u64, Vec<String>)> = stay.chain(go).collect();
    all.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    let rows = all.into_iter().map(|(_, row)| row).collect();
    shown(
        &["IMAGE", "SIZE", "LAST USED", "USED BY, OR WHAT BECOMES OF IT"],
        rows,
        console,
    )
}

fn users(used_by: &[String], all: bool) -> String {
    let named = if all { used_by.len() } else { NAMED };
    let first = used_by.iter().take(named).cloned().collect::<Vec<_>>().join(", ");
    match used_by.len().saturating_sub(named) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

/// A table of images, the first ones unless all are asked for.
fn shown(headings: &[&'static str; 4], mut rows: Vec<Vec<String>>, console: &Console) -> String {
    let more = rows.len().saturating_sub(SHOWN);
    if !console.verbose {
        rows.truncate(SHOWN);
    }
    let columns = headings.map(|heading| match heading {
        "SIZE" => Column::Figure(heading),
        _ => Column::Text(heading),
    });
    let drawn = table(&columns, rows, console.line_width());
    match more {
        1.. if !console.verbose => format!("{drawn}\n… and {more} more: --verbose lists all"),
        _ => drawn,
    }
}

/// The first name and how many more there are; else the repository with a short digest; else the short id.
pub(super) fn name(names: &[String], digests: &[String], id: &Digest) -> String {
    match (names, digests) {
        ([], []) => id.hex().chars().take(ID_DIGITS).collect(),
        ([], [first, ..]) => match first.split_once("@sha256:") {
            Some((repository, hex)) => format!("{repository}@{}", hex.chars().take(ID_DIGITS).collect::<String>()),
            None => first.clone(),
        },
        ([name], _) => name.clone(),
        ([name, rest @ ..], _) => format!("{name} (+{})", rest.len()),
    }
}
