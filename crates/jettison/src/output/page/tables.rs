//! What the tables show: which columns, in which units, and the rows, those that matter most first.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use jettison_core::audit::{Audit, AuditImage, Duplicate, RegistryAudit, Row, RuleSaving, Saving};
use jettison_core::model::{RepositoryName, Sharing, Tag};
use jettison_core::money::BillLine;
use serde::Serialize;

use super::super::text::count;
use super::cell::{Cell, Unit};
use super::fields::{Fields, by_stored, count_in, holdings, known_if, short, some_of};

/// A table that the page sorts and filters.
#[derive(Debug, Serialize)]
pub(super) struct Table {
    /// What the address calls it.
    pub(super) id: String,
    pub(super) title: String,
    #[serde(skip)]
    pub(super) note: String,
    pub(super) columns: Vec<Column>,
    pub(super) rows: Vec<Vec<Cell>>,
    /// How it is sorted at first: the rows stand in that order.
    pub(super) sort: Sort,
}

/// What one column holds.
#[derive(Debug, Serialize)]
pub(super) struct Column {
    /// What the address calls it: the name of the field in the JSON form.
    pub(super) key: &'static str,
    #[serde(skip)]
    pub(super) title: String,
    pub(super) unit: Unit,
}

#[derive(Debug, Serialize)]
pub(super) struct Sort {
    key: &'static str,
    descending: bool,
}

const MOST_FIRST: fn(&'static str) -> Sort = |key| Sort { key, descending: true };

/// The tables that have rows.
pub(super) fn all(audit: &Audit, most_rows: usize) -> Vec<Table> {
    let context = Context {
        audit,
        most_rows,
        several: audit.registries.len() > 1,
        currency: audit.prices.as_ref().map_or("", |prices| prices.currency.as_str()),
    };
    let mut tables = vec![context.registries(), context.bills(), context.repositories()];
    tables.extend(asked_groups(audit).iter().map(|(id, by)| context.groups(id, by)));
    tables.extend([
        context.images(
            "heaviest",
            "The heaviest images in use",
            &audit.heaviest_in_use,
            MOST_FIRST("bytes"),
        ),
        context.images(
            "oldest",
            "The oldest images in use",
            &audit.oldest_in_use,
            Sort {
                key: "time",
                descending: false,
            },
        ),
        context.duplicates(),
        context.savings(),
    ]);
    tables.retain(|table| !table.rows.is_empty());
    tables
}

/// The divisions beyond repository, kind and age, each with an id of its own.
pub(super) fn asked_groups(audit: &Audit) -> Vec<(String, &str)> {
    let mut seen = BTreeSet::from(["repository", "kind", "age"]);
    let asked = audit
        .rows
        .iter()
        .map(|row| row.by.as_str())
        .filter(|by| seen.insert(by));
    let ids = (1..).map(|at| {
        if at == 1 {
            "groups".to_owned()
        } else {
            format!("groups-{at}")
        }
    });
    ids.zip(asked).collect()
}

struct Context<'a> {
    audit: &'a Audit,
    /// How many rows a table has at most.
    most_rows: usize,
    several: bool,
    currency: &'a str,
}

