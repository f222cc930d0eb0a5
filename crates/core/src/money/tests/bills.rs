//! Bills at every edge, and counted once more by other means.

use proptest::prelude::*;

use super::*;

const GB: u64 = 1_000_000_000;

#[test]
fn bills_at_every_edge() {
    let tiers = "base: 5, free: 10GB, storage: [ { up-to: 50GB, per-gb-month: 0.10 }, { up-to: 100GB, per-gb-month: 0.08 }, { per-gb-month: 0.05 } ]";
    let archive = "storage: [ { per-gb-month: 0.10 } ], archive: { storage: [ { up-to: 150TB, per-gb-month: 0.10 }, { per-gb-month: 0.07 } ], minimum-days: 90 }";
    for (keys, standard, archived, total) in [
        ("storage: [ { per-gb-month: 0.10 } ]", 0, 0, "0"),
        ("storage: [ { per-gb-month: 0.10 } ]", 1, 0, "0.0000000001"),
        ("storage: [ { per-gb-month: 0.10 } ]", 365 * GB, 0, "36.5"),
        ("storage: [ { per-gb-month: 0 } ]", 365 * GB, 0, "0"),
        ("unit: GiB, storage: [ { per-gb-month: 0.10 } ]", 1 << 30, 0, "0.1"),
        ("base: 7", u64::MAX, 0, "7"),
        // Within the allowance, at its end, one byte beyond.
        (tiers, 0, 0, "5"),
        (tiers, 10 * GB - 1, 0, "5"),
        (tiers, 10 * GB, 0, "5"),
        (tiers, 10 * GB + 1, 0, "5.0000000001"),
        // The end of the first tier: 40 GB of it are paid for.
        (tiers, 50 * GB - 1, 0, "8.9999999999"),
        (tiers, 50 * GB, 0, "9"),
        (tiers, 50 * GB + 1, 0, "9.00000000008"),
        (tiers, 100 * GB - 1, 0, "12.99999999992"),
        (tiers, 100 * GB, 0, "13"),
        (tiers, 100 * GB + 1, 0, "13.00000000005"),
        // An allowance that is larger than the first tier.
        (
            "free: 60GB, storage: [ { up-to: 50GB, per-gb-month: 1 }, { per-gb-month: 0.5 } ]",
            70 * GB,
            0,
            "5",
        ),
        (
            "free: 50GB, storage: [ { up-to: 50GB, per-gb-month: 1 }, { per-gb-month: 0.5 } ]",
            50 * GB + 2,
            0,
            "0.000000001",
        ),
        // The archive is a class of its own; without a price of its own it counts as stored.
        (archive, GB, 150_000 * GB - 1, "15000.0999999999"),
        (archive, GB, 150_000 * GB, "15000.1"),
        (archive, GB, 150_000 * GB + 1, "15000.10000000007"),
        (archive, GB, 151_000 * GB, "15070.1"),
        ("storage: [ { per-gb-month: 0.10 } ]", GB, GB, "0.2"),
        (
            "storage: [ { per-gb-month: 0.10 } ]",
            u64::MAX,
            u64::MAX,
            "1844674407.3709551615",
        ),
    ] {
        let bill = product(keys).monthly(standard, archived);
        assert_eq!(bill.total, amount(total), "{keys}: {standard} and {archived}");
        assert_eq!(bill.lines.iter().map(|line| line.amount).sum::<Money>(), bill.total);
    }
}

#[test]
fn a_bill_says_what_it_is_made_of() {
    let product = product(
        "base: 5, free: 10GB, storage: [ { up-to: 50GB, per-gb-month: 0.10 }, { per-gb-month: 0.05 } ], archive: { storage: [ { per-gb-month: 0.01 } ], minimum-days: 90 }",
    );
    let bill = product.monthly(60 * GB, 2 * GB);
    let lines: Vec<_> = bill
        .lines
        .iter()
        .map(|line| (&*line.what, line.bytes / GB, line.amount.to_string()))
        .collect();
    let expected = [
        ("monthly fee", 0, "5.00"),
        ("storage, free", 10, "0.00"),
        ("storage up to 50GB, 0.10 a GB-month", 40, "4.00"),
        ("storage beyond that, 0.05 a GB-month", 10, "0.50"),
        ("archive, 0.01 a GB-month", 2, "0.02"),
    ];
    assert_eq!(
        lines,
        expected.map(|(what, gigabytes, amount)| (what, gigabytes, amount.to_owned()))
    );
    let json = serde_json::to_value(&bill).unwrap();
    assert_eq!(json["total"], serde_json::json!(9.52));
    assert_eq!(serde_json::from_value::<Bill>(json).unwrap(), bill);
}

