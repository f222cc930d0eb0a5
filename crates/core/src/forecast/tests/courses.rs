//! Courses with figures that can be checked by hand.

use super::*;

/// What is billed for the last month, what for the year, and what for the bytes.
fn last(forecast: &Forecast) -> (u64, String, String) {
    let month = forecast.unchanged.months.last().unwrap();
    let shown = |money: Option<Money>| money.unwrap().to_string();
    (month.billed_bytes, shown(month.bill), shown(forecast.unchanged.total))
}

#[test]
fn a_gigabyte_a_day_for_a_year() {
    let product = tenth();
    for (convention, billed, month, year) in [
        (Convention::Average, 349_791_666_667, "34.98", "219.00"),
        (Convention::End, 365_000_000_000, "36.50", "237.25"),
    ] {
        let forecast = forecast(&Outlook {
            convention,
            ..exercise(Some(&product))
        });
        assert_eq!(
            last(&forecast),
            (billed, month.to_owned(), year.to_owned()),
            "{convention}"
        );
        assert!(forecast.convention_in_words.contains("365/12 days"));
        assert_eq!(forecast.unchanged.total.unwrap(), money(year), "to the last digit");
    }
}

#[test]
fn months_follow_each_other_and_add_up() {
    let product = tenth();
    let forecast = forecast(&exercise(Some(&product)));
    let months = &forecast.unchanged.months;
    assert_eq!(
        (months.len(), months[0].from, months[11].until),
        (12, date(2026, 1, 1), date(2027, 1, 1))
    );
    assert_eq!(
        (months[0].until, months[1].until, months[2].until),
        (date(2026, 1, 31), date(2026, 3, 2), date(2026, 4, 2))
    );
    assert_eq!(
        (months[0].stored_bytes, months[0].billed_bytes),
        (30_416_666_667, 15_208_333_333)
    );
    let mut running = Money::ZERO;
    for (number, pair) in (1..).zip(months) {
        running = running + pair.bill.unwrap();
        assert_eq!(
            (pair.month, pair.total, pair.bill),
            (number, Some(running), Some(product.monthly(pair.billed_bytes, 0).total))
        );
    }
    assert!(months.windows(2).all(|pair| pair[0].until == pair[1].from));
    assert_eq!(forecast.unchanged.total, Some(running));
}

#[test]
fn without_a_price_there_are_no_bills() {
    let forecast = forecast(&Outlook {
        budget: Some(money("0")),
        ..exercise(None)
    });
    let month = forecast.unchanged.months[11];
    assert_eq!((month.bill, month.total, forecast.unchanged.total), (None, None, None));
    assert_eq!(
        (month.stored_bytes, forecast.unchanged.budget_exceeded_in),
        (365 * GB, None)
    );
    assert!(forecast.notes[0].contains("no price"));
}

#[test]
fn a_quota_is_reached_on_its_day() {
    for (start, archived, quota, day) in [
        (0, 0, "1GB", Some(date(2026, 1, 2))),
        (0, 0, "1500MB", Some(date(2026, 1, 2))),
        (0, 0, "30GB", Some(date(2026, 1, 31))),
        (0, 0, "31GB", Some(date(2026, 2, 1))),
        (0, 0, "365GB", Some(date(2027, 1, 1))),
        (0, 0, "365000000001B", None),
        (0, 0, "0B", Some(date(2026, 1, 1))),
        (5 * GB, 0, "5GB", Some(date(2026, 1, 1))),
        (5 * GB, 0, "6GB", Some(date(2026, 1, 2))),
        (5 * GB, 2 * GB, "8GB", Some(date(2026, 1, 2))),
        (0, 9 * GB, "8GB", Some(date(2026, 1, 1))),
    ] {
        let outlook = Outlook {
            standard_bytes: start,
            archived_bytes: archived,
            quota: Some(quota.parse().unwrap()),
            ..exercise(None)
        };
        let forecast = forecast(&outlook);
        assert_eq!(
            forecast.unchanged.quota_reached_on, day,
            "{quota} from {start} and {archived}"
        );
    }
}

