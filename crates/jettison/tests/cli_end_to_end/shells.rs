//! Completion scripts and manual pages, tried by the programs that read them.

use std::fs;
use std::process::Command;

use crate::place::Place;

const COMMANDS: [&str; 17] = [
    "scan",
    "usage",
    "plan",
    "apply",
    "run",
    "history",
    "explain",
    "policy",
    "demo",
    "store",
    "schema",
    "completions",
    "man",
    "check",
    "compact",
    "import",
    "export",
];

#[test]
fn every_shell_gets_a_script_that_names_every_command() {
    let place = Place::empty();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = place.call(&["completions", shell]).exits(0).stdout;
        for command in COMMANDS {
            assert!(script.contains(command), "{shell} does not complete {command}");
        }
    }
    place.call(&["completions", "sh"]).exits(2);
}

/// What bash offers for the last of these words.
fn offered(place: &Place, words: &[&str]) -> Vec<String> {
    let script = format!(
        "source jettison.bash
         COMP_WORDS=({}); COMP_CWORD={}
         _jettison jettison \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD-1]}}\"
         printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        words.join(" "),
        words.len() - 1
    );
    let output = Command::new("bash")
        .args(["--norc", "-c", &script])
        .current_dir(place.folder())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_commands_and_flags() {
    let place = Place::empty();
    place.write("jettison.bash", &place.call(&["completions", "bash"]).exits(0).stdout);
    assert_eq!(offered(&place, &["jettison", "pl"]), ["plan"]);
    assert_eq!(offered(&place, &["jettison", "store", "comp"]), ["compact"]);
    assert_eq!(
        offered(&place, &["jettison", "plan", "--det"]),
        ["--detailed-exit-code"]
    );
    assert_eq!(offered(&place, &["jettison", "plan", "--output", "j"]), ["json"]);
}

#[test]
fn there_is_a_page_for_every_command_and_groff_has_nothing_to_say_of_it() {
    let place = Place::empty();
    place.call(&["man", "--out", "pages"]).exits(0);
    let mut names: Vec<String> = fs::read_dir(place.path("pages"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    for name in [
        "jettison.1",
        "jettison-plan.1",
        "jettison-policy-check.1",
        "jettison-store-compact.1",
    ] {
        assert!(names.iter().any(|other| other == name), "{name} is not in {names:?}");
    }
    for name in &names {
        let text = fs::read_to_string(place.path("pages").join(name)).unwrap();
        for part in [".TH", ".SH NAME", ".SH SYNOPSIS"] {
            assert!(text.contains(part), "{name} has no {part}");
        }
        // Where groff is not installed, its structure has to do.
        let Ok(output) = Command::new("groff")
            .args(["-man", "-Tutf8", "-ww", "-z", name])
            .current_dir(place.path("pages"))
            .output()
        else {
            continue;
        };
        let complaints = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && complaints.is_empty(), "{name}: {complaints}");
    }
    let main = fs::read_to_string(place.path("pages/jettison.1")).unwrap();
    assert_eq!(place.call(&["man"]).exits(0).stdout, main);
}
