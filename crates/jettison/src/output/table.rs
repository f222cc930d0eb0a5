//! Tables that fit the width: text columns give way, figures and ids do not.

use comfy_table::presets::NOTHING;
use comfy_table::{Cell, CellAlignment, ColumnConstraint, ContentArrangement, Table, Width};

use super::console::{style, styled};
use super::text::plain;

/// Which side a column is read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// Words.
    Text(&'static str),
    /// One word, such as an id, that is not broken.
    Whole(&'static str),
    /// Figures.
    Figure(&'static str),
}

/// Lays rows out under headings, within `width` columns. Cells may come from anywhere: what would steer a terminal is
/// made visible.
pub fn table(columns: &[Column], rows: Vec<Vec<String>>, width: usize) -> String {
    let mut table = Table::new();
    table
        .load_style(NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(u16::try_from(width).unwrap_or(u16::MAX));
    table.set_header(columns.iter().map(|column| match column {
        Column::Text(name) | Column::Whole(name) => Cell::new(name),
        Column::Figure(name) => Cell::new(name).set_alignment(CellAlignment::Right),
    }));
    let mut widest = vec![0; columns.len()];
    for row in rows {
        let row: Vec<String> = row.iter().map(|cell| plain(cell).into_owned()).collect();
        for (widest, cell) in widest.iter_mut().zip(&row) {
            *widest = (*widest).max(cell.chars().count());
        }
        table.add_row(row.into_iter().zip(columns).map(|(text, column)| match column {
            Column::Text(_) | Column::Whole(_) => Cell::new(text),
            Column::Figure(_) => Cell::new(text).set_alignment(CellAlignment::Right),
        }));
    }
    for (position, column) in columns.iter().enumerate() {
        if let (Column::Figure(name) | Column::Whole(name), Some(column)) = (column, table.column_mut(position)) {
            let figures = u16::try_from(widest[position].max(name.len()) + 2).unwrap_or(u16::MAX);
            column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(figures)));
        }
    }
    let mut lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    // Styled after the layout: escape codes would count as width.
    if let Some(heading) = lines.first_mut() {
        *heading = styled(style::HEADING, &*heading);
    }
    lines.join("\n")
}