#[test]
fn what_is_saved_is_the_difference_of_two_bills() {
    let flat = Product::flat(amount("0.10"));
    assert_eq!(flat.marginal((10 * GB, 0), (4 * GB, 0)), amount("0.6"));
    assert_eq!(flat.marginal((4 * GB, 0), (10 * GB, 0)), Money::ZERO - amount("0.6"));
    let plan = product("base: 5, free: 10GB, storage: [ { per-gb-month: 0.10 } ]");
    assert_eq!(
        plan.marginal((10 * GB, 0), (0, 0)),
        Money::ZERO,
        "an allowance saves nothing"
    );
}

#[test]
fn an_archive_saves_nothing_below_its_threshold() {
    let built_in = PriceTable::built_in();
    let ecr = built_in.named("ecr").unwrap();
    let terabyte = 1000 * GB;
    for (archived, nothing) in [
        (0, true),
        (terabyte, true),
        (150 * terabyte, true),
        (150 * terabyte + 1, false),
        (u64::MAX, false),
    ] {
        assert_eq!(ecr.archive_saves_nothing(archived), nothing, "{archived}");
    }
    assert!(!Product::flat(amount("1")).archive_saves_nothing(0), "there is none");
}

/// Prices in thousandths and ends of tiers in bytes, with what a file would say.
#[derive(Debug, Clone)]
struct Plan {
    base: u64,
    free: u64,
    tiers: Vec<(u64, u64)>,
    last: u64,
}

impl Plan {
    fn product(&self) -> Product {
        let price = |thousandths: u64| format!("{}.{:03}", thousandths / 1000, thousandths % 1000);
        let tiers = self
            .tiers
            .iter()
            .map(|(end, each)| format!("{{ up-to: {end}B, per-gb-month: {} }}, ", price(*each)));
        product(&format!(
            "base: {}, free: {}B, storage: [ {}{{ per-gb-month: {} }} ]",
            price(self.base),
            self.free,
            tiers.collect::<String>(),
            price(self.last)
        ))
    }

    /// The bill in 10^-12, each range of bytes between two places where the price changes by itself.
    fn picos(&self, bytes: u64) -> u128 {
        let mut places: Vec<u64> = self.tiers.iter().map(|(end, _)| *end).collect();
        places.extend([0, self.free, bytes]);
        places.sort_unstable();
        let price = |byte: u64| {
            let tier = self.tiers.iter().find(|(end, _)| byte < *end);
            let each = tier.map_or(self.last, |(_, each)| *each);
            if byte < self.free { 0 } else { each }
        };
        let ranges = places.windows(2).filter(|range| range[1] <= bytes);
        let used: u128 = ranges
            .map(|range| u128::from(range[1] - range[0]) * u128::from(price(range[0])))
            .sum();
        u128::from(self.base) * 1_000_000_000 + used
    }
}

prop_compose! {
    fn plans()(
        base in 0..100_000_u64,
        free in prop_oneof![Just(0), 0..1_u64 << 50],
        ends in prop::collection::btree_set(1..1_u64 << 50, 0..4),
        each in prop::collection::vec(0..5_000_u64, 5),
    ) -> Plan {
        Plan { base, free, tiers: ends.into_iter().zip(each.iter().copied()).collect(), last: each[4] }
    }
}

proptest! {
    #[test]
    fn a_bill_agrees_with_a_walk_over_ranges_of_bytes(plan in plans(), bytes in 0..1_u64 << 52) {
        let places: Vec<u64> = plan.tiers.iter().map(|(end, _)| *end).chain([plan.free]).collect();
        let near = places.iter().flat_map(|place| [place.saturating_sub(1), *place, place + 1]);
        let product = plan.product();
        for bytes in near.chain([bytes]) {
            let picos = i128::try_from(plan.picos(bytes)).unwrap();
            let expected = Money::new(rust_decimal::Decimal::from_i128_with_scale(picos, 12));
            prop_assert_eq!(product.monthly(bytes, 0).total, expected, "{} bytes", bytes);
        }
    }

    #[test]
    fn more_bytes_never_cost_less(plan in plans(), bytes in any::<u64>(), more in any::<u64>()) {
        let product = plan.product();
        let larger = bytes.saturating_add(more);
        prop_assert!(product.monthly(bytes, 0).total <= product.monthly(larger, 0).total);
        prop_assert!(product.marginal((larger, 0), (bytes, 0)) >= Money::ZERO);
    }
}
