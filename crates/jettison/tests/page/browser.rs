//! The page in a real browser, without a network: what its script made of the document, and what it looks like.
//!
//! Whoever changes the page looks at it: with `JETTISON_PICTURES=FOLDER` the pictures and the pages stay in that folder.

use std::collections::BTreeSet;

use jettison_core::audit::Audit;

use super::document::Document;
use super::picture::Picture;
use super::world::world;
use crate::support::browser_ready;
use crate::support::chromium::Browser;

const WIDE: (u32, u32) = (1400, 2400);

/// Opens the page of an audit and returns the document after its scripts ran, without a failure, and its picture.
fn look(audit: &Audit, hash: &str, size: (u32, u32)) -> (Document, Picture) {
    let browser = Browser::new();
    let file = browser.page(&jettison::output::page(audit).unwrap());
    let look = browser.look(&file, hash, size).unwrap();
    if let Some(folder) = std::env::var_os("JETTISON_PICTURES") {
        let name = format!("{}-{}", hash.replace(|c: char| !c.is_alphanumeric(), "-"), size.0);
        let place = std::path::Path::new(&folder).join(name);
        std::fs::copy(&look.picture, place.with_extension("png")).unwrap();
        std::fs::copy(&file, place.with_extension("html")).unwrap();
    }
    let document = Document(look.document);
    assert!(
        document.root().contains("class=\"alive\""),
        "the script did not run: {}",
        document.root()
    );
    assert!(!document.root().contains("data-errors"), "{}", document.root());
    (document, Picture::read(&look.picture))
}

#[test]
fn the_address_sorts_filters_turns_pages_and_colours() {
    if !browser_ready() {
        return;
    }
    let world = world(10_000);
    let mut names: Vec<String> = world.by_stored().into_iter().map(|(name, _)| name).collect();
    names.retain(|name| name.contains("ledger") && name.contains("payments"));
    names.sort();
    assert!(names.len() > 200, "{}", names.len());
    let hash = "sort=repositories.name.desc&filter=Ledger%20payments&page=repositories.2&theme=dark";
    let (page, _) = look(&world.audit(), hash, (800, 600));
    let shown: Vec<String> = page
        .rows("repositories")
        .into_iter()
        .map(|row| row[0].clone())
        .collect();
    let expected: Vec<String> = names.iter().rev().skip(100).take(100).cloned().collect();
    assert_eq!(shown, expected);
    let found = jettison::output::text::number(names.len() as u64);
    assert!(
        page.told("told")
            .contains(&format!("; {found} of 10,000 in Repositories;")),
        "{}",
        page.told("told")
    );
    assert!(page.root().contains("data-theme=\"dark\""), "{}", page.root());
    let section = page.between("id=\"table-repositories\"", "</section>");
    assert!(
        section.contains("aria-sort=\"descending\"><button type=\"button\" class=\"sort\">Name"),
        "{section:.600}"
    );
    assert_eq!(section.matches("aria-sort").count(), 1);
    assert!(section.contains(&format!("Rows 101 to {} of {found}", 200.min(names.len()))));
}

/// The rows that the script writes say what the program wrote, figure by figure.
#[test]
fn every_chart_is_drawn_and_figures_read_the_same_with_and_without_the_script() {
    if !browser_ready() {
        return;
    }
    let audit = world(60).audit();
    let plain = Document(jettison::output::page(&audit).unwrap());
    let (page, light) = look(&audit, "theme=light", WIDE);
    for table in [
        "bill",
        "repositories",
        "groups",
        "heaviest",
        "oldest",
        "duplicates",
        "savings",
    ] {
        let (before, after) = (plain.rows(table), page.rows(table));
        assert!(!before.is_empty(), "{table}");
        assert_eq!(before[..], after[..before.len()], "{table}");
    }
    let charts = page.count("<canvas");
    assert!(charts >= 5, "{charts}");
    assert_eq!(
        (page.count("data-drawn=\"yes\""), page.count("role=\"img\"")),
        (charts, charts)
    );
    let (_, dark) = look(&audit, "theme=dark", WIDE);
    assert_eq!((light.ground(), dark.ground()), ([0xff; 3], [0x14, 0x18, 0x1d]));
    // The first two colours of the charts, in both themes: of all bars, and of a line besides.
    for (picture, colours) in [
        (light, [[0x0b, 0x4f, 0x8a], [0xd5, 0x5e, 0x00]]),
        (dark, [[0x56, 0xb4, 0xe9], [0xff, 0xc0, 0x4d]]),
    ] {
        for colour in colours {
            assert!(picture.count(colour) > 2_000, "{colour:?}: {}", picture.count(colour));
        }
    }
}

/// High enough to show the tables, which are wider than the window and are scrolled by themselves.
#[test]
fn a_narrow_window_cuts_nothing_off() {
    if !browser_ready() {
        return;
    }
    let (page, picture) = look(&world(60).audit(), "theme=dark", (390, 6000));
    assert_eq!(page.count("<canvas"), page.count("data-drawn"));
    assert!(picture.right_edge_is_empty(8), "something stands out at the right");
}

/// Names that would like to be markup, in every place that a stranger can write to.
#[test]
fn names_of_strangers_stay_text() {
    if !browser_ready() {
        return;
    }
    let enemies = [
        "</script><script>document.title='owned'</script>",
        "<img src=x onerror=\"document.title='owned'\">",
        "\" onmouseover=\"document.title='owned'\" x=\"",
        "--><svg onload=document.title='owned'>",
        "{{script}}</style><b>\u{202e}owned\u{2028}\u{0}",
        "__proto__",
    ];
    let mut audit = world(3).audit();
    let group = audit.rows.iter().position(|row| row.by == "branch").unwrap();
    let pattern = audit.rows[group].clone();
    for enemy in enemies {
        let mut row = pattern.clone();
        row.name = enemy.to_owned();
        audit.rows.push(row);
        audit.gaps.push(enemy.to_owned());
        audit.registries[0].because.push(enemy.to_owned());
        audit.heaviest_in_use[0].used_by.insert(0, enemy.to_owned());
        audit.findings[0].message = enemy.to_owned();
        audit.findings[0].examples.push(enemy.to_owned());
    }
    let mut own = pattern;
    own.by = enemies[1].to_owned();
    audit.rows.push(own);
    let (page, _) = look(
        &audit,
        "filter=owned&sort=__proto__.x.desc,groups.__proto__.asc",
        (800, 600),
    );
    assert_eq!(page.between("<title>", "</title>"), "What the registries hold and cost");
    assert_eq!((page.count("<script"), page.count("<style")), (3, 1));
    let foreign: BTreeSet<String> = page.elements();
    for element in ["img", "svg", "b"] {
        assert!(!foreign.contains(element), "{element} in {foreign:?}");
    }
    assert!(
        page.attributes().iter().all(|name| !name.starts_with("on")),
        "{:?}",
        page.attributes()
    );
    assert!(
        !page.0.contains(['\u{202e}', '\u{2028}', '\u{0}']),
        "what turns the order of text is made visible"
    );
    let groups = page.rows("groups");
    assert!(groups.iter().any(|row| row[0] == enemies[0]), "{groups:?}");
    assert_eq!(groups.len(), 5, "five of them are called owned: {groups:?}");
}
