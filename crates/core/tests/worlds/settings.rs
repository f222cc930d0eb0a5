//! Configurations, made as users make them: as text.

use std::fmt::Write as _;

use jettison_core::config::Config;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::{ALIAS, digest};

/// A configuration file in parts.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// `policies`; none means that the file does not speak of them.
    pub(crate) policies: Option<Vec<Policy>>,
    /// `limits.max-deletions`.
    pub(crate) max_deletions: Option<u64>,
    /// `limits.keep-at-least`.
    pub(crate) keep_at_least: u64,
    /// `limits.max-share`.
    pub(crate) max_share: &'static str,
    /// `grace`.
    pub(crate) grace: &'static str,
    /// `protect`.
    pub(crate) protect: Vec<String>,
    /// `immutable`.
    pub(crate) immutable: Vec<&'static str>,
    /// Whether the first registry has its alias.
    pub(crate) alias: bool,
    /// `expects` of the first registry, if it is given.
    pub(crate) expects: Option<&'static str>,
    /// Whether the first registry is ECR.
    pub(crate) ecr: bool,
    /// `trust-created` of both registries.
    pub(crate) trust_created: bool,
}

/// One policy.
#[derive(Debug, Clone)]
pub(crate) struct Policy {
    scope: &'static str,
    untag: bool,
    archive_anyway: bool,
    judge: Judge,
}

/// What stands in a policy.
#[derive(Debug, Clone)]
enum Judge {
    Rules(Vec<Rule>),
    /// A lifecycle policy of ECR.
    Ecr(String),
}

/// One rule: what it speaks of, and what shall become of that.
#[derive(Debug, Clone)]
struct Rule {
    matches: &'static str,
    verb: &'static str,
    /// Whether what expires is archived.
    archives: bool,
    group: &'static str,
    unless: &'static str,
    /// What it counts from and ranks among.
    counting: &'static str,
}

const MATCHES: [&str; 15] = [
    "{ kinds: [image, build-cache, chart, artifact, orphan] }",
    "{}",
    "{ untagged: true }",
    "{ kinds: [orphan] }",
    "{ kinds: [build-cache, chart, artifact] }",
    "{ tags: [\"main*\", \"dev-*\"] }",
    "{ tags: [\"!prod-*\", \"!latest\"] }",
    "{ tags-regex: [\"v.*\"] }",
    "{ tags: [\"*\"], kinds: [image, artifact] }",
    "{ labels: { team: \"a*\" } }",
    "{ platforms: [\"linux/amd64\"] }",
    "{ tags: [\"prod-*\"] }",
    "{ image-tags: [\"main*\", \"!v*\"], kinds: [image, artifact, orphan] }",
    "{ archived: false }",
    ARCHIVED,
];
/// What no rule may rank.
const ARCHIVED: &str = "{ archived: true, kinds: [image, build-cache, chart, artifact, orphan] }";
const VERBS: [&str; 17] = [
    "expire: { older-than: 1d }",
    "expire: { older-than: 0d }",
    "expire: { older-than: 30d }",
    "expire: { beyond-newest: 0 }",
    "expire: { beyond-newest: 1 }",
    "expire: { beyond-newest: 2, older-than: 7d }",
    "expire: { beyond-newest: 3 }",
    "expire: [ { beyond-newest: 2 }, { older-than: 30d } ]",
    "expire: [ { not-pulled-for: 30d }, { beyond-newest: 3 } ]",
    "expire: { not-pulled-for: 7d }",
    "expire: { larger-than: 20B }",
    "expire: { larger-than: 10B, older-than: 7d }",
    "expire: { older-than: 90d }",
    "expire: { older-than: 40d }",
    "expire: [ { archived-for: 90d }, { larger-than: 1kB } ]",
    "keep: always",
    "keep: always",
];

