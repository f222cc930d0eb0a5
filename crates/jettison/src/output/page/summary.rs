//! What the page says in words: when and of what the facts were read, the main figures, how exact they are, findings.

use jettison_core::audit::{Audit, AuditFinding, FactsFrom, Holdings, RegistryAudit};
use jettison_core::config::Severity;
use jettison_core::money::Money;

use super::super::text::{bytes, count, moment, number};
use super::fields::qualifier;
use super::markup::Markup;

/// How many gaps are listed; the JSON form has all of them.
const GAPS: usize = 50;

/// When the facts were read, and where.
pub(super) fn header(audit: &Audit) -> Markup {
    let from = match audit.facts {
        FactsFrom::Registries => "read from the registries",
        FactsFrom::Recorded => "as the last scan recorded them",
        FactsFrom::SavedFacts => "read from files",
    };
    let mut header = Markup::default();
    header
        .raw("<p>The facts are of <strong>")
        .text(&moment(audit.taken_at))
        .raw("</strong>, ")
        .raw(from)
        .raw(".");
    if let [registry] = audit.registries.as_slice() {
        let repositories = count(registry.repositories, "repository");
        header
            .raw(" ")
            .text(&repositories)
            .raw(" of ")
            .name(&registry.registry.to_string())
            .raw(".");
    } else {
        let repositories = audit.registries.iter().map(|registry| registry.repositories).sum();
        header.raw(" ").text(&count(repositories, "repository")).raw(" of ");
        header.text(&count(audit.registries.len() as u64, "registry")).raw(".");
    }
    if let Some(prices) = &audit.prices {
        header.raw(" Prices are in ").text(&prices.currency);
        if let Some(day) = prices.as_of {
            header.raw(", as of ").text(&day.to_string());
        }
        header.raw(".");
    }
    header.raw("</p>");
    header
}

/// The main figures, of all registries together: they share no bytes, so theirs add up.
pub(super) fn figures(main: &mut Markup, audit: &Audit) {
    let totals = totals(audit);
    main.raw("<section aria-labelledby=\"short\"><h2 id=\"short\">In short</h2><dl class=\"figures\">\n");
    stored(main, &totals);
    images(main, &totals);
    cost(main, audit);
    shares(main, &totals);
    if let Some(savings) = &audit.savings {
        let mut note = format!("with {}", count(savings.all.images, "image"));
        if let (Some(saved), Some(prices)) = (savings.all.per_month, &audit.prices) {
            note.push_str(&format!(": {saved} {} less a month", prices.currency));
        }
        if savings.all.archived_bytes > 0 {
            note.push_str(&format!("; {} would be archived", bytes(savings.all.archived_bytes)));
        }
        figure(main, "The policy would free", &bytes(savings.all.bytes), &note);
    }
    main.raw("</dl></section>\n");
}

fn stored(main: &mut Markup, totals: &Holdings) {
    let naive = format!(
        "each layer once; image sizes added up say {}",
        bytes(totals.image_bytes)
    );
    qualified(main, "Stored", Some(totals), &bytes(totals.stored_bytes), &naive);
}

fn images(main: &mut Markup, totals: &Holdings) {
    let note = format!(
        "{}, {}; {} without a tag",
        count(totals.manifests, "manifest"),
        count(totals.tags, "tag"),
        number(totals.untagged)
    );
    qualified(main, "Images", Some(totals), &number(totals.images), &note);
}

fn cost(main: &mut Markup, audit: &Audit) {
    let Some(prices) = &audit.prices else { return };
    let bills: Vec<Money> = audit
        .registries
        .iter()
        .filter_map(|it| it.bill.as_ref())
        .map(|bill| bill.total)
        .collect();
    if bills.is_empty() {
        return;
    }
    let unpriced = audit.registries.len() - bills.len();
    let mut note = match prices.as_of {
        Some(day) => format!("prices as of {day}"),
        None => "at the price that was given".to_owned(),
    };
    if unpriced > 0 {
        note.push_str(&format!(
            "; {} without a known price",
            count(unpriced as u64, "registry")
        ));
    }
    let total: Money = bills.into_iter().sum();
    qualified(
        main,
        "Cost a month",
        Some(&totals(audit)),
        &format!("{total} {}", prices.currency),
        &note,
    );
}

fn shares(main: &mut Markup, totals: &Holdings) {
    let share = |bytes: u64| bytes.saturating_mul(100) / totals.stored_bytes.max(1);
    if let (Some(images), Some(size)) = (totals.not_in_use_images, totals.not_in_use_bytes) {
        let in_use = number(totals.images.saturating_sub(images));
        let note = format!(
            "in {}, {} % of what is stored; {in_use} are in use",
            count(images, "image"),
            share(size)
        );
        figure(main, "Not in use", &bytes(size), &note);
    }
    if let (Some(images), Some(size)) = (totals.never_pulled_images, totals.never_pulled_bytes) {
        let note = format!("in {}, {} % of what is stored", count(images, "image"), share(size));
        figure(main, "Never pulled", &bytes(size), &note);
    }
}

