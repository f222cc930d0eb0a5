//! What holds for every forecast.

use proptest::prelude::*;

use super::*;

/// What is stored on average in each month if one looks in the middle of each twelfth of a day, of which a month has 365.
fn looked_at_often(start: u64, per_day: i64, months: u32) -> Vec<u64> {
    // In 24ths of a byte.
    let level = |half_steps: i128| (i128::from(start) * 24 + i128::from(per_day) * half_steps).max(0);
    let month = |month: i128| -> i128 { (0..365).map(|step| level((month * 365 + step) * 2 + 1)).sum() };
    let average = |sum: i128| u64::try_from((sum + 365 * 12) / (365 * 24)).unwrap_or(u64::MAX);
    (0..i128::from(months)).map(|number| average(month(number))).collect()
}

prop_compose! {
    fn cohorts()(
        ages in prop::collection::vec((prop::option::of(0..20_u32), 0..1_u64 << 40, 0..=100_u64), 0..12)
    ) -> Vec<Cohort> {
        let cohort = |(months, bytes, percent): (Option<u32>, u64, u64)| Cohort {
            months,
            bytes,
            kept_bytes: bytes / 100 * percent,
        };
        ages.into_iter().map(cohort).collect()
    }
}

prop_compose! {
    fn tiered()(base in 0..50_u32, first in 0..200_u32, second in 0..200_u32, free in 0..500_u32) -> Product {
        let text = format!(
            "as-of: 2026-01-01\ncurrency: USD\nproducts: [ {{ name: p, base: {base}, free: {free}GB, storage: [ {{ up-to: 300GB, per-gb-month: 0.{first:03} }}, {{ per-gb-month: 0.{second:03} }} ] }} ]"
        );
        crate::money::PriceTable::parse("p", &text, date(2026, 1, 1)).unwrap().0.products.remove(0)
    }
}

fn growth() -> impl Strategy<Value = i64> {
    prop_oneof![-5_000_000_000..50_000_000_000_i64, -10..10_i64, Just(0)]
}

proptest! {
    #[test]
    fn the_average_is_that_of_looking_often(start in prop_oneof![0..1_u64 << 44, 0..1000_u64], per_day in growth(), months in 1..=120_u32) {
        let forecast = forecast(&Outlook { standard_bytes: start, growth: Growth::per_day(per_day), months, ..exercise(None) });
        let expected = looked_at_often(start, per_day, months);
        for (month, expected) in forecast.unchanged.months.iter().zip(expected) {
            // Only in the step in which it comes to nothing is a line no line: half a step of it at most, over 365.
            let within = if per_day < 0 { per_day.unsigned_abs() / 12 / 365 + 1 } else { 0 };
            prop_assert!(month.billed_bytes.abs_diff(expected) <= within, "{month:?}: {expected}");
        }
    }

    #[test]
    fn a_policy_never_makes_more(
        start in 0..1_u64 << 42, per_day in growth(), cohorts in cohorts(), product in tiered(), months in 1..=30_u32, end in any::<bool>(),
    ) {
        let convention = if end { Convention::End } else { Convention::Average };
        let forecast = forecast(&Outlook {
            standard_bytes: start, growth: Growth::per_day(per_day), cohorts: Some(&cohorts), months, convention,
            quota: Some(ByteSize(1 << 41)), budget: Some(money("100")), ..exercise(Some(&product))
        });
        let (without, with) = (forecast.unchanged, forecast.with_policy.unwrap());
        for (without, with) in without.months.iter().zip(&with.months) {
            prop_assert!(with.stored_bytes <= without.stored_bytes && with.billed_bytes <= without.billed_bytes);
            prop_assert!(with.bill <= without.bill && with.total <= without.total);
        }
        // Later or never.
        prop_assert!(with.quota_reached_on.is_none() || with.quota_reached_on >= without.quota_reached_on && without.quota_reached_on.is_some());
        prop_assert!(with.budget_exceeded_in.is_none() || with.budget_exceeded_in >= without.budget_exceeded_in && without.budget_exceeded_in.is_some());
    }

    #[test]
    fn faster_growth_never_costs_less(
        start in 0..1_u64 << 42, per_day in growth(), more in 0..10_000_000_000_i64, cohorts in cohorts(), product in tiered(),
    ) {
        let at = |per_day| forecast(&Outlook {
            standard_bytes: start, growth: Growth::per_day(per_day), cohorts: Some(&cohorts), ..exercise(Some(&product))
        });
        let (slow, fast) = (at(per_day), at(per_day + more));
        for (slow, fast) in [(&slow.unchanged, &fast.unchanged), (slow.with_policy.as_ref().unwrap(), fast.with_policy.as_ref().unwrap())] {
            for (slow, fast) in slow.months.iter().zip(&fast.months) {
                prop_assert!(slow.stored_bytes <= fast.stored_bytes && slow.bill <= fast.bill, "{slow:?} {fast:?}");
            }
        }
    }

    #[test]
    fn bills_are_of_the_bytes_beside_them_and_add_up(start in 0..1_u64 << 42, per_day in growth(), archived in 0..1_u64 << 40, cohorts in cohorts(), product in tiered()) {
        let forecast = forecast(&Outlook {
            standard_bytes: start, archived_bytes: archived, growth: Growth::per_day(per_day), cohorts: Some(&cohorts), ..exercise(Some(&product))
        });
        for course in [&forecast.unchanged, forecast.with_policy.as_ref().unwrap()] {
            let mut sum = Money::ZERO;
            for month in &course.months {
                prop_assert_eq!(month.bill, Some(product.monthly(month.billed_bytes - archived, archived).total));
                sum = sum + month.bill.unwrap();
                prop_assert_eq!(month.total, Some(sum));
            }
            prop_assert_eq!(course.total, Some(sum));
        }
    }

    #[test]
    fn a_policy_that_keeps_everything_changes_nothing(start in 0..1_u64 << 42, per_day in prop_oneof![-500_000_000_000..0_i64, 0..50_000_000_000_i64], share in 0..=100_u64) {
        let cohorts = [Cohort { months: Some(2), bytes: start / 100 * share, kept_bytes: start / 100 * share }];
        let forecast = forecast(&Outlook { standard_bytes: start, growth: Growth::per_day(per_day), cohorts: Some(&cohorts), ..exercise(None) });
        prop_assert_eq!(forecast.with_policy.unwrap(), forecast.unchanged);
    }

    #[test]
    fn the_day_of_a_quota_is_the_first_that_ends_with_it(start in 0..1_u64 << 40, per_day in 1..10_000_000_000_i64, quota in 0..1_u64 << 42) {
        let forecast = forecast(&Outlook { standard_bytes: start, growth: Growth::per_day(per_day), quota: Some(ByteSize(quota)), ..exercise(None) });
        let rate = u64::try_from(per_day).unwrap();
        // A quota that is reached as a day begins is reached on that day.
        let days = quota.saturating_sub(start) / rate;
        let day = (quota <= start + 365 * rate).then(|| date(2026, 1, 1) + jiff::Span::new().days(i64::try_from(days).unwrap()));
        prop_assert_eq!(forecast.unchanged.quota_reached_on, day);
    }
}
