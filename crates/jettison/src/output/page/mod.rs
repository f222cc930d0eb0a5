//! An audit as one HTML page that asks nobody for anything: charts, tables to sort and filter, light and dark.
//!
//! The page carries its script, its colours and its chart library (`vendor/`), and a policy by which a browser runs
//! nothing else and loads nothing at all. Names come from strangers: [`markup`] writes them as text, the script puts
//! them in as text, and the data stand in a block that no browser runs. Writes no file.

mod cell;
mod charts;
mod fields;
mod forecast;
mod markup;
mod parts;
mod summary;
mod tables;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jettison_core::audit::Audit;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use charts::Chart;
use markup::Markup;
use tables::Table;

const TEMPLATE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");
const CHART_LIBRARY: &str = include_str!("../../../vendor/chart.js/chart.umd.min.js");

const TITLE: &str = "What the registries hold and cost";

/// What the script draws from.
#[derive(Serialize)]
struct Data<'a> {
    charts: &'a [Chart],
    tables: &'a [Table],
}

/// What a page may have at most, in bytes: it is sent around.
const LARGEST: usize = 2_000_000;

/// How many rows a table of the page has at most: as many as leave the page within [`LARGEST`].
const MOST_ROWS: [usize; 8] = [20_000, 10_000, 5_000, 2_500, 1_000, 500, 200, 50];

/// The page of an audit. Of tables that would make it too large the smaller rows are left out, which it says.
///
/// # Errors
/// If the data cannot be written as JSON, which no audit is known to bring about.
pub fn page(audit: &Audit) -> Result<String, serde_json::Error> {
    let mut page = String::new();
    for most_rows in MOST_ROWS {
        page = page_with(audit, most_rows)?;
        if page.len() < LARGEST {
            break;
        }
    }
    Ok(page)
}

fn page_with(audit: &Audit, most_rows: usize) -> Result<String, serde_json::Error> {
    let (charts, tables) = (charts::all(audit), tables::all(audit, most_rows));
    let data = Data {
        charts: &charts,
        tables: &tables,
    };
    let data = harmless(&serde_json::to_string(&data)?);
    let (header, main) = (summary::header(audit), main(audit, &charts, &tables));
    let library = without_map(CHART_LIBRARY);
    let policy = policy(&[library, SCRIPT], STYLE);
    Ok(filled(TEMPLATE, |name| match name {
        "policy" => &policy,
        "title" => TITLE,
        "style" => STYLE,
        "header" => header.as_str(),
        "main" => main.as_str(),
        "version" => env!("CARGO_PKG_VERSION"),
        "data" => &data,
        "charts" => library,
        "script" => SCRIPT,
        _ => "",
    }))
}

fn main(audit: &Audit, charts: &[Chart], tables: &[Table]) -> Markup {
    let mut main = Markup::default();
    summary::figures(&mut main, audit);
    summary::exactness(&mut main, audit);
    summary::findings(&mut main, audit);
    parts::charts(&mut main, charts);
    parts::tables(&mut main, tables);
    main
}

/// The template with each `{{name}}` replaced, in one pass: what is put in is not looked at again.
fn filled<'v>(template: &'v str, value: impl Fn(&str) -> &'v str) -> String {
    let mut page = String::with_capacity(template.len());
    let mut pieces = template.split("{{");
    page.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        let (name, rest) = piece.split_once("}}").unwrap_or((piece, ""));
        page.push_str(value(name));
        page.push_str(rest);
    }
    page
}

/// The library without its last line, which sends developer tools to look for a source map.
fn without_map(library: &str) -> &str {
    library
        .split_once("\n//# sourceMappingURL=")
        .map_or(library, |(code, _)| code)
}

/// What a browser may do for this page: run these scripts and apply this style, each known by its hash.
fn policy(scripts: &[&str], style: &str) -> String {
    let hash = |text: &&str| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text.as_bytes())));
    let scripts: Vec<String> = scripts.iter().map(hash).collect();
    format!(
        "default-src 'none'; script-src {}; style-src {}; base-uri 'none'; form-action 'none'",
        scripts.join(" "),
        hash(&style)
    )
}

/// JSON that can end no script element and begin no comment in one, and is the same document still.
fn harmless(json: &str) -> String {
    let mut safe = String::with_capacity(json.len());
    for character in json.chars() {
        match character {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                safe.push_str(&format!("\\u{:04x}", u32::from(character)));
            }
            _ => safe.push(character),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    //! What the page is made of, without a browser. `tests/page.rs` looks at it in one.

    use super::*;

    #[test]
    fn what_is_filled_in_is_not_filled_again() {
        let value = |name: &str| if name == "a" { "{{b}}" } else { "never" };
        assert_eq!(filled("<{{a}}|x|{{a}}>", value), "<{{b}}|x|{{b}}>");
        assert_eq!(filled("no names", value), "no names");
    }

    #[test]
    fn data_cannot_end_its_element() {
        let names = [
            "</script><script>",
            "<!--",
            "a&b",
            "\u{2028}\u{2029}",
            "\u{202e}",
            "\\\"",
        ];
        let json = harmless(&serde_json::to_string(&names).unwrap());
        assert!(!json.contains(['<', '>', '&', '\u{2028}', '\u{2029}']), "{json}");
        assert_eq!(serde_json::from_str::<Vec<String>>(&json).unwrap(), names);
    }

    /// Scripts stand in the page as they are: neither may hold what ends an element, or a line end that a browser changes.
    #[test]
    fn the_scripts_and_the_style_can_stand_in_a_page() {
        for text in [without_map(CHART_LIBRARY), SCRIPT, STYLE] {
            let lower = text.to_lowercase();
            for end in ["</script", "</style", "<!--", "\r", "sourcemappingurl"] {
                assert!(!lower.contains(end), "{end}");
            }
        }
    }

    #[test]
    fn the_policy_names_hashes_and_no_loophole() {
        let policy = policy(&["alert(1)"], "a{}");
        let expected = "default-src 'none'; script-src 'sha256-bhHHL3z2vDgxUt0W3dWQOrprscmda2Y5pLsLg4GF+pI='; ";
        assert!(policy.starts_with(expected), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
    }

    /// The table in `vendor/README.md` says what is there.
    #[test]
    fn the_library_is_the_one_that_was_published() {
        let readme = include_str!("../../../vendor/README.md");
        let hash: String = Sha256::digest(CHART_LIBRARY.as_bytes())
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert!(readme.contains(&hash), "{hash}");
        let version = CHART_LIBRARY
            .split("Chart.js v")
            .nth(1)
            .and_then(|rest| rest.lines().next())
            .unwrap();
        assert!(readme.contains(&format!("| {version} | MIT")), "{version}");
        assert!(include_str!("../../../vendor/chart.js/LICENSE.md").starts_with("The MIT License (MIT)"));
    }
}
