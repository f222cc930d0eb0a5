//! What a ruling says: in words, in JSON, and as far as it can be told without making words.

use serde_json::json;

use super::*;

const HOUR: i128 = 3_600_000_000_000;

/// Two alternatives: `beyond-newest: 3, older-than: 30d`, and `larger-than: 1MB, not-pulled-for: 36h`.
fn terms(pulls: Pulls) -> Arc<Terms> {
    let nothing = Conditions {
        archived_for: None,
        older_than: None,
        not_pulled_for: None,
        beyond_newest: None,
        larger_than: None,
        unused_for: None,
    };
    let first = Conditions {
        beyond_newest: Some(3),
        older_than: "30d".parse().ok(),
        ..nothing
    };
    let second = Conditions {
        larger_than: "1MB".parse().ok(),
        not_pulled_for: "36h".parse().ok(),
        ..nothing
    };
    let unless = NewestPer {
        day: 7,
        week: 0,
        month: 12,
        year: 0,
    };
    Arc::new(Terms::new(("p", "r"), &[first, second], Some(unless), pulls))
}

fn hours(hours: i128) -> Span {
    Span::of_nanoseconds(hours * HOUR)
}

/// Of an image that is 31 days old, pulled 37 hours ago, the fourth of its group, and has 1 MB and a byte.
fn measures() -> Measures {
    Measures {
        age: Measure::of_span(Ok(hours(31 * 24))),
        archived: Measure::UNASKED,
        idle: Measure::of_span(Ok(hours(37))),
        pulled: true,
        rank: Measure::of(Ok(3)),
        size: 1_000_001,
    }
}

fn reaching() -> Pulls {
    Pulls::Reach(Some(hours(36)))
}

/// The words of a condition: `limit | found | holds`.
fn told(ruling: &Ruling, name: &str) -> String {
    let conditions = ruling.conditions();
    let Some(finding) = conditions.get(name) else {
        return "-".to_owned();
    };
    format!("{} | {} | {:?}", finding.limit, finding.found, finding.holds)
}

#[test]
fn the_first_alternative_that_holds_decides() {
    type Row = (fn(&mut Measures), Option<u32>);
    let table: [Row; 9] = [
        (|_| {}, Some(0)),
        (|it| it.rank = Measure::of(Ok(2)), Some(1)),
        (|it| it.rank = Measure::of(Err(Unknown::NoGroup)), Some(1)),
        (|it| it.age = Measure::of_span(Ok(hours(30 * 24))), Some(1)),
        (|it| it.age = Measure::of_span(Err(Unknown::NoTimeNorSight)), Some(1)),
        (|it| (it.rank, it.size) = (Measure::UNASKED, 1_000_000), None),
        (
            |it| (it.rank, it.idle) = (Measure::UNASKED, Measure::of_span(Ok(hours(36)))),
            None,
        ),
        (
            |it| (it.rank, it.idle) = (Measure::UNASKED, Measure::of_span(Err(Unknown::NoTimeNorSight))),
            None,
        ),
        (|it| (it.rank, it.size) = (Measure::of(Ok(4)), 0), Some(0)),
    ];
    for (number, (change, expected)) in table.into_iter().enumerate() {
        let mut measures = measures();
        change(&mut measures);
        assert_eq!(terms(reaching()).first_holding(&measures), expected, "{number}");
    }
    let unranked = Measures {
        rank: Measure::UNASKED,
        ..measures()
    };
    for (pulls, expected) in [
        (reaching(), Some(1)),
        (Pulls::Reach(Some(hours(35))), None),
        (Pulls::Reach(None), None),
        (Pulls::Unknown, None),
    ] {
        assert_eq!(terms(pulls).first_holding(&unranked), expected, "{pulls:?}");
    }
}