impl Context<'_> {
    /// Puts a table together, without the columns in which nothing is known. `wanted`: known by their keys, these are
    /// kept.
    fn table(&self, id: &str, title: &str, note: &str, sort: Sort, rows: Vec<Fields>) -> Table {
        let left_out = rows.len().saturating_sub(self.most_rows);
        let columns: Vec<_> = rows
            .first()
            .into_iter()
            .flatten()
            .map(|(key, title, unit, _)| (*key, *title, *unit))
            .collect();
        let says_something: Vec<bool> = (0..columns.len())
            .map(|at| rows.iter().any(|row| !matches!(&row[at].3, Cell::Unknown)))
            .collect();
        let kept = |at: &usize| says_something.get(*at).copied().unwrap_or_default();
        let mut note = note.to_owned();
        if left_out > 0 {
            note.push_str(&format!(" {} are left out.", count(left_out as u64, "smaller row")));
        }
        Table {
            id: id.to_owned(),
            title: title.to_owned(),
            note: note.trim_start().to_owned(),
            columns: (0..columns.len())
                .filter(kept)
                .map(|at| Column {
                    key: columns[at].0,
                    title: self.titled(columns[at].1, columns[at].2),
                    unit: columns[at].2,
                })
                .collect(),
            rows: rows
                .into_iter()
                .take(self.most_rows)
                .map(|row| {
                    row.into_iter()
                        .enumerate()
                        .filter(|(at, _)| kept(at))
                        .map(|(_, field)| field.3)
                        .collect()
                })
                .collect(),
            sort,
        }
    }

    fn titled(&self, title: &str, unit: Unit) -> String {
        match unit {
            Unit::Money if !self.currency.is_empty() => format!("{title} ({})", self.currency),
            _ => title.to_owned(),
        }
    }

    /// Which registry, where there are several.
    fn registry(&self, host: &impl ToString) -> (&'static str, &'static str, Unit, Cell) {
        let cell = if self.several {
            Cell::text(&host.to_string())
        } else {
            Cell::Unknown
        };
        ("registry", "Registry", Unit::Text, cell)
    }

    fn registries(&self) -> Table {
        let rows = self.audit.registries.iter().filter(|_| self.several).map(|registry| {
            let mut row = vec![
                (
                    "registry",
                    "Registry",
                    Unit::Text,
                    Cell::text(&registry.registry.to_string()),
                ),
                (
                    "product",
                    "Product",
                    Unit::Text,
                    Cell::optional(registry.product.as_deref(), Cell::text),
                ),
                (
                    "repositories",
                    "Repositories",
                    Unit::Count,
                    Cell::Count(registry.repositories),
                ),
            ];
            row.extend(holdings(&registry.totals));
            row
        });
        let mut rows: Vec<Fields> = rows.collect();
        by_stored(&mut rows);
        self.table("registries", "Registries", "", MOST_FIRST("stored_bytes"), rows)
    }

    fn bills(&self) -> Table {
        let registries = self.audit.registries.iter();
        let mut lines: Vec<_> = registries
            .flat_map(|registry| {
                registry
                    .bill
                    .iter()
                    .flat_map(move |bill| bill.lines.iter().map(move |line| (registry, line)))
            })
            .collect();
        lines.sort_by_key(|(_, line)| Reverse(line.amount));
        let row = |(registry, line): &(&RegistryAudit, &BillLine)| {
            vec![
                ("what", "What", Unit::Text, Cell::text(&line.what)),
                self.registry(&registry.registry),
                ("bytes", "Bytes", Unit::Bytes, Cell::Bytes(line.bytes)),
                ("amount", "A month", Unit::Money, Cell::Money(line.amount)),
            ]
        };
        let rows = lines.iter().map(row).collect();
        self.table(
            "bill",
            "The bill",
            "What the stored bytes cost a month.",
            MOST_FIRST("amount"),
            rows,
        )
    }

    fn repositories(&self) -> Table {
        let shares = self
            .audit
            .registries
            .iter()
            .any(|registry| registry.sharing == Sharing::Registry);
        let note = match shares {
            true => {
                "Stored: its layers, each counted once. Layers that several repositories share are in the figures of each, so \
                 these do not add up; “alone” is what nothing else holds."
            }
            false => "Stored: its layers, each counted once in each repository, as this registry stores them.",
        };
        self.divided("repository", "repositories", "Repositories", note)
    }

    fn groups(&self, id: &str, by: &str) -> Table {
        let note = "Groups may share layers: these are in the figures of each. “Alone” is what nothing else holds.";
        self.divided(by, id, &format!("By {by}"), note)
    }

    fn divided(&self, by: &str, id: &str, title: &str, note: &str) -> Table {
        let row = |row: &Row| {
            let mut fields = vec![
                ("name", "Name", Unit::Text, Cell::text(&row.name)),
                self.registry(&row.registry),
            ];
            fields.extend(holdings(&row.holdings));
            fields
        };
        let mut rows: Vec<Fields> = self.audit.rows.iter().filter(|row| row.by == by).map(row).collect();
        by_stored(&mut rows);
        self.table(id, title, note, MOST_FIRST("stored_bytes"), rows)
    }

    fn images(&self, id: &str, title: &str, images: &[AuditImage], sort: Sort) -> Table {
        let rows = images.iter().map(|image| {
            let tags: Vec<&str> = image.tags.iter().map(Tag::as_str).collect();
            let name = match tags.as_slice() {
                [] => format!("{}@{}", image.repository, short(&image.digest)),
                tags => format!("{}:{}", image.repository, some_of(tags, ", ")),
            };
            vec![
                ("image", "Image", Unit::Text, Cell::text(&name)),
                self.registry(&image.registry),
                ("bytes", "Bytes", Unit::Bytes, Cell::Bytes(image.bytes)),
                ("time", "Since", Unit::Day, Cell::optional(image.time, Cell::Day)),
                (
                    "used_by",
                    "Used by",
                    Unit::Text,
                    Cell::text(&some_of(&image.used_by, "; ")),
                ),
                (
                    "last_pulled_at",
                    "Last pulled",
                    Unit::Day,
                    Cell::optional(image.last_pulled_at, Cell::Day),
                ),
                ("kind", "Kind", Unit::Text, Cell::text(image.kind.as_str())),
                ("digest", "Digest", Unit::Text, Cell::Text(short(&image.digest))),
            ]
        });
        let note = "Bytes: the image with all that hangs on it, each layer once.";
        self.table(id, title, note, sort, rows.collect())
    }

    fn duplicates(&self) -> Table {
        let row = |duplicate: &Duplicate| {
            let repositories: Vec<&str> = duplicate.repositories.iter().map(RepositoryName::as_str).collect();
            vec![
                (
                    "repositories",
                    "In the repositories",
                    Unit::Text,
                    Cell::text(&some_of(&repositories, ", ")),
                ),
                self.registry(&duplicate.registry),
                (
                    "copies",
                    "Copies",
                    Unit::Count,
                    Cell::Count(duplicate.repositories.len() as u64),
                ),
                ("bytes", "One copy", Unit::Bytes, Cell::Bytes(duplicate.bytes)),
                (
                    "extra_bytes",
                    "The others take",
                    Unit::Bytes,
                    Cell::Bytes(duplicate.extra_bytes),
                ),
                ("digest", "Digest", Unit::Text, Cell::Text(short(&duplicate.digest))),
            ]
        };
        let mut rows: Vec<Fields> = self.audit.duplicates.iter().map(row).collect();
        rows.sort_by_key(|row| Reverse(count_in(row, "extra_bytes")));
        let note =
            "One image in several repositories. Where the registry stores a layer once, the copies take nothing.";
        self.table("duplicates", "Duplicates", note, MOST_FIRST("extra_bytes"), rows)
    }

    /// Each rule alone, and below them all together: what rules free does not add up.
    fn savings(&self) -> Table {
        let Some(savings) = &self.audit.savings else {
            return self.table("savings", "", "", MOST_FIRST("bytes"), Vec::new());
        };
        let saving = |name: &str, policy: Option<&str>, saving: &Saving| {
            vec![
                ("rule", "Rule", Unit::Text, Cell::text(name)),
                ("policy", "Policy", Unit::Text, Cell::optional(policy, Cell::text)),
                ("images", "Images", Unit::Count, Cell::Count(saving.images)),
                ("bytes", "Frees", Unit::Bytes, Cell::Bytes(saving.bytes)),
                (
                    "archived_bytes",
                    "Archives",
                    Unit::Bytes,
                    known_if(saving.archived_bytes),
                ),
                (
                    "per_month",
                    "Less a month",
                    Unit::Money,
                    Cell::optional(saving.per_month, Cell::Money),
                ),
            ]
        };
        let alone = |RuleSaving {
                         policy,
                         rule,
                         saving: what,
                     }: &RuleSaving| saving(rule, Some(policy), what);
        let mut rows: Vec<Fields> = savings.rules.iter().map(alone).collect();
        rows.push(saving("(all rules together)", None, &savings.all));
        rows.sort_by_key(|row| Reverse(count_in(row, "bytes")));
        let note = "Each rule alone, as if every other let everything stay, and all together. These do not add up: two rules may \
                    have to go together before a layer is free.";
        self.table("savings", "What the policy would free", note, MOST_FIRST("bytes"), rows)
    }
}
