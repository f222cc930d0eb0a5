//! From a line of growth to months with bills. Rounds nothing before the bytes of a month are told.

use jiff::Span;
use jiff::civil::Date;

use super::parts::{Parts, parts, under_a_fall, whole_bytes};
use super::retention::Retention;
use super::{Convention, Course, ForecastMonth, MOST_MONTHS, Outlook};
use crate::money::Money;
use crate::policy::ByteSize;

/// What is stored as time goes by, if nothing is cleaned up: a line that ends where nothing is left.
#[derive(Clone, Copy)]
pub(super) struct Line {
    start: Parts,
    half_a_month: Parts,
}

/// What is stored in one month, archives left out.
#[derive(Clone, Copy)]
struct Level {
    begin: Parts,
    end: Parts,
    average: Parts,
}

impl Line {
    pub(super) fn of(outlook: &Outlook<'_>) -> Self {
        Self {
            start: parts(outlook.standard_bytes),
            half_a_month: outlook.growth.in_half_a_month(),
        }
    }

    /// What is stored at the end of a month, from 1; of month 0: today.
    pub(super) fn at_end(self, month: u32) -> Parts {
        self.unbounded(month).max(0)
    }

    fn unbounded(self, month: u32) -> Parts {
        self.start + self.half_a_month * 2 * Parts::from(month)
    }

    fn level(self, month: u32) -> Level {
        let (begin, end) = (self.at_end(month - 1), self.at_end(month));
        let average = match self.unbounded(month) < 0 {
            true => under_a_fall(begin, -2 * self.half_a_month),
            false => (begin + end) / 2,
        };
        Level { begin, end, average }
    }
}

/// The course that things take without the policy, and with it if one is asked about.
pub(super) fn courses_of(outlook: &Outlook<'_>) -> (Course, Option<Course>) {
    let months = outlook.months.clamp(1, MOST_MONTHS);
    let line = Line::of(outlook);
    let unchanged: Vec<Level> = (1..=months).map(|month| line.level(month)).collect();
    let with_policy = outlook.cohorts.map(|cohorts| {
        let retention = Retention::of(cohorts, outlook.standard_bytes);
        let kept = retention.kept(months, line.half_a_month.max(0) * 2);
        let pairs = kept.windows(2).zip(&unchanged);
        let levels: Vec<Level> = pairs.map(|(ends, without)| under(without, ends)).collect();
        course(&levels, outlook)
    });
    (course(&unchanged, outlook), with_policy)
}

/// A month that begins and ends with so much, but never holds more than without the policy.
fn under(without: &Level, ends: &[Parts]) -> Level {
    let begin = ends.first().map_or(without.begin, |kept| without.begin.min(*kept));
    let end = ends.last().map_or(without.end, |kept| without.end.min(*kept));
    Level {
        begin,
        end,
        average: without.average.min((begin + end) / 2),
    }
}

fn course(levels: &[Level], outlook: &Outlook<'_>) -> Course {
    let mut total = Money::ZERO;
    let months: Vec<ForecastMonth> = (1..)
        .zip(levels)
        .map(|(number, level)| month(number, *level, outlook, &mut total))
        .collect();
    let over = |month: &&ForecastMonth| {
        month
            .bill
            .zip(outlook.budget)
            .is_some_and(|(bill, budget)| bill > budget)
    };
    Course {
        total: outlook.product.map(|_| total),
        quota_reached_on: outlook.quota.and_then(|quota| reached(levels, quota, outlook)),
        budget_exceeded_in: months.iter().find(over).map(|month| month.month),
        months,
    }
}

fn month(number: u32, level: Level, outlook: &Outlook<'_>, total: &mut Money) -> ForecastMonth {
    let archived = outlook.archived_bytes;
    let billed = whole_bytes(match outlook.convention {
        Convention::Average => level.average,
        Convention::End => level.end,
    });
    let bill = outlook.product.map(|product| product.monthly(billed, archived).total);
    *total = *total + bill.unwrap_or_default();
    ForecastMonth {
        month: number,
        from: day(outlook.today, Parts::from(number - 1) * 365 / 12),
        until: day(outlook.today, Parts::from(number) * 365 / 12),
        stored_bytes: whole_bytes(level.end).saturating_add(archived),
        billed_bytes: billed.saturating_add(archived),
        bill,
        total: bill.map(|_| *total),
    }
}

/// The first day on which as much is stored as the quota allows.
fn reached(levels: &[Level], quota: ByteSize, outlook: &Outlook<'_>) -> Option<Date> {
    let left = parts(quota.bytes()) - parts(outlook.archived_bytes);
    if levels.first()?.begin >= left {
        return Some(outlook.today);
    }
    let (number, level) = (0..).zip(levels).find(|(_, level)| level.end >= left)?;
    let in_all = level.end - level.begin;
    // Days of 365/12 a month: whole months, and the part of this one in which the line comes to the quota.
    let months = in_all * number + (left - level.begin);
    Some(day(outlook.today, months * 365 / (in_all * 12).max(1)))
}

fn day(today: Date, days: Parts) -> Date {
    let days = i32::try_from(days)
        .ok()
        .and_then(|days| Span::new().try_days(days).ok());
    days.and_then(|days| today.checked_add(days).ok()).unwrap_or(Date::MAX)
}