#[test]
fn a_budget_is_exceeded_in_the_first_month_above_it() {
    let product = tenth();
    for (budget, month) in [
        ("0", Some(1)),
        ("1.53", Some(2)),
        ("34.97", Some(12)),
        ("34.979166666700", None),
        ("35", None),
    ] {
        let forecast = forecast(&Outlook {
            budget: Some(money(budget)),
            ..exercise(Some(&product))
        });
        assert_eq!(forecast.unchanged.budget_exceeded_in, month, "{budget}");
    }
}

#[test]
fn what_shrinks_ends_at_nothing() {
    let product = tenth();
    for convention in [Convention::Average, Convention::End] {
        let forecast = forecast(&Outlook {
            standard_bytes: 45 * GB + 625_000_000,
            growth: Growth::per_day(-1_000_000_000),
            convention,
            ..exercise(Some(&product))
        });
        let billed: Vec<u64> = forecast
            .unchanged
            .months
            .iter()
            .map(|month| month.billed_bytes)
            .collect();
        // 1.5 months of it are there: from 1.5 to 0.5, then half a month long from 0.5 to 0.
        let expected = match convention {
            Convention::Average => [30_416_666_667, 3_802_083_333],
            Convention::End => [15_208_333_333, 0],
        };
        assert_eq!(
            (&billed[..2], billed[2..].iter().sum::<u64>()),
            (&expected[..], 0),
            "{convention}"
        );
        assert!(forecast.notes[0].contains("shrinks"));
    }
    for (quota, day) in [(10 * GB, Some(date(2026, 1, 1))), (10 * GB + 1, None)] {
        let forecast = forecast(&Outlook {
            standard_bytes: 10 * GB,
            growth: Growth::per_day(-1),
            quota: Some(ByteSize(quota)),
            ..exercise(None)
        });
        assert_eq!(forecast.unchanged.quota_reached_on, day, "{quota}");
    }
}

#[test]
fn the_archive_stays_and_is_billed_apart() {
    let table = crate::money::PriceTable::built_in();
    let ecr = table.named("ecr").unwrap();
    let forecast = forecast(&Outlook {
        archived_bytes: 160_000 * GB,
        growth: Growth::per_day(0),
        standard_bytes: 10 * GB,
        ..exercise(Some(ecr))
    });
    let month = forecast.unchanged.months[11];
    assert_eq!((month.stored_bytes, month.billed_bytes), (160_010 * GB, 160_010 * GB));
    assert_eq!(
        month.bill,
        Some(money("15701")),
        "1 for storage, 15,000 up to 150 TB, 700 for 10 TB beyond"
    );
}

#[test]
fn a_policy_keeps_what_arrives_as_it_keeps_what_arrived() {
    // Nothing of what is older than three months stays; half of what is two months old.
    let cohorts = [
        Cohort {
            months: Some(0),
            bytes: 10 * GB,
            kept_bytes: 10 * GB,
        },
        Cohort {
            months: Some(1),
            bytes: 10 * GB,
            kept_bytes: 10 * GB,
        },
        Cohort {
            months: Some(2),
            bytes: 10 * GB,
            kept_bytes: 5 * GB,
        },
        Cohort {
            months: Some(3),
            bytes: 10 * GB,
            kept_bytes: 0,
        },
        Cohort {
            months: Some(9),
            bytes: 20 * GB,
            kept_bytes: 0,
        },
        Cohort {
            months: None,
            bytes: 3 * GB,
            kept_bytes: 3 * GB,
        },
    ];
    let product = tenth();
    let forecast = forecast(&Outlook {
        standard_bytes: 63 * GB,
        growth: "12GB/month".parse().unwrap(),
        months: 6,
        convention: Convention::End,
        cohorts: Some(&cohorts),
        ..exercise(Some(&product))
    });
    let stored: Vec<u64> = forecast
        .with_policy
        .as_ref()
        .unwrap()
        .months
        .iter()
        .map(|month| month.stored_bytes / GB)
        .collect();
    // 3 of unknown age; of today's: 10 + 5, then 5, then none; of what arrives: 12, 24, 30, and 30 from then on.
    assert_eq!(stored, [3 + 15 + 12, 3 + 5 + 24, 3 + 30, 33, 33, 33]);
    let unchanged: Vec<u64> = forecast
        .unchanged
        .months
        .iter()
        .map(|month| month.stored_bytes / GB)
        .collect();
    assert_eq!(unchanged, [75, 87, 99, 111, 123, 135]);
    assert!(forecast.notes.iter().any(|note| note.contains("estimate")));
}

