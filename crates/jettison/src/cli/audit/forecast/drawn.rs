//! A forecast for people: a table month by month, a picture beside it, and what it comes to in sentences. Computes nothing.

use jettison_core::forecast::{Course, Forecast, ForecastMonth};
use jettison_core::money::Money;

use crate::output::text::{bytes, count};
use crate::output::{Column, Strokes, hanging, style, styled, table};

/// How to draw.
#[derive(Debug, Clone, Copy)]
pub(super) struct Drawing<'a> {
    /// What amounts are in, if there are any.
    pub(super) currency: &'a str,
    /// Whose prices they are.
    pub(super) prices: Option<&'a str>,
    /// How many columns there are for the table.
    pub(super) width: usize,
    /// How many there are for sentences.
    pub(super) line_width: usize,
    pub(super) strokes: Strokes,
    /// Each month, also of many years.
    pub(super) every_month: bool,
}

/// As many months are told one by one without being asked to.
const TOLD: usize = 24;
/// A bar of fewer characters says nothing.
const SHORTEST_BAR: usize = 5;
/// A longer one says no more.
const LONGEST_BAR: usize = 40;

/// One month, without the policy and with it.
type Month<'f> = (&'f ForecastMonth, Option<&'f ForecastMonth>);

/// The whole of it.
pub(super) fn draw(forecast: &Forecast, drawing: Drawing<'_>) -> String {
    let said = sentences(forecast, drawing).join("\n");
    [head(forecast, drawing), months(forecast, drawing), said].join("\n\n")
}

/// The curve and what it comes to, without its months.
pub(super) fn brief(forecast: &Forecast, drawing: Drawing<'_>) -> String {
    [vec![head(forecast, drawing)], sentences(forecast, drawing)]
        .concat()
        .join("\n")
}

/// How fast it grows, and the curve in one line.
fn head(forecast: &Forecast, drawing: Drawing<'_>) -> String {
    let growth = forecast.growth_bytes_per_day;
    let speed = match growth {
        0 => "stays as it is".to_owned(),
        _ if growth < 0 => format!("shrinks by {} a day", bytes(growth.unsigned_abs())),
        _ => format!("grows by {} a day", bytes(growth.unsigned_abs())),
    };
    let mut lines = vec![format!("What is stored {speed}.")];
    let stored = |course: &Course| -> Vec<u64> { course.months.iter().map(|month| month.stored_bytes).collect() };
    // The policy never makes it more.
    let most = stored(&forecast.unchanged).into_iter().max().unwrap_or(0);
    let line = |name: &str, course: &Course| {
        let stored = stored(course);
        let ends = stored.first().zip(stored.last());
        let ends = ends.map(|(first, last)| format!("{} to {}", bytes(*first), bytes(*last)));
        format!(
            "{name} {}  {}",
            drawing.strokes.sparkline_below(most, &stored, LONGEST_BAR),
            ends.unwrap_or_default()
        )
    };
    match &forecast.with_policy {
        Some(with) => {
            lines.push(line("as it is   ", &forecast.unchanged));
            lines.push(line("with policy", with));
        }
        None => lines.push(line("stored", &forecast.unchanged)),
    }
    lines.join("\n")
}

fn months(forecast: &Forecast, drawing: Drawing<'_>) -> String {
    let with = forecast.with_policy.as_ref().map(|course| &course.months);
    let pair = |(place, month)| (month, with.and_then(|months| months.get(place)));
    let all: Vec<Month<'_>> = forecast.unchanged.months.iter().enumerate().map(pair).collect();
    let few = drawing.every_month || all.len() <= TOLD;
    let told: Vec<Month<'_>> = all
        .iter()
        .copied()
        .filter(|(month, _)| few || month.month % 12 == 0 || month.month as usize == all.len())
        .collect();
    let priced = all.iter().any(|(month, _)| month.bill.is_some());
    let mut columns = headings(priced, with.is_some());
    let mut rows: Vec<Vec<String>> = told.iter().map(|month| figures(*month, priced)).collect();
    add_bars(&mut columns, &mut rows, &told, drawing);
    let mut text = table(&columns, rows, drawing.width);
    if !few {
        text.push_str(&format!(
            "\n{} in all: --verbose lists each",
            count(all.len() as u64, "month")
        ));
    }
    text
}

fn headings(priced: bool, with_policy: bool) -> Vec<Column> {
    let mut columns = vec![
        Column::Figure("MONTH"),
        Column::Whole("UNTIL"),
        Column::Figure("STORED"),
    ];
    let money = [Column::Figure("BILL"), Column::Figure("TOTAL")];
    columns.extend(money.iter().take(if priced { 2 } else { 0 }));
    if with_policy {
        columns.push(Column::Figure("POLICY"));
        columns.extend(money.iter().take(if priced { 2 } else { 0 }));
    }
    columns
}