#[test]
fn an_alternative_shows_its_own_conditions() {
    let first = Ruling::measured(&terms(reaching()), Shown::Alternative(0), measures());
    assert_eq!((first.policy(), first.rule()), ("p", "r"));
    assert_eq!(first.conditions().len(), 2);
    assert_eq!(told(&first, "beyond-newest"), "3 | 3 newer | Some(true)");
    assert_eq!(told(&first, "older-than"), "30d | 31d | Some(true)");
    let second = Ruling::measured(&terms(reaching()), Shown::Alternative(1), measures());
    assert_eq!(second.conditions().len(), 2);
    assert_eq!(told(&second, "larger-than"), "1000000 | 1000001 | Some(true)");
    assert_eq!(told(&second, "not-pulled-for"), "36h | pulled 1d 13h ago | Some(true)");
    assert_eq!(first.decided().collect::<Vec<_>>(), [(0, Some(true)), (0, Some(true))]);
}

#[test]
fn what_is_not_archived_is_not_archived_for_long_and_an_unknown_moment_is_undecided() {
    let asks = Conditions {
        archived_for: "90d".parse().ok(),
        ..Conditions::default()
    };
    let terms = Arc::new(Terms::new(("p", "r"), &[asks], None, reaching()));
    for (archived, words) in [
        (Ok(hours(91 * 24)), "90d | archived 91d ago | Some(true)"),
        (Ok(hours(90 * 24)), "90d | archived 90d ago | Some(false)"),
        (Err(Unknown::NotArchived), "90d | not archived | Some(false)"),
        (
            Err(Unknown::NoArchival),
            "90d | unknown: it is archived, and nobody knows since when | None",
        ),
    ] {
        let measures = Measures {
            archived: Measure::of_span(archived),
            ..measures()
        };
        let ruling = Ruling::measured(&terms, Shown::All, measures);
        assert_eq!(told(&ruling, "archived-for"), words);
        assert_eq!(terms.first_holding(&measures).is_some(), words.contains("true"));
    }
}

#[test]
fn all_alternatives_are_numbered_from_the_second_on() {
    let measures = Measures {
        age: Measure::of_span(Err(Unknown::NoTimeNorSight)),
        archived: Measure::UNASKED,
        idle: Measure::of_span(Ok(hours(30))),
        pulled: false,
        rank: Measure::of(Err(Unknown::NoVersion)),
        size: 5,
    };
    let all = Ruling::measured(&terms(reaching()), Shown::All, measures);
    let names: Vec<String> = all.conditions().into_keys().collect();
    assert_eq!(
        names,
        ["beyond-newest", "larger-than#2", "not-pulled-for#2", "older-than"]
    );
    assert_eq!(told(&all, "beyond-newest"), "3 | unknown: its tag is no version | None");
    assert_eq!(
        told(&all, "older-than"),
        "30d | unknown: neither a time nor a first sight is known | None"
    );
    assert_eq!(told(&all, "larger-than#2"), "1000000 | 5 | Some(false)");
    assert_eq!(
        told(&all, "not-pulled-for#2"),
        "36h | never pulled, arrived 1d 6h ago | Some(false)"
    );
    let mut decided: Vec<_> = all.decided().collect();
    decided.sort_unstable();
    assert_eq!(decided, [(1, None), (1, None), (2, Some(false)), (2, Some(false))]);
    let blind = Ruling::measured(&terms(Pulls::Unknown), Shown::All, measures);
    assert_eq!(
        told(&blind, "not-pulled-for#2"),
        "36h | unknown: no pull times are known here | None"
    );
    let short = Ruling::measured(&terms(Pulls::Reach(None)), Shown::All, measures);
    assert_eq!(
        told(&short, "not-pulled-for#2"),
        "36h | unknown: pull times do not reach back that far | None"
    );
}

