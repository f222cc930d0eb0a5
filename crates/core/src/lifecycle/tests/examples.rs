//! The worked examples of the ECR User Guide ("Examples of lifecycle policies"), with patterns and with prefixes, and what
//! evaluators that were seen in the wild make of them.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::super::*;
use super::{policy, rule};

const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);

/// An image: its letter, its tags, and how many days ago it was pushed.
type Pushed = (char, &'static [&'static str], i64);

/// Letter and priority of every image that goes.
fn marked(rules: &Value, images: &[Pushed]) -> Vec<(char, u64)> {
    let given: Vec<LifecycleImage<'_>> = images
        .iter()
        .map(|(letter, tags, days)| LifecycleImage {
            tags: tags.to_vec(),
            // What the guide gives the same day to came in the order of the letters.
            pushed_at: Some(
                NOW - SignedDuration::from_hours(24 * days) + SignedDuration::from_secs(i64::from(u32::from(*letter))),
            ),
            ..LifecycleImage::default()
        })
        .collect();
    let verdicts = policy(rules).evaluate(&given, NOW);
    let letters = images.iter().map(|(letter, ..)| *letter);
    letters
        .zip(verdicts)
        .filter_map(|(letter, verdict)| Some((letter, verdict?.rule_priority)))
        .collect()
}

/// The same rule with patterns and with prefixes.
fn tagged(list: &str, prefixes: &[&str], count: Value) -> Value {
    let texts: Vec<String> = match list {
        "tagPatternList" => prefixes.iter().map(|prefix| format!("{prefix}*")).collect(),
        _ => prefixes.iter().map(|prefix| (*prefix).to_owned()).collect(),
    };
    let mut selection = json!({"tagStatus": "tagged", list: texts});
    selection
        .as_object_mut()
        .unwrap()
        .extend(count.as_object().unwrap().clone());
    selection
}

fn more_than(number: u64) -> Value {
    json!({"countType": "imageCountMoreThan", "countNumber": number})
}

fn pushed(days: u64) -> Value {
    json!({"countType": "sinceImagePushed", "countNumber": days})
}

fn with(status: &str, count: Value) -> Value {
    let mut selection = json!({"tagStatus": status});
    selection
        .as_object_mut()
        .unwrap()
        .extend(count.as_object().unwrap().clone());
    selection
}

#[test]
fn the_examples_of_the_user_guide_come_out_as_they_stand_there() {
    const MULTIPLE_RULES: [Pushed; 3] = [
        ('A', &["beta-1", "prod-1"], 10),
        ('B', &["beta-2", "prod-2"], 9),
        ('C', &["beta-3"], 8),
    ];
    const MULTIPLE_TAGS_A: [Pushed; 6] = [
        ('A', &["alpha-1"], 12),
        ('B', &["beta-1"], 11),
        ('C', &["alpha-2", "beta-2"], 10),
        ('D', &["alpha-3"], 4),
        ('E', &["beta-3"], 3),
        ('F', &["alpha-4", "beta-4"], 2),
    ];
    const MULTIPLE_TAGS_B: [Pushed; 3] = [
        ('A', &["alpha-1", "beta-1", "gamma-1"], 10),
        ('B', &["alpha-2", "beta-2"], 9),
        ('C', &["alpha-3", "beta-3", "gamma-2"], 8),
    ];
    const ALL_IMAGES_A: [Pushed; 4] = [
        ('A', &["alpha-1"], 4),
        ('B', &["beta-1"], 3),
        ('C', &[], 2),
        ('D', &["alpha-2"], 1),
    ];
    const ALL_IMAGES_B: [Pushed; 5] = [
        ('A', &["alpha-1", "beta-1"], 4),
        ('B', &[], 3),
        ('C', &["alpha-2"], 2),
        ('D', &["git-hash"], 1),
        ('E', &[], 1),
    ];
    for list in ["tagPatternList", "tagPrefixList"] {
        let of = |prefixes: &[&str], count| tagged(list, prefixes, count);
        let expire = |rules: Vec<Value>| -> Value {
            let numbered = (1..).zip(rules);
            numbered
                .map(|(priority, selection)| rule(priority, selection, "expire"))
                .collect()
        };
        let two = |first, second| expire(vec![of(&[first], more_than(1)), of(&[second], more_than(1))]);
        assert_eq!(marked(&two("prod", "beta"), &MULTIPLE_RULES), [('A', 1)], "{list}");
        assert_eq!(
            marked(&two("beta", "prod"), &MULTIPLE_RULES),
            [('A', 1), ('B', 1)],
            "{list}"
        );
        let both = |count| expire(vec![of(&["alpha", "beta"], count)]);
        assert_eq!(marked(&both(pushed(5)), &MULTIPLE_TAGS_A), [('C', 1)], "{list}");
        assert_eq!(
            marked(&both(more_than(1)), &MULTIPLE_TAGS_B),
            [('A', 1), ('B', 1)],
            "{list}"
        );
        let any = expire(vec![with("any", more_than(1))]);
        assert_eq!(marked(&any, &ALL_IMAGES_A), [('A', 1), ('B', 1), ('C', 1)], "{list}");
        let three = expire(vec![
            of(&["alpha"], more_than(1)),
            with("untagged", pushed(1)),
            with("any", more_than(1)),
        ]);
        assert_eq!(marked(&three, &ALL_IMAGES_B), [('A', 1), ('B', 2), ('D', 3)], "{list}");
    }
}

