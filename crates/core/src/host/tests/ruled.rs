//! What the rules say, what counts as newest, and from when ages count.

use super::*;

#[test]
fn the_built_in_rules_count_from_the_last_use() {
    let table = [
        (
            used(image(1, "r.io/web:1"), days_ago(7)),
            "1 stays: unused for 7 days; rule unused (unused-for: 7d) keeps it for now",
        ),
        (
            used(image(1, "r.io/web:1"), hours_ago(169)),
            "1 goes: unused for 7 days; rule unused (unused-for: 7d)",
        ),
        (
            used(dangling(1, "r.io/web"), hours_ago(24)),
            "1 stays: unused for 1 day; rule dangling (unused-for: 1d) keeps it for now",
        ),
        (
            used(dangling(1, "r.io/web"), hours_ago(25)),
            "1 goes: unused for 1 day; rule dangling (unused-for: 1d)",
        ),
        // The future is now.
        (
            used(image(1, "r.io/web:1"), days_ago(-9)),
            "1 stays: unused for 0 minutes; rule unused (unused-for: 7d) keeps it for now",
        ),
    ];
    for (image, expected) in table {
        assert_eq!(decided(&facts(vec![image]), &bare()), [expected]);
    }
}

#[test]
fn an_image_of_1970_that_was_just_pulled_stays() {
    let mut old = image(1, "r.io/web:1");
    old.created_at = Some(Timestamp::UNIX_EPOCH);
    old.first_seen_at = Some(now());
    let told = decided(&facts(vec![old]), &bare());
    assert_eq!(
        told,
        ["1 stays: unused for 0 minutes; rule unused (unused-for: 7d) keeps it for now"]
    );
}

#[test]
fn the_time_of_the_engine_makes_younger_and_older_only_if_trusted() {
    // First seen, by the engine, known since, trusted: goes?
    let table = [
        (30, Some(1), 100, false, false),
        (30, Some(1), 100, true, false),
        (1, Some(30), 100, false, false),
        (1, Some(30), 100, true, false),
        (1, Some(30), 1, false, false),
        (1, Some(30), 1, true, true),
        (1, None, 1, true, false),
        (1, Some(2), 1, true, false),
    ];
    for (seen, engine, known, trusted, goes) in table {
        let mut one = image(1, "r.io/web:1");
        one.first_seen_at = Some(days_ago(seen));
        one.engine_time = engine.map(days_ago);
        let mut facts = facts(vec![one]);
        facts.known_since = Some(days_ago(known));
        let settings = HostSettings {
            trust_engine_times: trusted,
            ..bare()
        };
        assert_eq!(
            decide(&facts, &settings, &[], now()).go.len() == 1,
            goes,
            "{seen} {engine:?} {known} {trusted}"
        );
        // A use that was seen counts whatever the engine says, and what was never seen has no age.
        facts.images[0].last_used_at = Some(days_ago(1));
        assert_eq!(decide(&facts, &settings, &[], now()).go, []);
        facts.images[0].last_used_at = None;
        facts.images[0].first_seen_at = None;
        assert_eq!(decide(&facts, &settings, &[], now()).go, []);
    }
}

#[test]
fn a_build_date_counts_only_where_it_is_trusted_and_nothing_better_is_known() {
    // Built, first seen, by the engine, known since, trusted: goes?
    let table = [
        (400, 1, None, 1, true, true),
        (400, 1, None, 1, false, false),
        (400, 1, None, 100, true, false),
        (400, 1, Some(1), 1, true, false),
        (3, 1, None, 1, true, false),
        // Of 1970: no date at all.
        (20_600, 1, None, 1, true, false),
    ];
    for (built, seen, engine, known, trusted, goes) in table {
        let mut one = image(1, "r.io/web:1");
        one.created_at = Some(days_ago(built));
        one.first_seen_at = Some(days_ago(seen));
        one.engine_time = engine.map(days_ago);
        let mut facts = facts(vec![one]);
        facts.known_since = Some(days_ago(known));
        let settings = HostSettings {
            trust_engine_times: trusted,
            ..bare()
        };
        let went = decide(&facts, &settings, &[], now()).go.len() == 1;
        assert_eq!(went, goes, "{built} {seen} {engine:?} {known} {trusted}");
    }
}