fn figure(main: &mut Markup, what: &str, value: &str, note: &str) {
    qualified(main, what, None, value, note);
}

/// A figure with how exact it is.
fn qualified(main: &mut Markup, what: &str, of: Option<&Holdings>, value: &str, note: &str) {
    main.raw("<div><dt>").text(what).raw("</dt><dd class=\"figure\">");
    if let Some(word) = of.and_then(qualifier) {
        main.raw("<small>").raw(word).raw("</small> ");
    }
    main.text(value)
        .raw("</dd><dd class=\"note\">")
        .text(note)
        .raw("</dd></div>\n");
}

/// The holdings of all registries. What is unknown of one is unknown of all.
fn totals(audit: &Audit) -> Holdings {
    let start = Holdings {
        never_pulled_images: Some(0),
        never_pulled_bytes: Some(0),
        not_in_use_images: Some(0),
        not_in_use_bytes: Some(0),
        ..Holdings::default()
    };
    audit
        .registries
        .iter()
        .fold(start, |sum, registry| added(&sum, &registry.totals))
}

fn added(sum: &Holdings, more: &Holdings) -> Holdings {
    let both = |one: Option<u64>, other: Option<u64>| Some(one?.saturating_add(other?));
    Holdings {
        images: sum.images.saturating_add(more.images),
        manifests: sum.manifests.saturating_add(more.manifests),
        tags: sum.tags.saturating_add(more.tags),
        untagged: sum.untagged.saturating_add(more.untagged),
        stored_bytes: sum.stored_bytes.saturating_add(more.stored_bytes),
        image_bytes: sum.image_bytes.saturating_add(more.image_bytes),
        never_pulled_images: both(sum.never_pulled_images, more.never_pulled_images),
        never_pulled_bytes: both(sum.never_pulled_bytes, more.never_pulled_bytes),
        not_in_use_images: both(sum.not_in_use_images, more.not_in_use_images),
        not_in_use_bytes: both(sum.not_in_use_bytes, more.not_in_use_bytes),
        at_least: sum.at_least || more.at_least,
        at_most: sum.at_most || more.at_most,
        ..Holdings::default()
    }
}

/// What is not known, and why; nothing where all is.
pub(super) fn exactness(main: &mut Markup, audit: &Audit) {
    let inexact: Vec<&RegistryAudit> = audit
        .registries
        .iter()
        .filter(|registry| !registry.because.is_empty())
        .collect();
    if inexact.is_empty() && audit.gaps.is_empty() {
        return;
    }
    main.raw("<section aria-labelledby=\"known\"><h2 id=\"known\">What is not known</h2>\n");
    for registry in inexact {
        main.raw("<p>The figures of ")
            .name(&registry.registry.to_string())
            .raw(" are ");
        main.raw(qualifier(&registry.totals).map_or("not exact", |word| match word {
            "at least" => "at least what is there",
            "at most" => "at most what is there",
            _ => "about right",
        }));
        main.raw(":</p><ul>");
        for reason in &registry.because {
            main.raw("<li>").name(reason).raw("</li>");
        }
        main.raw("</ul>\n");
    }
    gaps(main, &audit.gaps);
    main.raw("</section>\n");
}

fn gaps(main: &mut Markup, gaps: &[String]) {
    if gaps.is_empty() {
        return;
    }
    main.raw("<p>This could not be read:</p><ul>");
    for gap in gaps.iter().take(GAPS) {
        main.raw("<li>").name(gap).raw("</li>");
    }
    if gaps.len() > GAPS {
        main.raw("<li>and ")
            .text(&number((gaps.len() - GAPS) as u64))
            .raw(" more</li>");
    }
    main.raw("</ul>\n");
}

/// What is wrong with the facts, and where money is wasted.
pub(super) fn findings(main: &mut Markup, audit: &Audit) {
    if audit.findings.is_empty() {
        return;
    }
    main.raw("<section aria-labelledby=\"findings\"><h2 id=\"findings\">Worth knowing</h2><ul class=\"findings\">\n");
    for finding in &audit.findings {
        finding_in(main, finding);
    }
    main.raw("</ul></section>\n");
}

fn finding_in(main: &mut Markup, finding: &AuditFinding) {
    let word = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    };
    main.raw("<li class=\"")
        .raw(word)
        .raw("\"><p><span class=\"severity\">")
        .raw(word)
        .raw("</span> <code>");
    main.text(&finding.code).raw("</code> ").name(&finding.message);
    if let Some(size) = finding.bytes {
        main.raw(" (").text(&bytes(size)).raw(")");
    }
    main.raw("</p><p>").name(&finding.hint).raw("</p>");
    if !finding.examples.is_empty() {
        main.raw("<p class=\"faint\">For example ");
        for (at, example) in finding.examples.iter().enumerate() {
            main.raw(if at == 0 { "" } else { ", " }).name(example);
        }
        main.raw("</p>");
    }
    main.raw("</li>\n");
}