#[test]
fn a_rule_that_leaves_an_image_alone_protects_it_from_the_later_ones() {
    let rules = json!([
        rule(1, tagged("tagPatternList", &["prod"], more_than(9999)), "expire"),
        rule(2, with("any", more_than(1)), "expire"),
    ]);
    let images: [Pushed; 4] = [
        ('A', &["prod-1"], 400),
        ('B', &["main-1"], 3),
        ('C', &["main-2"], 2),
        ('D', &["prod-2"], 1),
    ];
    // D takes the place of the one that stays.
    assert_eq!(marked(&rules, &images), [('B', 2), ('C', 2)]);
}

#[test]
fn patterns_are_held_against_the_whole_tag() {
    let fits = [
        ("prod*", &["prod", "prod1", "production-team1"][..]),
        ("*prod*", &["repo-production", "prod-team", "prod"]),
        ("*", &["", "anything"]),
        ("a*b", &["ab", "axb", "abab"]),
        ("*ab*ab*", &["abab", "xabxabx"]),
        ("*aa*a", &["aaa", "xaaxa"]),
        ("*test*1*2*3", &["test123", "my-test-1.2.3", "test-1-2-3-3"]),
        ("exact", &["exact"]),
        ("a.c", &["a.c"]),
    ];
    for (pattern, tags) in fits {
        for tag in tags {
            assert!(TagPattern::new(pattern).unwrap().fits(tag), "{pattern} {tag}");
        }
    }
    let others = [
        ("prod*", &["my-prod", "pro"][..]),
        ("a*a", &["a"]),
        ("a*b", &["abc", "ba"]),
        ("*1*2", &["2-1", "1-2-3"]),
        ("*ab*ab*", &["ab", "xabx", "abx"]),
        ("*aa*a", &["aa", "xaa"]),
        ("exact", &["exact1", "an-exact"]),
        ("a.c", &["abc"]),
        ("a?c", &["abc"]),
    ];
    for (pattern, tags) in others {
        for tag in tags {
            assert!(!TagPattern::new(pattern).unwrap().fits(tag), "{pattern} {tag}");
        }
    }
    assert!(TagPattern::new("test*1*2*3*").is_ok());
    assert!(TagPattern::new("test*1*2*3*4*5*6").is_err());
}

/// One image, and one rule that speaks of its age.
fn is_marked(image: &LifecycleImage<'_>, count: Value, action: &str) -> bool {
    let mut selection = with("any", count);
    if selection["countType"] == "sinceImageTransitioned" {
        selection["storageClass"] = json!("archive");
    }
    let verdicts = policy(&json!([rule(1, selection, action)])).evaluate(std::slice::from_ref(image), NOW);
    verdicts[0].is_some()
}