#[test]
fn without_a_memory_the_first_look_is_this_one() {
    let mut one = image(1, "r.io/web:1");
    one.first_seen_at = Some(now());
    one.engine_time = Some(days_ago(30));
    let facts = HostFacts {
        known_since: None,
        ..facts(vec![one])
    };
    let settings = HostSettings {
        trust_engine_times: true,
        ..bare()
    };
    assert_eq!(decide(&facts, &settings, &[], now()).go.len(), 1);
}

#[test]
fn the_newest_of_each_repository_stay() {
    let images = vec![
        used(image(1, "r.io/web:1"), days_ago(20)),
        used(image(2, "r.io/web:2"), days_ago(10)),
        used(dangling(3, "r.io/web"), days_ago(15)),
        image(4, "r.io/api:1"),
    ];
    let told = decided(&facts(images), &HostSettings::default());
    assert_eq!(
        told,
        [
            "1 goes: unused for 20 days; rule unused (unused-for: 7d)",
            "2 stays: number 1 of the newest 2 of r.io/web, which stay",
            "3 stays: number 2 of the newest 2 of r.io/web, which stay",
            "4 stays: number 1 of the newest 2 of r.io/api, which stay",
        ]
    );
}

#[test]
fn the_newest_of_any_of_its_repositories_stays() {
    let both = |number, days| {
        let mut image = used(image(number, "r.io/web:x"), days_ago(days));
        image.names = vec![format!("r.io/web:{number}"), format!("r.io/copy:{number}")];
        image
    };
    let mut images: Vec<HostImage> = (1..=3).map(|number| both(number, 20 - i64::from(number))).collect();
    images[0].names = vec!["r.io/web:1".to_owned(), "r.io/old:1".to_owned()];
    let settings = HostSettings {
        keep_newest: 1,
        ..bare()
    };
    let told = decided(&facts(images), &settings);
    assert_eq!(told[0], "1 stays: number 1 of the newest 1 of r.io/old, which stay");
    assert!(told[1].starts_with("2 goes"), "{told:?}");
    assert!(told[2].starts_with("3 stays"), "{told:?}");
}

#[test]
fn the_best_of_its_places_is_named() {
    let mut images: Vec<HostImage> = (1..=3).map(|number| image(number, "r.io/web:x")).collect();
    for (image, (names, days)) in images.iter_mut().zip([
        (&["r.io/a:1", "r.io/b:1", "r.io/c:1"][..], 20),
        (&["r.io/a:2"], 10),
        (&["r.io/c:3"], 10),
    ]) {
        image.names = names.iter().map(|name| (*name).to_owned()).collect();
        image.digests = vec![format!("r.io/b@{}", digest(101))]
            .into_iter()
            .filter(|_| days == 20)
            .collect();
        image.last_used_at = Some(days_ago(days));
    }
    let settings = HostSettings {
        local_images: true,
        ..HostSettings::default()
    };
    let told = decided(&facts(images), &settings);
    assert_eq!(told[0], "1 stays: number 1 of the newest 2 of r.io/b, which stay");
}

#[test]
fn of_equal_uses_the_one_built_last_is_newer_then_the_lower_id() {
    let built = |number, days: Option<i64>| HostImage {
        created_at: days.map(days_ago),
        ..image(number, &format!("r.io/web:{number}"))
    };
    let stays = |images: Vec<HostImage>| {
        let plan = decide(
            &facts(images),
            &HostSettings {
                keep_newest: 1,
                ..bare()
            },
            &[],
            now(),
        );
        plan.stay.into_iter().map(|stay| stay.id).collect::<Vec<_>>()
    };
    assert_eq!(
        stays(vec![built(1, Some(50)), built(2, Some(40)), built(3, None)]),
        [digest(2)]
    );
    // A placeholder says nothing.
    let epoch = HostImage {
        created_at: Some(Timestamp::UNIX_EPOCH),
        ..image(2, "r.io/web:2")
    };
    assert_eq!(stays(vec![built(1, Some(50)), epoch]), [digest(1)]);
    let lower = digest(1).min(digest(2)).min(digest(3));
    assert_eq!(stays((1..=3).map(|number| built(number, None)).collect()), [lower]);
}

