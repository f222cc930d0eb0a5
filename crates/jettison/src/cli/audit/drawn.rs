//! An audit for people: sentences, tables and bars that fit a terminal.

use jettison_core::audit::{Audit, AuditImage, FactsFrom, Holdings, RegistryAudit, Row, Saving};
use jettison_core::config::Severity;
use jettison_core::money::Money;

use crate::output::text::{ago, bytes, count, moment, number};
use crate::output::{Column, Console, Strokes, hanging, percent, style, styled, table};

/// How many parts of a sort are shown, unless all are asked for.
const SHOWN: usize = 10;

/// What is not to be added up.
const OVERLAP: &str =
    "What they share counts in each of them, and so does its money: they come to more than the whole.";

/// How wide a bar is.
const BAR: usize = 16;

/// Everything that the report says.
pub(super) fn draw(audit: &Audit, console: &Console) -> String {
    let drawing = Drawing {
        audit,
        width: console.width(),
        shown: if console.verbose { usize::MAX } else { SHOWN },
        strokes: Strokes::of_terminal(),
    };
    let mut parts = vec![drawing.origin()];
    for registry in &audit.registries {
        parts.push(drawing.registry(registry));
        parts.extend(drawing.rows(registry));
    }
    parts.extend(drawing.images("Heaviest in use", &audit.heaviest_in_use));
    parts.extend(drawing.images("Oldest in use", &audit.oldest_in_use));
    parts.extend(drawing.duplicates());
    parts.extend(drawing.growth());
    parts.extend(drawing.savings());
    parts.extend(drawing.findings());
    parts.join("\n\n")
}

struct Drawing<'a> {
    audit: &'a Audit,
    width: usize,
    shown: usize,
    strokes: Strokes,
}

/// `at least 412 GB`, `about 412 GB`.
fn bounded(holdings: &Holdings, figure: String) -> String {
    match (holdings.at_least, holdings.at_most) {
        (false, false) => figure,
        (true, false) => format!("at least {figure}"),
        (false, true) => format!("at most {figure}"),
        (true, true) => format!("about {figure}"),
    }
}

/// `82 %` of something.
fn share(part: u64, whole: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a percentage for people")]
    let share = if whole == 0 { 0.0 } else { part as f64 / whole as f64 };
    percent(share)
}