#[test]
fn ages_are_measured_from_what_the_guide_says() {
    let days = |days: i64| Some(NOW - SignedDuration::from_hours(24 * days));
    let plain = LifecycleImage {
        pushed_at: days(100),
        ..LifecycleImage::default()
    };
    let pulled = |days: u64| json!({"countType": "sinceImagePulled", "countNumber": days});
    let since = |days: u64| json!({"countType": "sinceImageTransitioned", "countNumber": days});
    // Strictly older.
    assert!(is_marked(&plain, pushed(99), "expire") && !is_marked(&plain, pushed(100), "expire"));
    // Never pulled: the push counts.
    assert!(is_marked(&plain, pulled(99), "transition") && !is_marked(&plain, pulled(100), "transition"));
    let used = LifecycleImage {
        pulled_at: days(10),
        ..plain.clone()
    };
    assert!(is_marked(&used, pulled(9), "transition") && !is_marked(&used, pulled(10), "transition"));
    assert!(is_marked(&used, pushed(99), "expire"), "a pull makes nothing younger");
    // What came back from the archive is as old as that.
    let back = LifecycleImage {
        activated_at: days(20),
        ..plain.clone()
    };
    assert!(!is_marked(&back, pushed(20), "expire") && is_marked(&back, pushed(19), "expire"));
    assert!(!is_marked(&back, pulled(20), "transition") && is_marked(&back, pulled(19), "transition"));
    // A pull from before it was archived does not count any more; a later one does.
    let before = LifecycleImage {
        pulled_at: days(50),
        ..back.clone()
    };
    assert!(!is_marked(&before, pulled(20), "transition") && is_marked(&before, pulled(19), "transition"));
    let after = LifecycleImage {
        pulled_at: days(5),
        ..back.clone()
    };
    assert!(!is_marked(&after, pulled(5), "transition") && is_marked(&after, pulled(4), "transition"));
    // The archive has rules of its own, and the others do not reach into it.
    let archived = LifecycleImage {
        archived_at: days(200),
        ..plain.clone()
    };
    assert!(is_marked(&archived, since(199), "expire") && !is_marked(&archived, since(200), "expire"));
    assert!(!is_marked(&archived, pushed(1), "expire") && !is_marked(&archived, more_than(1), "expire"));
    assert!(!is_marked(&plain, since(90), "expire"));
}

#[test]
fn what_came_nobody_knows_when_is_marked_by_nothing_and_marks_nothing() {
    let unknown = LifecycleImage::default();
    assert!(!is_marked(&unknown, pushed(1), "expire"));
    let known = LifecycleImage {
        pushed_at: Some(NOW),
        ..LifecycleImage::default()
    };
    let rules = policy(&json!([rule(1, with("any", more_than(1)), "expire")]));
    assert_eq!(
        rules.evaluate(&[unknown.clone(), known, unknown], NOW),
        [None, None, None]
    );
}

#[test]
fn the_policies_of_the_user_guide_without_images_are_accepted() {
    let archive = |days: u64| json!({"tagStatus": "any", "storageClass": "archive", "countType": "sinceImageTransitioned", "countNumber": days});
    let any_pulled = json!({"tagStatus": "any", "countType": "sinceImagePulled", "countNumber": 90});
    let all = [
        json!([rule(1, tagged("tagPatternList", &["prod"], pushed(14)), "expire")]),
        json!([rule(1, any_pulled, "transition")]),
        json!([rule(1, archive(365), "expire")]),
        json!([rule(1, with("untagged", more_than(1)), "expire")]),
        json!([rule(1, tagged("tagPatternList", &["prod"], pushed(30)), "transition")]),
        json!([
            rule(1, with("any", pushed(30)), "transition"),
            rule(2, archive(365), "expire")
        ]),
        json!([
            rule(1, archive(365), "expire"),
            rule(2, with("any", pushed(30)), "transition")
        ]),
    ];
    for rules in all {
        let read = policy(&rules);
        let again = LifecyclePolicy::parse(&read.to_json().to_string()).unwrap();
        assert_eq!(read, again, "{rules}");
    }
}
