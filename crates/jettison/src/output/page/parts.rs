//! Charts and tables as they stand in the page before its script runs: everything a reader without it needs.

use super::cell::{Cell, Unit};
use super::charts::Chart;
use super::markup::Markup;
use super::tables::{Column, Table};

/// How many rows stand in the page itself; the script brings the others.
const ROWS_WITHOUT_SCRIPT: usize = 20;

/// The charts, each with what it says in a sentence, and its figures as a table.
pub(super) fn charts(main: &mut Markup, charts: &[Chart]) {
    if charts.is_empty() {
        return;
    }
    main.raw("<section aria-labelledby=\"charts\"><h2 id=\"charts\">Charts</h2><div class=\"charts\">\n");
    for chart in charts {
        figure(main, chart);
    }
    main.raw("</div></section>\n");
}

fn figure(main: &mut Markup, chart: &Chart) {
    main.raw(if chart.wide {
        "<figure class=\"wide\">"
    } else {
        "<figure>"
    });
    main.raw("<h3>")
        .text(&chart.title)
        .raw("</h3><figcaption>")
        .text(&chart.says)
        .raw("</figcaption>");
    main.raw("<div class=\"plot\"><canvas role=\"img\" id=\"chart-")
        .text(&chart.id);
    main.raw("\" aria-label=\"")
        .text(&chart.title)
        .raw(". ")
        .text(&chart.says)
        .raw("\">")
        .text(&chart.says);
    main.raw("</canvas></div>\n<details><summary>The same as a table<span class=\"hidden\">: ")
        .text(&chart.title);
    main.raw("</span></summary><div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"")
        .text(&chart.title);
    main.raw("\"><table><caption>")
        .text(&chart.title)
        .raw("</caption><thead><tr>");
    heading(main, chart.label, Unit::Text);
    for series in &chart.series {
        heading(main, &series.name, series.unit);
    }
    main.raw("</tr></thead><tbody>\n");
    for (at, label) in chart.labels.iter().enumerate() {
        let values = chart
            .series
            .iter()
            .map(|series| series.values.get(at).unwrap_or(&Cell::Unknown));
        row(main, std::iter::once(label).chain(values));
    }
    main.raw("</tbody></table></div></details></figure>\n");
}

/// The tables, with one field that filters all of them.
pub(super) fn tables(main: &mut Markup, tables: &[Table]) {
    if tables.is_empty() {
        return;
    }
    main.raw(
        "<section aria-labelledby=\"tables\"><h2 id=\"tables\">Tables</h2>\n\
         <div class=\"search with-script\" role=\"search\"><label for=\"filter\">Show rows with</label>\
         <input id=\"filter\" type=\"search\" autocomplete=\"off\" spellcheck=\"false\" aria-describedby=\"told\">\
         <p id=\"told\" role=\"status\" aria-live=\"polite\"></p></div>\n",
    );
    for table in tables {
        section(main, table);
    }
    main.raw("</section>\n");
}

fn section(main: &mut Markup, table: &Table) {
    main.raw("<section class=\"table\" id=\"table-").text(&table.id);
    main.raw("\" aria-labelledby=\"of-")
        .text(&table.id)
        .raw("\"><h3 id=\"of-")
        .text(&table.id);
    main.raw("\">").text(&table.title).raw("</h3>");
    if !table.note.is_empty() {
        main.raw("<p class=\"faint\">").text(&table.note).raw("</p>");
    }
    main.raw("<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-labelledby=\"of-")
        .text(&table.id);
    main.raw("\"><table><caption class=\"hidden\">")
        .text(&table.title)
        .raw("</caption><thead><tr>");
    for Column { title, unit, .. } in &table.columns {
        heading(main, title, *unit);
    }
    main.raw("</tr></thead><tbody>\n");
    for cells in table.rows.iter().take(ROWS_WITHOUT_SCRIPT) {
        row(main, cells.iter());
    }
    main.raw("</tbody></table></div></section>\n");
}

fn heading(main: &mut Markup, title: &str, unit: Unit) {
    main.raw("<th scope=\"col\"")
        .raw(class(unit.is_number()))
        .raw(">")
        .text(title)
        .raw("</th>");
}

/// The first cell names the row.
fn row<'c>(main: &mut Markup, cells: impl Iterator<Item = &'c Cell>) {
    main.raw("<tr>");
    for (at, cell) in cells.enumerate() {
        let is_number = matches!(cell, Cell::Count(_) | Cell::Bytes(_) | Cell::Money(_));
        main.raw(if at == 0 { "<th scope=\"row\"" } else { "<td" })
            .raw(class(is_number))
            .raw(">");
        match cell {
            Cell::Text(name) => main.name(name),
            figure => main.text(&figure.shown()),
        };
        main.raw(if at == 0 { "</th>" } else { "</td>" });
    }
    main.raw("</tr>\n");
}

fn class(is_number: bool) -> &'static str {
    if is_number { " class=\"number\"" } else { "" }
}