/// Configurations with zero to three policies.
pub(crate) fn settings() -> impl Strategy<Value = Settings> {
    let policies = prop_oneof![1 => Just(None), 14 => vec(policy(), 1..3).prop_map(Some)];
    let limits = (
        option::weighted(0.3, 0..4_u64),
        prop_oneof![4 => Just(0_u64), 2 => Just(1), 1 => Just(2)],
        select(vec!["100%", "50%", "0%", "83%"]),
    );
    let digests = (0..4_u8).prop_map(|number| format!("**@{}", digest(number)));
    let fixed = select(vec![
        "r1.example/app:main-1",
        "**/base",
        "mirror.example/app:latest",
        "other:v*",
    ]);
    let protect =
        prop_oneof![9 => Just(Vec::new()), 1 => vec(prop_oneof![fixed.prop_map(str::to_owned), digests], 1..3)];
    let lists = vec![
        "{ repositories: [\"**\"], tags: [\"v*\"] }",
        "{ repositories: [app], tags: [\"sha256-*\"] }",
    ];
    let immutable = prop_oneof![9 => Just(Vec::new()), 1 => subsequence(lists, 1..=2)];
    let registries = (
        prop::bool::weighted(0.6),
        prop_oneof![12 => Just(Some("none")), 1 => Just(Some("[prod]")), 1 => Just(Some("[prod, dev]")), 3 => Just(None)],
        prop::bool::weighted(0.5),
        prop::bool::weighted(0.3),
    );
    (
        policies,
        limits,
        select(vec!["24h", "24h", "24h", "24h", "1h", "0h", "9d"]),
        protect,
        immutable,
        registries,
    )
        .prop_map(
            |(policies, (max_deletions, keep_at_least, max_share), grace, protect, immutable, registries)| {
                let (alias, expects, ecr, trust_created) = registries;
                Settings {
                    policies,
                    max_deletions,
                    keep_at_least,
                    max_share,
                    grace,
                    protect,
                    immutable,
                    alias,
                    expects,
                    ecr,
                    trust_created,
                }
            },
        )
}

fn policy() -> impl Strategy<Value = Policy> {
    let scopes = vec!["\"**\"", "\"**\"", "\"**\"", "app", "\"lib/*\", other"];
    let judge = prop_oneof![
        3 => vec(rule(), 1..4).prop_map(Judge::Rules),
        2 => parting_rules().prop_map(Judge::Rules),
        1 => ecr_policy().prop_map(Judge::Ecr),
    ];
    (select(scopes), any::<bool>(), prop::bool::weighted(0.8), judge).prop_map(
        |(scope, untag, archive_anyway, judge)| Policy {
            scope,
            untag,
            archive_anyway,
            judge,
        },
    )
}