#[test]
fn a_spared_image_shows_its_bucket() {
    let spared = Ruling::measured(&terms(reaching()), Shown::Newest(Granularity::Month), measures());
    assert_eq!(spared.conditions().len(), 1);
    assert_eq!(
        told(&spared, "newest-per"),
        "day 7, month 12 | the newest of its month | Some(true)"
    );
    assert_eq!(spared.decided().collect::<Vec<_>>(), [(0, Some(true))]);
    let unknown = Ruling::measured(&terms(reaching()), Shown::NewestUnknown(Unknown::NoTime), measures());
    assert_eq!(
        told(&unknown, "newest-per"),
        "day 7, month 12 | unknown: no time is known | None"
    );
    assert_eq!(unknown.decided().collect::<Vec<_>>(), [(0, None)]);
    let nothing = Ruling::measured(&terms(reaching()), Shown::Nothing, measures());
    assert_eq!((nothing.conditions().len(), nothing.decided().count()), (0, 0));
}

#[test]
fn a_ruling_reads_as_it_was_written() {
    let shown = [
        Shown::Nothing,
        Shown::Alternative(1),
        Shown::All,
        Shown::Newest(Granularity::Day),
        Shown::NewestUnknown(Unknown::NoGroup),
    ];
    for shown in shown {
        let ruling = Ruling::measured(&terms(reaching()), shown, measures());
        let json = serde_json::to_string(&ruling).unwrap();
        let read: Ruling = serde_json::from_str(&json).unwrap();
        assert_eq!(read, ruling, "{shown:?}");
        assert_eq!(serde_json::to_string(&read).unwrap(), json, "{shown:?}");
        assert_eq!((read.policy(), read.rule()), ("p", "r"));
        let holds = |ruling: &Ruling| {
            let mut holds: Vec<_> = ruling.decided().map(|(_, holds)| holds).collect();
            holds.sort_unstable();
            holds
        };
        assert_eq!(holds(&read), holds(&ruling), "{shown:?}");
    }
    let ruling = Ruling::measured(&terms(reaching()), Shown::Alternative(0), measures());
    let expected = json!({"policy": "p", "rule": "r", "conditions": {
        "beyond-newest": {"limit": "3", "found": "3 newer", "holds": true},
        "older-than": {"limit": "30d", "found": "31d", "holds": true},
    }});
    assert_eq!(serde_json::to_value(&ruling).unwrap(), expected);
}

/// In the JSON form they stand in the order of their names, of which the tenth comes before the second.
#[test]
fn conditions_stand_in_the_order_of_their_names() {
    let older = Conditions {
        archived_for: None,
        older_than: "1d".parse().ok(),
        not_pulled_for: None,
        beyond_newest: Some(1),
        larger_than: None,
        unused_for: None,
    };
    let terms = Arc::new(Terms::new(("p", "r"), &vec![older; 11], None, Pulls::Unknown));
    let ruling = Ruling::measured(&terms, Shown::All, measures());
    let json = serde_json::to_string(&ruling).unwrap();
    let places: Vec<usize> = ruling
        .conditions()
        .keys()
        .map(|name| json.find(&format!("\"{name}\"")).unwrap())
        .collect();
    assert_eq!(places.len(), 22);
    assert!(places.is_sorted(), "{json}");
}

#[test]
fn rulings_are_equal_if_they_read_alike() {
    let of = |policy: &str, rule: &str, holds: bool| {
        let finding = Finding {
            limit: "1d".to_owned(),
            found: "2d".to_owned(),
            holds: Some(holds),
        };
        Ruling::written(policy, rule, [("older-than".to_owned(), finding)].into())
    };
    assert_eq!(of("p", "r", true), of("p", "r", true));
    assert_ne!(of("p", "r", true), of("q", "r", true));
    assert_ne!(of("p", "r", true), of("p", "s", true));
    assert_ne!(of("p", "r", true), of("p", "r", false));
}

#[test]
fn written_conditions_are_told_apart_by_their_numbers() {
    let finding = |holds| Finding {
        limit: String::new(),
        found: String::new(),
        holds,
    };
    let conditions = [("a", Some(true)), ("a#2", Some(false)), ("b#x", None)];
    let conditions = conditions.map(|(name, holds)| (name.to_owned(), finding(holds)));
    let decided: Vec<_> = Ruling::written("p", "r", conditions.into()).decided().collect();
    assert_eq!(decided, [(0, Some(true)), (2, Some(false)), (u32::MAX, None)]);
}
