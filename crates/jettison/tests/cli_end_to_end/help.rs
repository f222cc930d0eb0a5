//! Every `--help`, held against snapshots, and what every one of them has to say.

use crate::pages::views;
use crate::place::Place;

/// Every command that there is, by what `--help` lists.
fn commands(place: &Place) -> Vec<Vec<String>> {
    let mut found = vec![Vec::new()];
    let mut open = vec![Vec::<String>::new()];
    while let Some(command) = open.pop() {
        let mut words: Vec<&str> = command.iter().map(String::as_str).collect();
        words.push("--help");
        let help = place.call(&words).exits(0).stdout;
        let listed = help.split_once("\nCommands:\n").map_or("", |(_, rest)| rest);
        for line in listed.lines().take_while(|line| line.starts_with("  ")) {
            let Some(name) = line.split_whitespace().next().filter(|name| *name != "help") else {
                continue;
            };
            if line.starts_with("   ") {
                continue;
            }
            let below = [command.clone(), vec![name.to_owned()]].concat();
            open.push(below.clone());
            found.push(below);
        }
    }
    found
}

#[test]
fn every_help_page_reads_well() {
    let place = Place::empty();
    let commands = commands(&place);
    assert!(commands.len() > 18, "{commands:?}");
    let mut long = Vec::new();
    for command in commands {
        let mut words: Vec<&str> = command.iter().map(String::as_str).collect();
        words.push("--help");
        let text = views(|environment| place.call_with(&words, environment), "/nowhere");
        let name = format!("help {}", command.join(" ")).trim().replace(' ', "-");
        insta::with_settings!({
            description => format!("jettison {}", words.join(" ")),
            omit_expression => true,
            prepend_module_to_snapshot => false,
        }, {
            insta::assert_snapshot!(name, text);
        });
        let wide = text
            .split("=== ")
            .find(|view| view.starts_with("200 columns:"))
            .unwrap();
        let (_, examples) = wide
            .split_once("\nExample")
            .unwrap_or_else(|| panic!("no example in {words:?}"));
        let over = examples.lines().filter(|line| line.chars().count() > 80);
        long.extend(over.map(|line| format!("{words:?}: {line}")));
    }
    assert!(long.is_empty(), "examples that break at 80 columns: {long:#?}");
}
