//! What amounts look like, and that no sum of them breaks.

use proptest::prelude::*;
use rust_decimal::Decimal;

use super::*;

#[test]
fn amounts_read_as_on_a_bill() {
    for (text, shown) in [
        ("0", "0.00"),
        ("0.00", "0.00"),
        ("36.5", "36.50"),
        ("34.979166666667", "34.98"),
        ("34.975", "34.98"),
        ("0.01", "0.01"),
        ("0.014", "0.01"),
        ("0.0099", "0.0099"),
        ("0.00999", "0.01"),
        ("0.0004", "0.0004"),
        ("0.000456", "0.00046"),
        ("0.000000000001", "0.000000000001"),
        ("999.994", "999.99"),
        ("999.995", "1,000.00"),
        ("1234567.891", "1,234,567.89"),
    ] {
        assert_eq!(amount(text).to_string(), shown, "{text}");
        let negative = Money::ZERO - amount(text);
        let sign = if negative.is_zero() { "" } else { "-" };
        assert_eq!(negative.to_string(), format!("{sign}{shown}"), "-{text}");
    }
    let smaller = Money::new(Decimal::new(1, 20));
    assert_eq!(
        (smaller.to_string(), (Money::ZERO - smaller).to_string()),
        ("< 0.000000000001".to_owned(), "> -0.000000000001".to_owned())
    );
    assert_eq!(format!("{:>8}|", amount("1.5")), "    1.50|");
}

#[test]
fn what_is_no_amount_is_refused_with_a_hint() {
    for (text, hint) in [
        ("", "write digits"),
        ("-1", "what is paid"),
        ("-", "what is paid"),
        ("+1", "write digits"),
        ("1e3", "write digits"),
        ("NaN", "write digits"),
        (".inf", "write digits"),
        ("1,50", "write digits"),
        ("1_000", "write digits"),
        ("$1", "write digits"),
        ("1.", "write digits"),
        (".5", "write digits"),
        ("1.2.3", "write digits"),
        ("١", "write digits"),
        ("0x10", "write digits"),
        ("0.0000000000001", "fewer digits"),
        ("1000000000001", "fewer digits"),
        ("99999999999999999999999999999999999999", "fewer digits"),
    ] {
        let error = text.parse::<Money>().unwrap_err();
        assert!(error.hint().contains(hint), "{text}: {error} ({})", error.hint());
    }
    assert_eq!(amount("1000000000000").decimal(), Decimal::from(1_000_000_000_000_u64));
    assert_eq!(amount("0.1000000000000000000000000000000000"), amount("0.1"));
    assert_eq!(Money::MOST.decimal(), Decimal::from(10_u64.pow(18)));
}

#[test]
fn amounts_are_numbers_in_json() {
    for (text, json) in [
        ("0", "0.0"),
        ("36.5", "36.5"),
        ("0.1", "0.1"),
        ("34.979166666667", "34.979166666667"),
        ("219", "219.0"),
    ] {
        assert_eq!(serde_json::to_string(&amount(text)).unwrap(), json);
        assert_eq!(serde_json::from_str::<Money>(json).unwrap(), amount(text), "{text}");
    }
    for (json, shown) in [
        ("36", "36.00"),
        ("-2", "-2.00"),
        ("1e30", "1,000,000,000,000,000,000.00"),
        ("1e-30", "0.00"),
    ] {
        let read = serde_json::from_str::<Money>(json);
        match json {
            "1e30" => assert!(read.is_err() || read.unwrap() == Money::MOST),
            _ => assert_eq!(read.unwrap().to_string(), shown, "{json}"),
        }
    }
    for wrong in ["\"36.5\"", "null", "true", "[]", "1e999"] {
        assert!(serde_json::from_str::<Money>(wrong).is_err(), "{wrong}");
    }
    let thirds = Money::new(Decimal::ONE / Decimal::from(3));
    assert_eq!(serde_json::to_string(&thirds).unwrap(), "0.333333333333");
}

#[test]
fn what_would_overflow_stays_at_the_most() {
    let least = Money::ZERO - Money::MOST;
    assert_eq!(Money::MOST + Money::MOST, Money::MOST);
    assert_eq!(least - Money::MOST, least);
    assert_eq!(Money::new(Decimal::MAX), Money::MOST);
    assert_eq!(Money::new(Decimal::MIN), least);
    assert_eq!(
        (Money::MOST.times(u64::MAX), least.times(u64::MAX)),
        (Money::MOST, least)
    );
    assert_eq!(
        [Money::MOST, Money::MOST, least].into_iter().sum::<Money>(),
        Money::ZERO
    );
    assert_eq!(Money::MOST.share(u64::MAX, u64::MAX), Some(Money::MOST));
    assert_eq!(Money::MOST.share(u64::MAX, 1), Some(Money::MOST));
}

#[test]
fn a_share_is_exact() {
    assert_eq!(amount("36.5").share(1, 0), None);
    assert_eq!(amount("36.5").share(0, 3), Some(Money::ZERO));
    assert_eq!(amount("30").share(1, 3), Some(amount("10")));
    assert_eq!(amount("36.5").share(3, 3), Some(amount("36.5")));
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_of_amounts_panic(text in "\\PC*|[-+]?[0-9.,e]{0,40}") {
        _ = text.parse::<Money>().map(|money| money.to_string());
    }

    #[test]
    fn an_amount_comes_back_from_json(units in 0..10_u64.pow(15), decimals in 0..12_u32) {
        let money = Money::new(Decimal::new(i64::try_from(units).unwrap(), decimals));
        let json = serde_json::to_string(&money).unwrap();
        prop_assert_eq!(serde_json::from_str::<Money>(&json).unwrap(), money);
    }

    /// Whole cents by integer arithmetic.
    #[test]
    fn cents_are_rounded_half_away_from_zero(units in 100_000..10_u64.pow(14)) {
        let shown = Money::new(Decimal::new(i64::try_from(units).unwrap(), 7)).to_string().replace(',', "");
        let cents = (units + 50_000) / 100_000;
        prop_assert_eq!(shown, format!("{}.{:02}", cents / 100, cents % 100));
    }
}
