//! Finds the parts of a configuration in its file again, for those who have something to say about them later.
//!
//! The checked values do not carry their places: hardly anybody asks for one. The file's tree is read once more here.

use std::rc::Rc;

use super::diagnostic::{Place, Source};
use super::read::child;
use super::tree::{self, Node, Value};

/// A part of a configuration, by its position there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Site {
    /// A policy.
    Policy(usize),
    /// A rule, or one key of it.
    Rule {
        /// The position of its policy.
        policy: usize,
        /// Its position there.
        rule: usize,
        /// `group-by`, for example; the name stands in where the rule does not have it.
        key: &'static str,
    },
    /// A pattern under `protect`.
    Protect(usize),
    /// An entry under `immutable`.
    Immutable(usize),
}

/// A configuration file, to find places in.
#[derive(Debug)]
pub struct Outline<'a> {
    source: Source<'a>,
    root: Option<Rc<Node>>,
}

impl<'a> Outline<'a> {
    /// Of a text that was read as a configuration; of any other no place is found.
    pub fn new(file_name: &'a str, text: &'a str) -> Self {
        let source = Source::new(file_name, text);
        let root = tree::parse(&source, &mut Vec::new());
        Self { source, root }
    }

    /// Where a part stands.
    pub fn place(&self, site: Site) -> Option<Place> {
        let node = match site {
            Site::Policy(at) => name_of(self.item("policies", at)?),
            Site::Rule { policy, rule, key } => {
                let rule = item(child(self.item("policies", policy)?, "rules")?, rule)?;
                child(rule, key).unwrap_or_else(|| name_of(rule))
            }
            Site::Protect(at) => self.item("protect", at)?,
            Site::Immutable(at) => self.item("immutable", at)?,
        };
        Some(self.source.place(&node.span))
    }

    /// Where a part of a lifecycle policy of ECR stands, by its path there (`rules[0].selection`): such a file is JSON, and
    /// so YAML too. What is not there itself stands in what is.
    pub fn at(&self, path: &str) -> Option<Place> {
        let mut steps = path.split(['.', '[', ']']).filter(|step| !step.is_empty()).peekable();
        steps.peek()?;
        let mut node = self.root.as_deref()?;
        for step in steps {
            let next = match &node.value {
                Value::List(items) => step
                    .parse()
                    .ok()
                    .and_then(|at: usize| items.get(at))
                    .map(|item| &**item),
                _ => child(node, step),
            };
            match next {
                Some(next) => node = next,
                None => break,
            }
        }
        Some(self.source.place(&node.span))
    }

    /// Where a rule of a lifecycle policy of ECR stands, by its number.
    pub fn lifecycle_rule(&self, priority: u64) -> Option<Place> {
        let Value::List(rules) = &child(self.root.as_deref()?, "rules")?.value else {
            return None;
        };
        let mut priorities = rules.iter().filter_map(|rule| child(rule, "rulePriority"));
        let wanted = priority.to_string();
        let found = priorities.find(|node| matches!(&node.value, Value::Scalar { text, .. } if *text == wanted));
        Some(self.source.place(&found?.span))
    }

    fn item(&self, key: &str, at: usize) -> Option<&Node> {
        item(child(self.root.as_deref()?, key)?, at)
    }
}

fn item(node: &Node, at: usize) -> Option<&Node> {
    match &node.value {
        Value::List(items) => items.get(at).map(|item| &**item),
        _ => None,
    }
}

fn name_of(node: &Node) -> &Node {
    child(node, "name").unwrap_or(node)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
protect: [\"**/base/*\", \"**:golden\"]
immutable:
  - { tags: [\"v*\"] }
policies:
  - name: first
    rules: [ { keep: always } ]
  - rules:
      - name: named
        match: { tags: [\"*\"] }
        expire: { older-than: 1d }
";

    fn place(site: Site) -> Option<(u32, String)> {
        let place = Outline::new("p.yaml", TEXT).place(site)?;
        let report = super::super::Report {
            severity: super::super::Severity::Note,
            code: "code",
            message: "message",
            notes: &[],
            hint: None,
        };
        let text = report.render(Some(&place), false);
        let lines: Vec<&str> = text.lines().collect();
        let (shown, arrows) = (lines[lines.len() - 2], lines[lines.len() - 1]);
        let under = arrows.find('^')?..=arrows.rfind('^')?;
        Some((place.line, shown.get(under)?.to_owned()))
    }

    #[test]
    fn every_part_is_found_and_underlined() {
        let rule = |policy, rule, key| Site::Rule { policy, rule, key };
        for (site, line, underlined) in [
            (Site::Protect(1), 1, "\"**:golden\""),
            (Site::Immutable(0), 3, "{ tags: [\"v*\"] }"),
            (Site::Policy(0), 5, "first"),
            (rule(0, 0, "match"), 6, "{ keep: always }"),
            (rule(1, 0, "name"), 8, "named"),
            (rule(1, 0, "match"), 9, "{ tags: [\"*\"] }"),
            (rule(1, 0, "group-by"), 8, "named"),
        ] {
            assert_eq!(place(site), Some((line, underlined.to_owned())), "{site:?}");
        }
    }

    #[test]
    fn parts_of_lifecycle_policies_are_found_by_path_and_by_number() {
        let text = "{ \"rules\": [\n  { \"rulePriority\": 20,\n    \"selection\": { \"tagStatus\": \"any\" } },\n  { \"rulePriority\": 3 } ] }";
        let outline = Outline::new("p.json", text);
        let line = |place: Option<Place>| place.map(|place| place.line);
        for (path, expected) in [
            ("rules[0].selection.tagStatus", Some(3)),
            ("rules[0].selection.countType", Some(3)),
            ("rules[1].rulePriority", Some(4)),
            ("rules[1]", Some(4)),
            ("rules[7]", Some(1)),
            ("", None),
        ] {
            assert_eq!(line(outline.at(path)), expected, "{path}");
        }
        assert_eq!(line(outline.lifecycle_rule(20)), Some(2));
        assert_eq!(line(outline.lifecycle_rule(3)), Some(4));
        assert_eq!(line(outline.lifecycle_rule(2)), None);
        assert_eq!(line(Outline::new("p.json", "{").at("rules[0]")), None);
    }

    #[test]
    fn what_is_not_there_has_no_place() {
        for site in [
            Site::Protect(2),
            Site::Policy(2),
            Site::Rule {
                policy: 0,
                rule: 1,
                key: "name",
            },
        ] {
            assert_eq!(place(site), None, "{site:?}");
        }
        assert_eq!(Outline::new("p.yaml", "policies: [").place(Site::Policy(0)), None);
        assert_eq!(Outline::new("p.yaml", "").place(Site::Policy(0)), None);
    }
}