impl Drawing<'_> {
    fn origin(&self) -> String {
        let when = format!(
            "{} ({})",
            moment(self.audit.taken_at),
            ago(self.audit.taken_at, self.audit.now)
        );
        match self.audit.facts {
            FactsFrom::Registries => format!("Read from the registries just now, {}", moment(self.audit.taken_at)),
            FactsFrom::Recorded => format!("As recorded by the scan of {when}; nobody was asked"),
            FactsFrom::SavedFacts => format!("From saved facts of {when}"),
        }
    }

    fn money(&self, amount: Money) -> String {
        let currency = self.audit.prices.as_ref().map_or("", |prices| &prices.currency);
        format!("{amount} {currency}").trim_end().to_owned()
    }

    fn registry(&self, registry: &RegistryAudit) -> String {
        let Holdings {
            stored_bytes, images, ..
        } = registry.totals;
        let totals = &registry.totals;
        let mut lines = vec![styled(style::HEADING, &registry.registry)];
        let mut say = |label: &str, text: String| {
            let lead = format!("  {label:<13}");
            lines.push(hanging(&lead, &text, self.width));
        };
        say(
            "stored",
            format!(
                "{} in {}: {}, {} ({} untagged)",
                bounded(totals, bytes(stored_bytes)),
                count(registry.repositories, "repository"),
                count(images, "image"),
                count(totals.tags, "tag"),
                number(totals.untagged),
            ),
        );
        if totals.image_bytes > stored_bytes {
            say(
                "",
                format!(
                    "every blob counts once; added up image by image it would be {}",
                    bytes(totals.image_bytes)
                ),
            );
        }
        if totals.shared_bytes > 0 {
            say(
                "shared",
                format!(
                    "{} ({}) by several repositories",
                    bytes(totals.shared_bytes),
                    share(totals.shared_bytes, stored_bytes)
                ),
            );
        }
        if totals.archived_bytes > 0 {
            say("archived", bytes(totals.archived_bytes));
        }
        let unused = totals.not_in_use_images.zip(totals.not_in_use_bytes);
        say(
            "not in use",
            match unused {
                Some((unused, held)) => format!(
                    "{} of {}, which alone hold {} ({})",
                    number(unused),
                    count(images, "image"),
                    bytes(held),
                    share(held, stored_bytes)
                ),
                None => "nobody knows: not every source of usage was asked and answered".to_owned(),
            },
        );
        if let Some((never, held)) = totals.never_pulled_images.zip(totals.never_pulled_bytes) {
            say(
                "never pulled",
                format!("{}, which alone hold {}", count(never, "image"), bytes(held)),
            );
        }
        match &registry.bill {
            Some(bill) => {
                let product = registry.product.as_deref().unwrap_or_default();
                let cost = bounded(totals, self.money(bill.total));
                let prices = match self.audit.prices.as_ref().and_then(|prices| prices.as_of) {
                    Some(day) => format!("`{product}`, prices of {day}"),
                    None => "at the price that was given".to_owned(),
                };
                say("costs", format!("{cost} a month for storage ({prices})"));
            }
            None => say(
                "costs",
                "no price is known of this registry; --price 0.10 gives one".to_owned(),
            ),
        }
        for why in &registry.because {
            say("not exact", why.clone());
        }
        lines.join("\n")
    }

    /// One table for each way to divide the registry.
    fn rows(&self, registry: &RegistryAudit) -> Vec<String> {
        let mut ways: Vec<&str> = Vec::new();
        let of_registry = || self.audit.rows.iter().filter(|row| row.registry == registry.registry);
        for row in of_registry() {
            if !ways.contains(&row.by.as_str()) {
                ways.push(&row.by);
            }
        }
        let of_way = |way: &str| {
            let mut rows: Vec<&Row> = of_registry().filter(|row| row.by == way).collect();
            // Ages and kinds stand in their own order.
            if !["age", "kind"].contains(&way) {
                rows.sort_by_key(|row| std::cmp::Reverse(row.holdings.stored_bytes));
            }
            self.parts(way, &rows, registry)
        };
        ways.into_iter().map(of_way).collect()
    }

    fn parts(&self, way: &str, rows: &[&Row], registry: &RegistryAudit) -> String {
        let heading = match way {
            "repository" => "By repository".to_owned(),
            other => format!("By {other}"),
        };
        let is_priced = registry.bill.is_some();
        let knows_use = registry.totals.not_in_use_bytes.is_some();
        let mut columns = vec![
            Column::Text("NAME"),
            Column::Figure("STORED"),
            Column::Whole(""),
            Column::Figure("ITS OWN"),
            Column::Figure("IMAGES"),
            Column::Figure("TAGS"),
        ];
        if knows_use {
            columns.push(Column::Figure("UNUSED"));
        }
        if is_priced {
            columns.push(Column::Figure("A MONTH"));
        }
        let largest = rows
            .iter()
            .map(|row| row.holdings.stored_bytes)
            .max()
            .unwrap_or_default();
        let row = |row: &&Row| {
            let held = &row.holdings;
            let bar = self.strokes.bar(held.stored_bytes, largest, BAR.min(self.width / 8));
            let mut cells = vec![
                row.name.clone(),
                bytes(held.stored_bytes),
                bar,
                bytes(held.exclusive_bytes),
                number(held.images),
                number(held.tags),
            ];
            if knows_use {
                cells.push(held.not_in_use_bytes.map(bytes).unwrap_or_default());
            }
            if is_priced {
                cells.push(held.cost_per_month.map(|cost| cost.to_string()).unwrap_or_default());
            }
            cells
        };
        let cells = rows.iter().take(self.shown).map(row).collect();
        let sum = rows
            .iter()
            .map(|row| row.holdings.stored_bytes)
            .fold(0, u64::saturating_add);
        let overlap = match sum > registry.totals.stored_bytes {
            true => format!("\n{}", styled(style::FAINT, hanging("", OVERLAP, self.width))),
            false => String::new(),
        };
        format!(
            "{}\n{}{}{overlap}",
            styled(style::HEADING, heading),
            table(&columns, cells, self.width),
            self.more(rows.len())
        )
    }

    /// How many are not shown.
    fn more(&self, of: usize) -> String {
        match of.saturating_sub(self.shown) {
            0 => String::new(),
            hidden => format!(
                "\n{}",
                styled(style::FAINT, format!("and {} more (--verbose)", number(hidden as u64)))
            ),
        }
    }

    fn images(&self, heading: &str, images: &[AuditImage]) -> Option<String> {
        if images.is_empty() {
            return None;
        }
        let columns = [
            Column::Whole("IMAGE"),
            Column::Figure("HOLDS"),
            Column::Text("SINCE"),
            Column::Text("USED BY"),
        ];
        let row = |image: &AuditImage| {
            let name = match image.tags.first() {
                Some(tag) => format!("{}:{tag}", image.repository),
                None => format!("{}@{}", image.repository, image.digest.short()),
            };
            let users = match image.used_by.as_slice() {
                [] => String::new(),
                [only] => only.clone(),
                [first, rest @ ..] => format!("{first} and {} more", number(rest.len() as u64)),
            };
            let since = image
                .time
                .map_or_else(|| "unknown".to_owned(), |time| ago(time, self.audit.now));
            vec![name, bytes(image.bytes), since, users]
        };
        let rows = images.iter().take(self.shown).map(row).collect();
        Some(format!(
            "{}\n{}",
            styled(style::HEADING, heading),
            table(&columns, rows, self.width)
        ))
    }

    fn duplicates(&self) -> Option<String> {
        if self.audit.duplicates.is_empty() {
            return None;
        }
        let columns = [
            Column::Text("IMAGE"),
            Column::Figure("HOLDS"),
            Column::Figure("COPIES TAKE"),
            Column::Text("REPOSITORIES"),
        ];
        let rows = self.audit.duplicates.iter().take(self.shown).map(|duplicate| {
            let names: Vec<String> = duplicate.repositories.iter().take(3).map(ToString::to_string).collect();
            let more = duplicate.repositories.len().saturating_sub(names.len());
            let more = if more > 0 {
                format!(" and {} more", number(more as u64))
            } else {
                String::new()
            };
            vec![
                duplicate.digest.short(),
                bytes(duplicate.bytes),
                bytes(duplicate.extra_bytes),
                format!("{}{more}", names.join(", ")),
            ]
        });
        let drawn = table(&columns, rows.collect(), self.width);
        let heading = styled(style::HEADING, "In several repositories");
        let note = "Copies that share layers take them together: they do not add up.";
        Some(format!(
            "{heading}\n{drawn}{}\n{}",
            self.more(self.audit.duplicates.len()),
            styled(style::FAINT, note)
        ))
    }

    fn growth(&self) -> Option<String> {
        let mut lines = Vec::new();
        for registry in &self.audit.registries {
            let points = self
                .audit
                .growth
                .iter()
                .filter(|point| point.registry == registry.registry);
            let points: Vec<_> = points.collect();
            let (Some(first), Some(last)) = (points.first(), points.last()) else {
                continue;
            };
            if points.len() < 2 {
                continue;
            }
            let values: Vec<u64> = points.iter().map(|point| point.stored_bytes).collect();
            lines.push(format!(
                "  {}  {} on {} to {} on {}  {}",
                registry.registry,
                bytes(first.stored_bytes),
                day(first.at),
                bytes(last.stored_bytes),
                day(last.at),
                self.strokes.sparkline(&values, self.width / 3),
            ));
        }
        (!lines.is_empty()).then(|| format!("{}\n{}", styled(style::HEADING, "Growth"), lines.join("\n")))
    }

    fn savings(&self) -> Option<String> {
        let savings = self.audit.savings.as_ref()?;
        let columns = [
            Column::Text("RULE"),
            Column::Figure("IMAGES"),
            Column::Figure("FREES"),
            Column::Figure("ARCHIVES"),
            Column::Figure("SAVES A MONTH"),
        ];
        let row = |name: String, saving: &Saving| {
            vec![
                name,
                number(saving.images),
                bytes(saving.bytes),
                bytes(saving.archived_bytes),
                saving.per_month.map(|saved| self.money(saved)).unwrap_or_default(),
            ]
        };
        let mut rows: Vec<Vec<String>> = savings
            .rules
            .iter()
            .map(|rule| row(format!("{} of {}, alone", rule.rule, rule.policy), &rule.saving))
            .collect();
        rows.push(row("all together".to_owned(), &savings.all));
        Some(format!(
            "{}\n{}\n{}",
            styled(style::HEADING, "What the policy would free"),
            table(&columns, rows, self.width),
            styled(
                style::FAINT,
                "The rules do not add up: a layer is free when all that refer to it are gone."
            ),
        ))
    }

    fn findings(&self) -> Option<String> {
        if self.audit.findings.is_empty() {
            return None;
        }
        let of_finding = |finding: &jettison_core::audit::AuditFinding| {
            let style = if finding.severity == Severity::Note {
                style::FAINT
            } else {
                style::NOTE
            };
            let lead = format!("  {} ", styled(style, &finding.code));
            let examples = finding.examples.iter();
            let examples: Vec<String> = examples
                .map(|example| format!("\n{}", hanging("    ", example, self.width)))
                .collect();
            let text = format!("{}; {}", finding.message, finding.hint);
            format!("{}{}", hanging(&lead, &text, self.width), examples.join(""))
        };
        let findings: Vec<String> = self.audit.findings.iter().map(of_finding).collect();
        Some(format!(
            "{}\n{}",
            styled(style::HEADING, "Worth a look"),
            findings.join("\n")
        ))
    }
}

fn day(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
}