#[test]
fn what_is_gone_does_not_come_back() {
    // More is kept of what is two months old than of what is one month old.
    let cohorts = [
        Cohort {
            months: Some(1),
            bytes: 8 * GB,
            kept_bytes: 2 * GB,
        },
        Cohort {
            months: Some(2),
            bytes: 8 * GB,
            kept_bytes: 8 * GB,
        },
    ];
    let forecast = forecast(&Outlook {
        standard_bytes: 20 * GB,
        growth: "8GB/month".parse().unwrap(),
        months: 3,
        convention: Convention::End,
        cohorts: Some(&cohorts),
        ..exercise(None)
    });
    let stored: Vec<u64> = forecast
        .with_policy
        .unwrap()
        .months
        .iter()
        .map(|month| month.stored_bytes / GB)
        .collect();
    // 4 in no cohort stay, 8 and 2 of today's stay; of what arrives, all for a month, then a quarter.
    assert_eq!(stored, [14 + 8, 14 + 8 + 2, 14 + 8 + 4]);
}

#[test]
fn the_policy_is_applied_on_the_first_day() {
    let cohorts = [Cohort {
        months: Some(3),
        bytes: 10 * GB,
        kept_bytes: 4 * GB,
    }];
    let product = tenth();
    let forecast = forecast(&Outlook {
        standard_bytes: 10 * GB,
        growth: Growth::per_day(0),
        cohorts: Some(&cohorts),
        quota: Some(ByteSize(5 * GB)),
        budget: Some(money("0.5")),
        ..exercise(Some(&product))
    });
    let (without, with) = (forecast.unchanged, forecast.with_policy.unwrap());
    assert_eq!((without.total, with.total), (Some(money("12")), Some(money("4.8"))));
    assert_eq!(
        (without.quota_reached_on, with.quota_reached_on),
        (Some(date(2026, 1, 1)), None)
    );
    assert_eq!((without.budget_exceeded_in, with.budget_exceeded_in), (Some(1), None));
}

#[test]
fn nothing_overflows() {
    let cohorts = [Cohort {
        months: Some(u32::MAX),
        bytes: u64::MAX,
        kept_bytes: u64::MAX,
    }; 3];
    let product = Product::flat(money("1000000"));
    let gone = forecast(&Outlook {
        growth: Growth::per_day(i64::MIN),
        ..exercise(Some(&product))
    });
    assert!(
        gone.unchanged
            .months
            .iter()
            .all(|month| (month.stored_bytes, month.billed_bytes) == (0, 0))
    );
    for growth in [i64::MAX, i64::MIN, 0] {
        let forecast = forecast(&Outlook {
            today: jiff::civil::Date::MAX,
            months: u32::MAX,
            standard_bytes: u64::MAX,
            archived_bytes: u64::MAX,
            growth: Growth::per_day(growth),
            quota: Some(ByteSize(u64::MAX)),
            budget: Some(Money::MOST),
            cohorts: Some(&cohorts),
            ..exercise(Some(&product))
        });
        assert_eq!(forecast.unchanged.months.len(), 120);
        assert_eq!(forecast.notes.iter().any(|note| note.contains("counted")), growth > 0);
        assert_eq!(forecast.unchanged.months[119].stored_bytes, u64::MAX);
    }
}

#[test]
fn a_forecast_comes_back_from_json() {
    let product = tenth();
    let cohorts = [Cohort {
        months: Some(1),
        bytes: 5,
        kept_bytes: 4,
    }];
    let forecast = forecast(&Outlook {
        quota: Some(ByteSize(GB)),
        budget: Some(money("1")),
        cohorts: Some(&cohorts),
        convention: Convention::End,
        ..exercise(Some(&product))
    });
    let json = serde_json::to_value(&forecast).unwrap();
    assert_eq!(
        (&json["convention"], &json["unchanged"]["total"]),
        (&"end".into(), &237.25.into())
    );
    assert_eq!(json["unchanged"]["months"][11]["bill"], 36.5);
    let back: Forecast = serde_json::from_value(json.clone()).unwrap();
    assert_eq!(serde_json::to_value(&back).unwrap(), json);
    assert_eq!(back.unchanged.total, forecast.unchanged.total);
}