fn figures((month, with): Month<'_>, priced: bool) -> Vec<String> {
    let mut cells = vec![month.month.to_string(), month.until.to_string()];
    for month in std::iter::once(month).chain(with) {
        cells.push(bytes(month.stored_bytes));
        if priced {
            cells.extend([month.bill, month.total].map(|amount| amount.map_or_else(String::new, |it| it.to_string())));
        }
    }
    cells
}

/// The rest of the width shows what the figures say: what stays with the policy, and behind it what would be there
/// without.
fn add_bars(columns: &mut Vec<Column>, rows: &mut [Vec<String>], told: &[Month<'_>], drawing: Drawing<'_>) {
    let name = |column: &Column| match column {
        Column::Text(name) | Column::Whole(name) | Column::Figure(name) => name.len(),
    };
    let widest = |position: usize| rows.iter().map(|row| row[position].chars().count()).max().unwrap_or(0);
    let taken: usize = columns
        .iter()
        .enumerate()
        .map(|(position, column)| name(column).max(widest(position)) + 2)
        .sum();
    let room = drawing.width.saturating_sub(taken + 2).min(LONGEST_BAR);
    if room < SHORTEST_BAR {
        return;
    }
    let most = told.iter().map(|(month, _)| month.stored_bytes).max().unwrap_or(0);
    for (row, (month, with)) in rows.iter_mut().zip(told) {
        let part = with.map_or(month.stored_bytes, |with| with.stored_bytes);
        row.push(drawing.strokes.layered_bar(part, month.stored_bytes, most, room));
    }
    columns.push(Column::Text(""));
}

/// What it comes to, and what to know.
fn sentences(forecast: &Forecast, drawing: Drawing<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    let mut say = |label: &str, text: String| {
        lines.push(hanging(
            &format!("{} ", styled(style::HEADING, label)),
            &text,
            drawing.line_width,
        ));
    };
    if let Some(text) = costs(forecast, drawing.currency) {
        say("costs:", text);
    }
    if let Some(text) = quota(forecast) {
        say("quota:", text);
    }
    if let Some(text) = budget(forecast, drawing.currency) {
        say("budget:", text);
    }
    if let Some(text) = drawing.prices {
        say("prices:", text.to_owned());
    }
    say("billed:", format!("{}.", forecast.convention_in_words));
    for text in &forecast.notes {
        lines.push(hanging(
            &format!("{} ", styled(style::NOTE, "note:")),
            text,
            drawing.line_width,
        ));
    }
    lines
}

fn costs(forecast: &Forecast, currency: &str) -> Option<String> {
    let (bill, total) = ends(&forecast.unchanged)?;
    let months = forecast.unchanged.months.len();
    let over = if months == 12 {
        "the year".to_owned()
    } else {
        format!("all {}", count(months as u64, "month"))
    };
    let mut text = format!("{bill} {currency} in month {months}, {total} {currency} in {over}");
    if let Some((bill, less)) = forecast.with_policy.as_ref().and_then(ends) {
        text.push_str(&format!(
            "; with the policy {bill} and {less}, which is {} less",
            total - less
        ));
    }
    text.push('.');
    Some(text)
}

/// The last bill and the sum of all.
fn ends(course: &Course) -> Option<(Money, Money)> {
    course.months.last()?.bill.zip(course.total)
}

fn quota(forecast: &Forecast) -> Option<String> {
    let quota = forecast.quota_bytes?;
    let when = |course: &Course| match course.quota_reached_on {
        Some(day) if day == forecast.from => format!("is reached on the first day, {day}"),
        Some(day) => format!("is reached on {day}"),
        None => format!("is not reached in {}", count(course.months.len() as u64, "month")),
    };
    let without = when(&forecast.unchanged);
    let with = forecast
        .with_policy
        .as_ref()
        .map(|course| format!("; with the policy it {}", when(course)));
    Some(format!("{} {without}{}.", bytes(quota), with.unwrap_or_default()))
}

fn budget(forecast: &Forecast, currency: &str) -> Option<String> {
    // Without bills nothing can be said of it.
    let budget = forecast.budget.filter(|_| forecast.unchanged.total.is_some())?;
    let when = |course: &Course| {
        let month = course
            .budget_exceeded_in
            .and_then(|number| course.months.get(number as usize - 1));
        match month {
            Some(month) => format!("is exceeded in month {}, which begins on {}", month.month, month.from),
            None => format!("is enough for {}", count(course.months.len() as u64, "month")),
        }
    };
    let without = when(&forecast.unchanged);
    let with = forecast
        .with_policy
        .as_ref()
        .map(|course| format!("; with the policy it {}", when(course)));
    Some(format!(
        "{budget} {currency} a month {without}{}.",
        with.unwrap_or_default()
    ))
}

#[cfg(test)]
mod tests {
    use jettison_core::audit::Cohort;
    use jettison_core::forecast::{Convention, Growth, Outlook, forecast};
    use jettison_core::money::Product;
    use jettison_core::policy::ByteSize;
    use jiff::civil::date;

    use super::*;

    const GB: u64 = 1_000_000_000;

    fn outlook(product: Option<&Product>) -> Outlook<'_> {
        Outlook {
            today: date(2026, 1, 1),
            months: 12,
            standard_bytes: 0,
            archived_bytes: 0,
            growth: "1GB/day".parse().unwrap(),
            product,
            convention: Convention::Average,
            quota: None,
            budget: None,
            cohorts: None,
        }
    }

    fn drawn(outlook: &Outlook<'_>, width: usize) -> String {
        let drawing = Drawing {
            currency: "USD",
            prices: outlook.product.map(|_| "0.10 a GB-month"),
            width,
            line_width: width,
            strokes: Strokes::Blocks,
            every_month: false,
        };
        anstream::adapter::strip_str(&draw(&forecast(outlook), drawing)).to_string()
    }

    #[test]
    fn the_exercise_reads_well() {
        let product = Product::flat("0.10".parse().unwrap());
        let text = drawn(&outlook(Some(&product)), 80);
        insta::assert_snapshot!("forecast", text);
        assert!(text.contains("34.98 USD in month 12, 219.00 USD in the year"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    }

    #[test]
    fn in_brief_it_says_the_same_without_its_months() {
        let product = Product::flat("0.10".parse().unwrap());
        let forecast = forecast(&outlook(Some(&product)));
        let drawing = Drawing {
            currency: "USD",
            prices: None,
            width: 80,
            line_width: 80,
            strokes: Strokes::Blocks,
            every_month: false,
        };
        let (whole, brief) = (draw(&forecast, drawing), brief(&forecast, drawing));
        assert!(brief.lines().all(|line| whole.contains(line)), "{brief}");
        assert!(whole.contains("MONTH") && !brief.contains("MONTH"), "{brief}");
    }

    #[test]
    fn the_policy_stands_beside_it() {
        let product = Product::flat("0.10".parse().unwrap());
        let cohorts = [
            Cohort {
                months: Some(0),
                bytes: 30 * GB,
                kept_bytes: 30 * GB,
            },
            Cohort {
                months: Some(1),
                bytes: 30 * GB,
                kept_bytes: 15 * GB,
            },
            Cohort {
                months: Some(2),
                bytes: 40 * GB,
                kept_bytes: 0,
            },
        ];
        let outlook = Outlook {
            standard_bytes: 100 * GB,
            quota: Some(ByteSize(200 * GB)),
            budget: Some("20".parse().unwrap()),
            cohorts: Some(&cohorts),
            ..outlook(Some(&product))
        };
        for width in [80, 100] {
            let text = drawn(&outlook, width);
            insta::assert_snapshot!(format!("forecast-with-policy-{width}"), text);
            assert!(text.lines().all(|line| line.chars().count() <= width), "{text}");
        }
    }

    #[test]
    fn without_prices_nothing_is_said_of_money() {
        let text = drawn(
            &Outlook {
                budget: Some("1".parse().unwrap()),
                quota: Some(ByteSize(GB)),
                ..outlook(None)
            },
            80,
        );
        for word in ["BILL", "TOTAL", "costs", "budget", "USD"] {
            assert!(!text.contains(word), "{word}: {text}");
        }
        assert!(
            text.contains("1.0 GB is reached on 2026-01-02") && text.contains("no price is known"),
            "{text}"
        );
    }

    #[test]
    fn of_many_years_only_their_ends_are_listed() {
        let text = drawn(
            &Outlook {
                months: 30,
                ..outlook(None)
            },
            80,
        );
        let listed: Vec<&str> = text
            .lines()
            .filter(|line| line.contains("-01"))
            .filter_map(|line| {
                line.split_whitespace()
                    .next()
                    .filter(|word| word.parse::<u32>().is_ok())
            })
            .collect();
        assert_eq!(listed, ["12", "24", "30"], "{text}");
        assert!(text.contains("30 months in all: --verbose lists each"), "{text}");
    }

    #[test]
    fn what_shrinks_is_said_to() {
        let text = drawn(
            &Outlook {
                growth: Growth::per_day(-5),
                quota: Some(ByteSize(0)),
                ..outlook(None)
            },
            80,
        );
        assert!(
            text.starts_with("What is stored shrinks by 5 B a day.")
                && text.contains("is reached on the first day, 2026-01-01"),
            "{text}"
        );
    }
}
