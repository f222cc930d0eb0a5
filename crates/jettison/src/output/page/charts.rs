//! What the charts show: which rows of the audit, in which order, and what it comes to in a sentence.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use jettison_core::audit::{Audit, Holdings, Row};
use jettison_core::model::RegistryHost;
use jiff::Timestamp;
use serde::Serialize;

use super::super::text::{bytes, count};
use super::cell::{Cell, Unit};
use super::forecast;
use super::tables::asked_groups;

/// How many bars fit a chart that is still read.
const BARS: usize = 20;

/// How many colours the page has: so many registries have a curve.
const COLOURS: usize = 4;

/// A chart: values over labels.
#[derive(Debug, Serialize)]
pub(super) struct Chart {
    pub(super) id: String,
    #[serde(skip)]
    pub(super) title: String,
    /// Its main figures, for whoever does not see it.
    #[serde(skip)]
    pub(super) says: String,
    /// What the labels are.
    #[serde(skip)]
    pub(super) label: &'static str,
    /// Whether it takes the whole width.
    #[serde(skip)]
    pub(super) wide: bool,
    pub(super) form: Form,
    pub(super) horizontal: bool,
    pub(super) stacked: bool,
    pub(super) labels: Vec<Cell>,
    pub(super) series: Vec<Series>,
}

/// How values are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Form {
    Bars,
    /// Over time: the labels are days.
    Lines,
}

/// One colour of a chart: a value for each label.
#[derive(Debug, Serialize)]
pub(super) struct Series {
    pub(super) name: String,
    pub(super) unit: Unit,
    /// Which of the four colours of the page; 0 for a line that only marks a height.
    pub(super) colour: u8,
    pub(super) line: Line,
    pub(super) values: Vec<Cell>,
}

/// How a line is drawn, so that lines differ without their colours too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Line {
    Solid,
    Dashed,
    Dotted,
}

impl Series {
    pub(super) fn new(name: &str, unit: Unit, colour: u8, values: Vec<Cell>) -> Self {
        Self {
            name: name.to_owned(),
            unit,
            colour,
            line: Line::Solid,
            values,
        }
    }

    fn of_bytes(name: &str, colour: u8, values: impl Iterator<Item = u64>) -> Self {
        Self::new(name, Unit::Bytes, colour, values.map(Cell::Bytes).collect())
    }
}

/// The charts that there are data for.
pub(super) fn all(audit: &Audit) -> Vec<Chart> {
    let mut charts = Vec::new();
    charts.extend(repositories(audit));
    charts.extend(ages(audit));
    charts.extend(growth(audit));
    charts.extend(kinds(audit));
    charts.extend(groups(audit));
    charts.extend(forecast::charts(audit));
    charts
}

/// The rows of one division of all registries, each name once: registries share no bytes, so theirs add up.
fn parts(audit: &Audit, by: &str) -> Vec<(String, Holdings)> {
    let mut parts: Vec<(String, Holdings)> = Vec::new();
    let mut positions = HashMap::new();
    for row in audit.rows.iter().filter(|row| row.by == by) {
        let position = *positions.entry(row.name.as_str()).or_insert(parts.len());
        match parts.get_mut(position) {
            Some((_, part)) => add(part, &row.holdings),
            None => parts.push((row.name.clone(), row.holdings.clone())),
        }
    }
    parts
}

/// What charts show of holdings.
fn add(sum: &mut Holdings, more: &Holdings) {
    sum.images = sum.images.saturating_add(more.images);
    sum.stored_bytes = sum.stored_bytes.saturating_add(more.stored_bytes);
    sum.exclusive_bytes = sum.exclusive_bytes.saturating_add(more.exclusive_bytes);
    sum.shared_bytes = sum.shared_bytes.saturating_add(more.shared_bytes);
}

