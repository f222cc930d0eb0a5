//! Configuration files and policy tests, which share a reader.
//!
//! - A file is refused with findings that people can read, each at a place in the file.
//! - What is accepted can be planned with: nothing panics, and the plan breaks no law, whatever the rules say.
//! - Written over another configuration it takes no protection away.

use jettison_core::config::{Config, Diagnostic, Diagnostics};
use jettison_core::policy::cases::Cases;

use crate::oracle::{assert_in_proportion, assert_message, assert_text};
use crate::world::{World, facts, planned};

/// Looks at one input.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match Config::parse("jettison.yaml", text) {
        Ok((config, warnings)) => {
            warnings.iter().for_each(|warning| finding(warning, text));
            accepted(&config, data);
        }
        Err(findings) => refused(&findings, text),
    }
    match Cases::parse("jettison.test.yaml", text) {
        Ok(cases) => {
            assert_in_proportion(&cases, data);
            let world = World::get();
            planned(&facts(&cases.inventory, Some(&cases.usage), &world.eager));
        }
        Err(findings) => refused(&findings, text),
    }
}

fn accepted(config: &Config, data: &[u8]) {
    assert_in_proportion(config, data);
    let world = World::get();
    planned(&facts(&world.inventory, Some(&world.usage), config));
    let both = world.eager.clone().overridden_by(config.clone());
    assert!(config.protect.iter().all(|pattern| both.protect.contains(pattern)));
    assert_eq!(
        both.immutable.len(),
        world.eager.immutable.len() + config.immutable.len()
    );
    planned(&facts(&world.inventory, Some(&world.usage), &both));
}

fn refused(findings: &Diagnostics, text: &str) {
    assert!(findings.has_errors(), "refused without an error");
    findings.iter().for_each(|found| finding(found, text));
    assert_text(&findings.render(false));
}

fn finding(found: &Diagnostic, text: &str) {
    assert_message(&found.to_string());
    let lines = text.matches('\n').count() + 1;
    assert!(
        (1..=lines).contains(&(found.line as usize)) && found.column >= 1,
        "{found:?}"
    );
    assert!(text.get(found.span.clone()).is_some(), "{found:?}");
}