#[test]
fn an_image_of_unknown_age_takes_no_place_among_the_newest() {
    let mut images = vec![image(1, "r.io/web:1"), image(2, "r.io/web:2")];
    images[1].first_seen_at = None;
    images[1].last_used_at = Some(now());
    let told = decided(
        &facts(images),
        &HostSettings {
            keep_newest: 1,
            ..bare()
        },
    );
    assert_eq!(told[0], "1 stays: number 1 of the newest 1 of r.io/web, which stay");
}

#[test]
fn rules_see_images_by_their_names() {
    let rules = r#"
    - { name: kept, match: { tags: ["prod-*"] }, keep: always }
    - { name: labelled, match: { labels: { team: "red" } }, expire: { unused-for: 40d } }
    - { name: untagged, match: { dangling: true }, expire: { unused-for: 1d } }
    - { name: ranked, match: { tags: ["v*"] }, order: semver, expire: { beyond-newest: 1 } }
    - { name: spared, match: { tags: ["n-*"] }, expire: { unused-for: 1d }, unless: { newest-per: { month: 1 } } }
    - { name: big, match: { tags: ["b*"] }, expire: { larger-than: 500B } }"#;
    let mut red = image(2, "r.io/web:x");
    red.labels.insert("team".to_owned(), "red".to_owned());
    let images = vec![
        image(1, "r.io/web:prod-1"),
        red,
        dangling(3, "r.io/web"),
        image(4, "r.io/web:v1"),
        image(5, "r.io/web:v2"),
        image(6, "r.io/web:n-1"),
        image(7, "r.io/web:b1"),
        image(8, "r.io/web:other"),
    ];
    assert_eq!(
        decided(&facts(images), &ruled(rules)),
        [
            "1 stays: rule kept always keeps it",
            "2 stays: unused for 30 days; rule labelled (unused-for: 40d) keeps it for now",
            "3 goes: unused for 30 days; rule untagged (unused-for: 1d)",
            "4 goes: rule ranked (beyond-newest: 1, 1 newer)",
            "5 stays: rule ranked (beyond-newest: 1, 0 newer) keeps it for now",
            "6 stays: rule spared (newest-per: month 1, the newest of its month) spares it",
            "7 goes: rule big (larger-than: 500, 1000)",
            "8 stays: no rule speaks of it",
        ]
    );
}

#[test]
fn an_image_goes_only_if_all_its_names_go() {
    let rules = r#"
    - { name: kept, match: { tags: ["prod-*"] }, keep: always }
    - { name: late, match: { tags: ["late-*"] }, expire: { unused-for: 90d } }
    - { name: early, match: { tags: ["early-*"] }, expire: { unused-for: 1d } }"#;
    let named = |tags: &[&str]| {
        let mut one = image(1, "r.io/web:x");
        one.names = tags.iter().map(|tag| format!("r.io/web:{tag}")).collect();
        decided(&facts(vec![one]), &ruled(rules)).swap_remove(0)
    };
    let late = "1 stays: unused for 30 days; rule late (unused-for: 90d) keeps it for now";
    for (tags, expected) in [
        (
            &["early-1", "early-2"][..],
            "1 goes: unused for 30 days; rule early (unused-for: 1d)",
        ),
        (&["early-1", "late-1"], late),
        (&["early-1", "prod-1", "late-1"], "1 stays: rule kept always keeps it"),
        (&["early-1", "other"], "1 stays: no rule speaks of it"),
        (&["late-1", "other"], late),
    ] {
        assert_eq!(named(tags), expected, "{tags:?}");
    }
}