/// Stacked bars of the largest repositories.
fn repositories(audit: &Audit) -> Option<Chart> {
    let several = audit.registries.len() > 1;
    let mut rows: Vec<&Row> = audit.rows.iter().filter(|row| row.by == "repository").collect();
    rows.sort_by_key(|row| Reverse(row.holdings.stored_bytes));
    let (shown, others) = rows.split_at(rows.len().min(BARS));
    let largest = shown.first()?;
    let name = |row: &&Row| match several {
        true => Cell::text(&format!("{}/{}", row.registry, row.name)),
        false => Cell::text(&row.name),
    };
    let mut labels: Vec<Cell> = shown.iter().map(name).collect();
    let mut exclusive: Vec<u64> = shown.iter().map(|row| row.holdings.exclusive_bytes).collect();
    let mut shared: Vec<u64> = shown.iter().map(|row| row.holdings.shared_bytes).collect();
    let mut says = format!(
        "The largest of {} is {} with {}, of which {} are held by it alone.",
        count(rows.len() as u64, "repository"),
        name(largest).shown(),
        bytes(largest.holdings.stored_bytes),
        bytes(largest.holdings.exclusive_bytes)
    );
    if !others.is_empty() {
        let rest = others
            .iter()
            .fold(0_u64, |sum, row| sum.saturating_add(row.holdings.exclusive_bytes));
        let few = count(others.len() as u64, "smaller repository");
        says.push_str(&format!(
            " {few} hold {} that are theirs alone; what they share is not added up.",
            bytes(rest)
        ));
        // As one bar it would make the others too small to read.
        if rest / 2 <= largest.holdings.stored_bytes {
            labels.push(Cell::Text(few));
            exclusive.push(rest);
            shared.push(0);
        }
    }
    Some(Chart {
        label: "Repository",
        horizontal: true,
        stacked: true,
        wide: true,
        ..bars(
            "repositories",
            "The largest repositories",
            says,
            labels,
            stacked(exclusive, shared),
        )
    })
}

/// Exclusive and shared bytes; where nothing is shared there is nothing to tell apart.
fn stacked(exclusive: Vec<u64>, shared: Vec<u64>) -> Vec<Series> {
    let shares = shared.iter().any(|bytes| *bytes > 0);
    let mut series = vec![Series::of_bytes(
        if shares { "held by it alone" } else { "stored" },
        1,
        exclusive.into_iter(),
    )];
    if shares {
        series.push(Series::of_bytes("shared with others", 2, shared.into_iter()));
    }
    series
}

fn bars(id: &str, title: &str, says: String, labels: Vec<Cell>, series: Vec<Series>) -> Chart {
    Chart {
        id: id.to_owned(),
        title: title.to_owned(),
        says,
        label: "",
        wide: false,
        form: Form::Bars,
        horizontal: false,
        stacked: false,
        labels,
        series,
    }
}

/// Bytes and images by age, in the order of the form: the youngest first.
fn ages(audit: &Audit) -> Option<Chart> {
    let parts = parts(audit, "age");
    let (name, most) = parts.iter().max_by_key(|(_, part)| part.stored_bytes)?;
    let images = parts.iter().map(|(_, part)| Cell::Count(part.images)).collect();
    let says = format!(
        "Most is stored by images of the age {name}: {} in {}. Layers that several ages share count in each.",
        bytes(most.stored_bytes),
        count(most.images, "image")
    );
    let series = vec![
        Series::of_bytes("stored", 1, parts.iter().map(|(_, part)| part.stored_bytes)),
        Series::new("images", Unit::Count, 2, images),
    ];
    Some(Chart {
        label: "Age",
        ..bars("ages", "How old it is", says, labels(&parts), series)
    })
}

fn labels(parts: &[(String, Holdings)]) -> Vec<Cell> {
    parts.iter().map(|(name, _)| Cell::text(name)).collect()
}

