//! Where words go: closed pipes, full disks, colours, and text of others that wants to steer the terminal.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};

use crate::place::Place;
use crate::world::images;

#[test]
fn a_reader_that_goes_away_is_no_fault() {
    let place = Place::with_facts();
    for more in [&[][..], &["--verbose"], &["--output", "json"]] {
        let mut child = place
            .program(&[&Place::PLAN[..], more].concat())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Closed before anything is written.
        drop(child.stdout.take());
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert_eq!((child.wait().unwrap().code(), said.as_str()), (Some(5), ""), "{more:?}");
    }
}

#[test]
fn nobody_who_reads_errors_is_no_fault_either() {
    let place = Place::empty();
    let mut child = place.program(&["plan"]).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stderr.take());
    assert_eq!(child.wait().unwrap().code(), Some(2));
}

#[test]
fn output_that_cannot_be_written_is_told() {
    let place = Place::with_facts();
    for more in [&[][..], &["--output", "json"]] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let output = place
            .program(&[&Place::PLAN[..], more].concat())
            .stdout(full)
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(
            said.contains("standard output could not be written: No space left"),
            "{said}"
        );
    }
}

#[test]
fn a_demo_that_is_kept_ends_by_either_signal_and_leaves_nothing() {
    for signal in [Signal::INT, Signal::TERM] {
        let place = Place::empty();
        let folder = tempfile::tempdir().unwrap();
        let left = || std::fs::read_dir(folder.path()).unwrap().count();
        let mut child = place
            .program(&["demo", "--keep", "--images", "50"])
            .env("TMPDIR", folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(
            lines.any(|line| line.unwrap().contains("explain ")),
            "it ended by itself"
        );
        assert_eq!(left(), 1);
        kill_process(Pid::from_child(&child), signal).unwrap();
        assert_eq!((child.wait().unwrap().code(), left()), (Some(0), 0), "{signal:?}");
    }
}

#[test]
fn colours_come_when_they_are_wanted() {
    let place = Place::with_facts();
    let table: [(&[(&str, &str)], bool); 5] = [
        (&[], false),
        (&[("CLICOLOR_FORCE", "1")], true),
        (&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], false),
        (&[("NO_COLOR", "1")], false),
        (&[("TERM", "dumb")], false),
    ];
    for (environment, coloured) in table {
        let said = place.call_with(&Place::PLAN, environment);
        assert_eq!(said.stdout.contains('\u{1b}'), coloured, "{environment:?}");
        let error = place.call_with(&["plan"], environment);
        assert_eq!(error.stderr.contains('\u{1b}'), coloured, "{environment:?}");
    }
}

/// Clears the screen, sets the title, moves the cursor, turns the text, and writes a line of its own.
const HOSTILE: &str = "\u{1b}[2J\u{1b}]0;gotcha\u{7}\u{1b}[1;1H\u{9b}2J\u{202e}\r\nok: all is well";

#[track_caller]
fn harmless(text: &str) {
    let steering = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
    assert!(!text.contains(steering), "{text:?}");
    let forged = text.lines().any(|line| line.starts_with("ok: all is well"));
    assert!(!forged, "a line of somebody else's: {text:?}");
}

#[tokio::test]
async fn what_others_say_never_steers_the_terminal() {
    let case = images("app main 40d labels=a=b\nold old 90d").usage("@prod complete\nr.example.com/apps/web:main");
    let place = Place::with(&case);
    let (mut inventory, mut usage) = (case.inventory(), case.usage_form());
    inventory["repositories"][0]["gaps"] = serde_json::json!([HOSTILE]);
    inventory["repositories"][0]["manifests"][0]["labels"][HOSTILE] = serde_json::json!(HOSTILE);
    usage["sources"][0]["name"] = serde_json::json!(HOSTILE);
    usage["sources"][0]["gaps"] = serde_json::json!([HOSTILE]);
    usage["sources"][0]["references"][0]["used_by"] = serde_json::json!(HOSTILE);
    place.write("i.json", &inventory.to_string());
    place.write("u.json", &usage.to_string());
    place.remember_plan().await;
    place.write(
        "in-use.txt",
        &format!(
            "r.example.com/apps/web:main # {}\n{HOSTILE}\n",
            HOSTILE.replace('\n', " ")
        ),
    );
    place.write(HOSTILE_FILE, "r.example.com/apps/web:main\n");
    let calls: [&[&str]; 8] = [
        &[&Place::PLAN[..], &["--verbose"]].concat(),
        &[&Place::PLAN[..], &["--output", "json"]].concat(),
        &["explain", "r.example.com/apps/web:main"],
        &["explain", "r.example.com/apps/web:old"],
        &["usage", "--usage", "in-use.txt"],
        &["usage", "--usage", HOSTILE_FILE],
        &["explain", HOSTILE],
        &["history", HOSTILE],
    ];
    for words in calls {
        let said = place.call(words);
        harmless(&said.stdout);
        harmless(&said.stderr);
        let coloured = place.call_with(words, &[("CLICOLOR_FORCE", "1")]);
        for text in [coloured.stdout, coloured.stderr] {
            harmless(&crate::pages::readable(&text));
        }
    }
}

/// A file name may hold anything but a slash.
const HOSTILE_FILE: &str = "\u{1b}[2J\u{1b}]0;gotcha\u{7}\nok: all is well.txt";

#[cfg(unix)]
#[test]
fn a_link_that_is_written_to_stays_a_link() {
    let place = Place::with_facts();
    let (link, file) = (place.path("link.json"), place.path("plan.json"));
    std::os::unix::fs::symlink(&file, &link).unwrap();
    std::fs::write(&file, "old").unwrap();
    let output = place
        .program(&[&Place::PLAN[..], &["--out", "link.json"]].concat())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(5));
    assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
    assert!(std::fs::read_to_string(&file).unwrap().starts_with('{'));
}