#[test]
fn policies_cover_repositories() {
    let text = r#"
host:
  keep-newest: 0
  local-images: true
  policies:
  - { name: hub, registries: [docker.io], rules: [ { name: hub, match: {}, expire: { unused-for: 1d } } ] }
  - { name: apps, repositories: ["apps/**"], rules: [ { name: apps, match: {}, keep: always } ] }
"#;
    let everything =
        format!("{text}  - {{ name: all, rules: [ {{ name: all, match: {{}}, expire: {{ unused-for: 2d }} }} ] }}\n");
    let nameless = HostImage {
        names: Vec::new(),
        digests: Vec::new(),
        ..image(4, "r.io/x:1")
    };
    let mut two = image(5, "nginx:1");
    two.digests.push(format!("r.io/apps/nginx@{}", digest(105)));
    let images = vec![
        image(1, "nginx:1"),
        image(2, "r.io/apps/web:1"),
        image(3, "r.io/x:1"),
        nameless,
        two,
    ];
    let told = decided(&facts(images.clone()), &configured(text));
    assert_eq!(
        told,
        [
            "1 goes: unused for 30 days; rule hub (unused-for: 1d)",
            "2 stays: rule apps always keeps it",
            "3 stays: no rule speaks of it",
            "4 stays: no rule speaks of it",
            "5 stays: rule apps always keeps it",
        ]
    );
    let told = decided(&facts(images), &configured(&everything));
    assert_eq!(told[2], "3 goes: unused for 30 days; rule all (unused-for: 2d)");
    assert_eq!(told[3], "4 goes: unused for 30 days; rule all (unused-for: 2d)");
}

#[test]
fn ranks_count_images_of_one_group_and_repository_alone() {
    let goes = |rule: &str| {
        let images = vec![
            used(image(1, "r.io/web:main-1a2b3c4"), days_ago(3)),
            used(image(2, "r.io/web:main-2a2b3c4"), days_ago(2)),
            used(image(3, "r.io/api:main-1a2b3c4"), days_ago(1)),
            used(image(4, "r.io/web:dev-1a2b3c4"), days_ago(1)),
            used(image(5, "r.io/db:x"), days_ago(9)),
            used(image(6, "r.io/db:prod"), days_ago(1)),
        ];
        let kept = r#"    - { name: kept, match: { tags: ["prod"] }, keep: always }"#;
        let rules = format!("{kept}\n    - {{ match: {{}}, {rule}, expire: {{ beyond-newest: 1 }} }}");
        let plan = decide(&facts(images), &ruled(&rules), &[], now());
        plan.go.into_iter().map(|it| it.names[0].clone()).collect::<Vec<_>>()
    };
    assert_eq!(goes("group-by: branch"), ["r.io/web:main-1a2b3c4"]);
    assert_eq!(
        goes("group-by: repository"),
        ["r.io/web:main-1a2b3c4", "r.io/web:main-2a2b3c4"]
    );
    // What a rule before it governs takes part as well.
    assert_eq!(goes("group-by: branch, rank-among: fitting"), ["r.io/web:main-1a2b3c4"]);
    assert_eq!(
        goes("rank-among: fitting"),
        ["r.io/db:x", "r.io/web:main-1a2b3c4", "r.io/web:main-2a2b3c4"]
    );
}

#[test]
fn what_was_used_longest_ago_goes_first() {
    let images = vec![
        used(image(1, "r.io/web:1"), days_ago(10)),
        used(image(2, "r.io/web:2"), days_ago(30)),
        HostImage {
            created_at: Some(days_ago(50)),
            ..used(image(3, "r.io/web:3"), days_ago(20))
        },
        HostImage {
            created_at: Some(days_ago(60)),
            ..used(image(4, "r.io/web:4"), days_ago(20))
        },
        used(image(5, "r.io/web:5"), days_ago(20)),
    ];
    let plan = decide(&facts(images), &bare(), &[], now());
    let order: Vec<&str> = plan.go.iter().map(|it| it.names[0].as_str()).collect();
    assert_eq!(
        order,
        ["r.io/web:2", "r.io/web:5", "r.io/web:4", "r.io/web:3", "r.io/web:1"]
    );
    assert_eq!(plan.go[0].last_used_at, days_ago(30));
}

#[test]
fn a_plan_reads_back_as_it_was_written() {
    let images = vec![
        image(1, "r.io/web:1"),
        used(image(2, "r.io/web:2"), days_ago(1)),
        dangling(3, "r.io/x"),
    ];
    let plan = decide(
        &facts(images),
        &HostSettings {
            keep_newest: 1,
            ..bare()
        },
        &[],
        now(),
    );
    let text = serde_json::to_string(&plan).unwrap();
    let back: HostPlan = serde_json::from_str(&text).unwrap();
    assert_eq!(back, plan);
    assert_eq!(told(&back), told(&plan));
}
