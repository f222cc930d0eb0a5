//! Disks that are too full.

use super::*;
use crate::config::Share;
use crate::model::Gap;

fn full(used: u64, used_inodes: u64) -> Disk {
    Disk {
        path: "/var/lib/docker".to_owned(),
        bytes: 100_000,
        free_bytes: 100_000 - used,
        inodes: 1_000,
        free_inodes: 1_000 - used_inodes,
    }
}

/// Four images of 1,000 bytes: one that expired, three that were used 3, 2 and 1 days ago, one of an hour ago.
fn pressed(disk: Disk) -> HostFacts {
    let young = |number: u8, hours| used(image(number, &format!("r.io/web:{number}")), hours_ago(hours));
    let images = vec![
        image(1, "r.io/web:1"),
        young(2, 24),
        young(3, 48),
        young(4, 72),
        young(5, 1),
    ];
    HostFacts {
        disk: Some(disk),
        ..facts(images)
    }
}

fn marks() -> HostSettings {
    HostSettings {
        disk: Some(DiskMarks {
            high: Share::percent(85),
            low: Share::percent(80),
        }),
        ..bare()
    }
}

/// What goes and what may go after that, by number.
fn goes(facts: &HostFacts, settings: &HostSettings) -> (Vec<usize>, Vec<usize>) {
    let plan = decide(facts, settings, &[], now());
    let number = |it: &Departure| facts.images.iter().position(|image| image.id == it.id).unwrap() + 1;
    (
        plan.go.iter().map(number).collect(),
        plan.reserve.iter().map(number).collect(),
    )
}

#[test]
fn images_go_until_the_low_mark_least_recently_used_first() {
    let table = [
        // Not above the high mark: only what expired.
        (85_000, 0, vec![1], vec![]),
        // 5,001 to free, of which all together have 4,000.
        (85_001, 0, vec![1, 4, 3, 2], vec![]),
        // A hundred files too many, of which nobody knows whose they are.
        (0, 900, vec![1, 4, 3, 2], vec![]),
    ];
    for (bytes, inodes, go, reserve) in table {
        assert_eq!(
            goes(&pressed(full(bytes, inodes)), &marks()),
            (go, reserve),
            "{bytes} {inodes}"
        );
    }
    let close = HostSettings {
        disk: Some(DiskMarks {
            high: Share::percent(85),
            low: Share::percent(84),
        }),
        ..bare()
    };
    // 2,000 to free, of which what expired has 1,000.
    assert_eq!(goes(&pressed(full(86_000, 0)), &close), (vec![1, 4], vec![3, 2]));
    assert_eq!(goes(&pressed(full(86_001, 0)), &close), (vec![1, 4, 3], vec![2]));
}

#[test]
fn the_plan_says_how_full_it_is() {
    let plan = decide(&pressed(full(90_000, 810)), &marks(), &[], now());
    let pressure = plan.pressure.unwrap();
    assert!(pressure.is_high && pressure.is_to_be_relieved());
    assert_eq!(
        (pressure.bytes_to_free, pressure.inodes_to_free, pressure.bytes_going),
        (10_000, 10, 4_000)
    );
    assert_eq!(
        plan.go[1].reason.to_string(),
        "the disk is too full; unused for 3 days; rule unused (unused-for: 7d) would take it later"
    );
    let calm = decide(&pressed(full(84_000, 0)), &marks(), &[], now())
        .pressure
        .unwrap();
    assert!(!calm.is_high && !calm.is_to_be_relieved() && calm.bytes_going == 1_000);
    assert_eq!(decide(&pressed(full(90_000, 0)), &bare(), &[], now()).pressure, None);
    assert_eq!(decide(&facts(Vec::new()), &marks(), &[], now()).pressure, None);
}

#[test]
fn what_is_held_does_not_go_for_a_full_disk() {
    let stays = |change: fn(&mut HostFacts, &mut HostSettings)| {
        let (mut facts, mut settings) = (pressed(full(99_000, 0)), marks());
        change(&mut facts, &mut settings);
        let plan = decide(&facts, &settings, &[], now());
        let gone: Vec<&Departure> = plan.go.iter().chain(&plan.reserve).collect();
        !gone.iter().any(|it| it.id == digest(4))
    };
    assert!(!stays(|_, _| ()));
    assert!(stays(
        |facts, _| facts.usage = vec![source(vec![reference("r.io/web:4", None)])]
    ));
    assert!(stays(|facts, _| facts.images[3].pinned = Some("x".to_owned())));
    assert!(stays(|facts, _| facts.images[3].digests.clear()));
    assert!(stays(|facts, _| facts.gaps = vec![Gap::of("x")]));
    assert!(stays(|facts, _| facts.images[3].first_seen_at = None));
    assert!(stays(|_, settings| settings.keep_newest = 4));
    assert!(!stays(|_, settings| settings.keep_newest = 3));
    let rules = |rules: &str| HostSettings {
        disk: marks().disk,
        ..ruled(rules)
    };
    let kept: [&str; 3] = [
        r#"    - { name: kept, match: { tags: ["4"] }, keep: always }"#,
        r#"    - { name: other, match: { tags: ["3"] }, expire: { unused-for: 1d } }"#,
        r#"    - { name: spared, match: { tags: ["4"] }, expire: { unused-for: 1d }, unless: { newest-per: { day: 1 } } }"#,
    ];
    for text in kept {
        let (go, reserve) = goes(&pressed(full(99_000, 0)), &rules(text));
        assert!(!go.contains(&4) && !reserve.contains(&4), "{text}");
    }
}

#[test]
fn a_disk_without_files_or_size_is_never_full() {
    let none = Disk {
        bytes: 0,
        free_bytes: 0,
        inodes: 0,
        free_inodes: 0,
        ..full(0, 0)
    };
    let DiskMarks { high, low } = marks().disk.unwrap();
    let marks = DiskMarks { high, low };
    assert!(!Pressure::on(&none, &marks).is_high && !marks.is_above_low(&none));
    // Btrfs tells no files at all.
    let btrfs = Disk {
        inodes: 0,
        free_inodes: 0,
        ..full(90_000, 0)
    };
    let pressure = Pressure::on(&btrfs, &marks);
    assert_eq!(
        (pressure.is_high, pressure.bytes_to_free, pressure.inodes_to_free),
        (true, 10_000, 0)
    );
    let odd = Disk {
        free_bytes: 200_000,
        free_inodes: 2_000,
        ..full(0, 0)
    };
    assert!(!Pressure::on(&odd, &marks).is_high);
}

#[test]
fn it_goes_on_while_above_the_low_mark() {
    let marks = marks().disk.unwrap();
    for (bytes, inodes, above) in [(80_000, 800, false), (80_001, 0, true), (0, 801, true)] {
        assert_eq!(marks.is_above_low(&full(bytes, inodes)), above, "{bytes} {inodes}");
    }
}