fn kinds(audit: &Audit) -> Option<Chart> {
    let mut parts = parts(audit, "kind");
    parts.sort_by_key(|(_, part)| Reverse(part.stored_bytes));
    let all: Vec<String> = parts
        .iter()
        .map(|(name, part)| format!("{name} {}", bytes(part.stored_bytes)))
        .collect();
    let says = format!("{}.", all.join(", "));
    (parts.len() > 1).then(|| of_parts("kinds", "What it is", says, "Kind", &parts))
}

/// Whatever else was asked for: branches, teams.
fn groups(audit: &Audit) -> impl Iterator<Item = Chart> {
    asked_groups(audit).into_iter().filter_map(|(id, by)| {
        let mut parts = parts(audit, by);
        parts.sort_by_key(|(_, part)| Reverse(part.stored_bytes));
        let (of, (name, largest)) = (parts.len() as u64, parts.first()?);
        let says = format!(
            "Of {} the largest is {name}, with {} in {}.{}",
            count(of, "group"),
            bytes(largest.stored_bytes),
            count(largest.images, "image"),
            if parts.len() > BARS {
                " The largest 20 are shown."
            } else {
                ""
            }
        );
        parts.truncate(BARS);
        Some(of_parts(&id, &format!("By {by}"), says, "Group", &parts))
    })
}

fn of_parts(id: &str, title: &str, says: String, label: &'static str, parts: &[(String, Holdings)]) -> Chart {
    let (exclusive, shared) = parts
        .iter()
        .map(|(_, part)| (part.exclusive_bytes, part.shared_bytes))
        .unzip();
    Chart {
        label,
        horizontal: true,
        stacked: true,
        ..bars(id, title, says, labels(parts), stacked(exclusive, shared))
    }
}

/// What scans recorded, a registry each. One point is no curve.
fn growth(audit: &Audit) -> Option<Chart> {
    let mut curves: BTreeMap<&RegistryHost, Curve> = BTreeMap::new();
    for point in &audit.growth {
        let curve = curves.entry(&point.registry).or_default();
        curve.insert(point.at, point.stored_bytes);
    }
    let mut curves: Vec<(&RegistryHost, Curve)> = curves.into_iter().filter(|(_, curve)| curve.len() > 1).collect();
    curves.sort_by_key(|(_, curve)| Reverse(curve.last_key_value().map(|(_, stored)| *stored)));
    curves.truncate(COLOURS);
    let says: Vec<String> = curves.iter().filter_map(|(host, curve)| grown(host, curve)).collect();
    let times: BTreeSet<Timestamp> = curves.iter().flat_map(|(_, curve)| curve.keys().copied()).collect();
    let series = (1..).zip(&curves).map(|(colour, (host, curve))| {
        let stored = times
            .iter()
            .map(|at| Cell::optional(curve.get(at).copied(), Cell::Bytes));
        Series {
            line: [Line::Solid, Line::Dashed, Line::Dotted][usize::from(colour - 1) % 3],
            ..Series::new(host.as_str(), Unit::Bytes, colour, stored.collect())
        }
    });
    let series: Vec<Series> = series.collect();
    let says = format!(
        "{}. Repositories are taken to share as much as they do today.",
        says.join("; ")
    );
    let days = times.iter().map(|at| Cell::Day(*at)).collect();
    (!series.is_empty()).then(|| lines("growth", "How it grew", says, days, series))
}

/// What was stored when.
type Curve = BTreeMap<Timestamp, u64>;

fn grown(host: &RegistryHost, curve: &Curve) -> Option<String> {
    let (first, last) = (curve.first_key_value()?, curve.last_key_value()?);
    let point = |(at, stored): (&Timestamp, &u64)| format!("{} on {}", bytes(*stored), Cell::Day(*at).shown());
    let scans = count(curve.len() as u64, "scan");
    Some(format!("{host} held {} and {} ({scans})", point(first), point(last)))
}

pub(super) fn lines(id: &str, title: &str, says: String, labels: Vec<Cell>, series: Vec<Series>) -> Chart {
    Chart {
        label: "Day",
        form: Form::Lines,
        ..bars(id, title, says, labels, series)
    }
}