/// Rules that AWS accepts in this order, whichever are left out, and at most one for all the rest.
fn ecr_policy() -> impl Strategy<Value = String> {
    let named = vec![
        (r#""tagged","tagPrefixList":["main"]"#, EXPIRE[0]),
        (r#""tagged","tagPatternList":["prod-*","*"]"#, EXPIRE[1]),
        (r#""tagged","tagPatternList":["v*"]"#, EXPIRE[2]),
        (r#""untagged""#, EXPIRE[1]),
        (r#""any","storageClass":"archive""#, EXPIRE[3]),
    ];
    let rest = vec![EXPIRE[0], EXPIRE[1], EXPIRE[2], TRANSITION[0], TRANSITION[1]];
    (subsequence(named, 1..=5), option::weighted(0.8, select(rest))).prop_map(|(mut rules, rest)| {
        rules.extend(rest.map(|rest| (r#""any""#, rest)));
        let rules = (1..).zip(rules).map(|(priority, (status, rest))| {
            format!(r#"{{"rulePriority":{priority},"selection":{{"tagStatus":{status},{rest}}}"#)
        });
        format!(r#"{{"rules":[{}]}}"#, rules.collect::<Vec<_>>().join(","))
    })
}

const EXPIRE: [&str; 4] = [
    r#""countType":"imageCountMoreThan","countNumber":1},"action":{"type":"expire"}"#,
    r#""countType":"sinceImagePushed","countUnit":"days","countNumber":7},"action":{"type":"expire"}"#,
    r#""countType":"imageCountMoreThan","countNumber":2},"action":{"type":"expire"}"#,
    r#""countType":"sinceImageTransitioned","countUnit":"days","countNumber":90},"action":{"type":"expire"}"#,
];
const TRANSITION: [&str; 2] = [
    r#""countType":"sinceImagePulled","countUnit":"days","countNumber":7},"action":{"type":"transition","targetStorageClass":"archive"}"#,
    r#""countType":"sinceImagePushed","countUnit":"days","countNumber":30},"action":{"type":"transition","targetStorageClass":"archive"}"#,
];

/// Rules that take nearly everything, and often part the tags of one image.
fn parting_rules() -> impl Strategy<Value = Vec<Rule>> {
    let first = select(vec![
        "{ tags: [\"main*\", \"v*\"] }",
        "{ tags: [\"prod-*\", x] }",
        "{ labels: { team: \"b*\" } }",
    ]);
    (
        first,
        select(vec!["keep: always", "expire: { older-than: 90d }"]),
        select(VERBS[..4].to_vec()),
        [prop::bool::weighted(0.25), prop::bool::weighted(0.25)],
    )
        .prop_map(|(matches, verb, sweep, [first_archives, second_archives])| {
            let everything = Rule {
                matches: MATCHES[0],
                verb: sweep,
                archives: second_archives,
                group: "",
                unless: "",
                counting: "",
            };
            vec![
                Rule {
                    matches,
                    verb,
                    archives: first_archives,
                    group: "",
                    unless: "",
                    counting: "",
                },
                everything,
            ]
        })
}

fn rule() -> impl Strategy<Value = Rule> {
    let groups = vec![
        "",
        "",
        "",
        "group-by: branch",
        "group-by: { regex: \"^(?<group>[a-z]+)\" }",
        "group-by: { label: team }",
        "order: semver",
    ];
    let unless = vec![
        "",
        "",
        "",
        "",
        "{ newest-per: { day: 1 } }",
        "{ newest-per: { week: 2, year: 1 } }",
    ];
    let matches = prop_oneof![5 => select(MATCHES[..2].to_vec()), 3 => select(MATCHES.to_vec())];
    let archives = prop::bool::weighted(0.25);
    let counting = vec![
        "",
        "",
        "since: push",
        "rank-among: fitting",
        "since: push, rank-among: fitting",
    ];
    let parts = (
        matches,
        select(VERBS.to_vec()),
        archives,
        select(groups),
        select(unless),
        select(counting),
    );
    parts.prop_map(|(matches, verb, archives, group, unless, counting)| {
        let unless = if matches == ARCHIVED { "" } else { unless };
        let verb = if matches == ARCHIVED && verb.contains("beyond-newest") {
            "expire: { archived-for: 90d }"
        } else {
            verb
        };
        let ranks = verb.contains("beyond-newest");
        let (group, unless) = match verb {
            "keep: always" => ("", ""),
            _ if ranks => (group, unless),
            _ if group == "order: semver" => ("", unless),
            _ => (if unless.is_empty() { "" } else { group }, unless),
        };
        Rule {
            matches,
            verb,
            archives,
            group,
            unless,
            counting: if verb == "keep: always" { "" } else { counting },
        }
    })
}

impl Settings {
    /// The file.
    pub(crate) fn text(&self) -> String {
        let mut text = String::from("registries:\n");
        let aliases = if self.alias { ALIAS } else { "" };
        let expects = self
            .expects
            .map_or_else(String::new, |expects| format!(", expects: {expects}"));
        let aws = match self.ecr {
            true => ", aws: { account: \"123456789012\", region: us-east-1, endpoint: \"http://a\" }",
            false => "",
        };
        for (host, aliases, more) in [
            ("r1.example", aliases, expects + aws),
            ("r2.example:5000", "", ", expects: none".to_owned()),
        ] {
            let trust = self.trust_created;
            writeln!(
                text,
                "  - {{ host: \"{host}\", aliases: [{aliases}], trust-created: {trust}{more} }}"
            )
            .unwrap();
        }
        writeln!(text, "grace: {}\nusage-memory: 14d", self.grace).unwrap();
        writeln!(
            text,
            "limits:\n  keep-at-least: {}\n  max-share: {}",
            self.keep_at_least, self.max_share
        )
        .unwrap();
        if let Some(most) = self.max_deletions {
            writeln!(text, "  max-deletions: {most}").unwrap();
        }
        if !self.protect.is_empty() {
            let protect: Vec<String> = self.protect.iter().map(|pattern| format!("\"{pattern}\"")).collect();
            writeln!(text, "protect: [{}]", protect.join(", ")).unwrap();
        }
        if !self.immutable.is_empty() {
            writeln!(text, "immutable: [ {} ]", self.immutable.join(", ")).unwrap();
        }
        self.policies(&mut text);
        text
    }

    fn policies(&self, text: &mut String) {
        let Some(policies) = &self.policies else { return };
        text.push_str("policies:\n");
        for (number, policy) in policies.iter().enumerate() {
            let Policy {
                scope,
                untag,
                archive_anyway,
                judge,
            } = policy;
            // What looks at all tags takes none off.
            let untag = *untag
                && match judge {
                    Judge::Rules(rules) => rules.iter().all(|rule| !rule.matches.contains("image-tags")),
                    Judge::Ecr(_) => true,
                };
            // It belongs to rules that archive.
            let archives = match judge {
                Judge::Rules(rules) => rules.iter().any(|rule| rule.archives && rule.verb != "keep: always"),
                Judge::Ecr(policy) => policy.contains("transition"),
            };
            let anyway = match *archive_anyway && archives {
                true => "\n    archive-anyway: true",
                false => "",
            };
            writeln!(
                text,
                "  - name: policy-{number}\n    repositories: [{scope}]\n    untag: {untag}{anyway}"
            )
            .unwrap();
            let rules = match judge {
                Judge::Rules(rules) => rules,
                Judge::Ecr(_) => {
                    writeln!(text, "    ecr-policy: \"{number}\"").unwrap();
                    continue;
                }
            };
            text.push_str("    rules:\n");
            for (
                number,
                Rule {
                    matches,
                    verb,
                    archives,
                    group,
                    unless,
                    counting,
                },
            ) in rules.iter().enumerate()
            {
                writeln!(
                    text,
                    "      - name: rule-{number}\n        match: {matches}\n        {verb}"
                )
                .unwrap();
                if *archives && *verb != "keep: always" {
                    writeln!(text, "        action: archive").unwrap();
                }
                if !group.is_empty() {
                    writeln!(text, "        {group}").unwrap();
                }
                for key in counting.split(", ").filter(|key| !key.is_empty()) {
                    writeln!(text, "        {key}").unwrap();
                }
                if !unless.is_empty() {
                    writeln!(text, "        unless: {unless}").unwrap();
                }
            }
        }
    }

    /// The file, read.
    pub(crate) fn parse(&self) -> Config {
        let text = self.text();
        let beside = |name: &str| {
            let number: usize = name.parse().map_err(|_| "no such policy".to_owned())?;
            match self.policies.iter().flatten().nth(number).map(|policy| &policy.judge) {
                Some(Judge::Ecr(policy)) => Ok(policy.clone()),
                _ => Err("no policy of ECR".to_owned()),
            }
        };
        Config::parse_beside("world.yaml", &text, &beside)
            .unwrap_or_else(|error| panic!("{error}\n{text}"))
            .0
    }
}
