//! How long deciding takes, beside sorting the same moments and digests in the same run.
//!
//! `cargo xtask bench core [ENTRIES…]` builds and runs it. The facts are made up from a fixed seed. For the times they
//! are in memory. For the memory they are made up one repository at a time whenever it is asked for, in a process of its
//! own. `in-use` times what it adds to look up what is in use, `lifecycle` what a lifecycle policy of ECR costs, `layers` what it costs to count the bytes of
//! a registry. Times are processor time, that of deciding divided by the number of threads, so that other work on the machine
//! does not count. It judges nothing: what comes out is figures.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

mod clock;
mod facts;
mod in_use;
mod layers;
mod lifecycle;
mod measure;

use jettison_core::config::Config;

use facts::MadeUp;
use measure::Row;

/// Entries in all, from a decade to the next.
const DECADES: [usize; 4] = [10_000, 100_000, 1_000_000, 10_000_000];
/// Entries of one repository: ten million are ten thousand repositories.
const OF_ONE_REPOSITORY: usize = 1_000;

/// Besides the built-in policy: groups, ranks, ages, and calendar buckets for everything.
const BRANCHES: &str = r#"
policies:
  - name: branches
    rules:
      - { name: production, match: { tags: ["prod-*", "v[0-9]*"] }, keep: always }
      - { name: orphans, match: { kinds: [orphan] }, expire: { older-than: 7d } }
      - { name: untagged, match: { untagged: true }, expire: { older-than: 14d } }
      - name: branches
        match: { tags: ["*"] }
        group-by: branch
        expire: { beyond-newest: 10, older-than: 30d }
        unless: { newest-per: { week: 4, month: 12 } }
"#;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let asked: Vec<usize> = arguments.iter().filter_map(|argument| argument.parse().ok()).collect();
    // Whoever runs all targets as tests only wants to see that it runs.
    let is_benchmark = arguments.iter().any(|argument| argument == "--bench");
    let sizes = match asked.is_empty() {
        false => asked,
        true if is_benchmark => DECADES.to_vec(),
        true => vec![OF_ONE_REPOSITORY],
    };
    if arguments.iter().any(|argument| argument == "lifecycle") {
        for images in &sizes {
            match lifecycle::measure(&MadeUp::new(1, *images)) {
                Ok(measured) => println!("{measured}"),
                Err(mistakes) => println!("the policy cannot be read: {mistakes}"),
            }
        }
        return;
    }
    if arguments.iter().any(|argument| argument == "layers") {
        for manifests in &sizes {
            // Four of five manifests have an entry.
            let repositories = (manifests * 4 / 5).div_ceil(OF_ONE_REPOSITORY);
            println!(
                "{}",
                layers::measure(&MadeUp::new(repositories, OF_ONE_REPOSITORY), &Config::default())
            );
        }
        return;
    }
    for (name, policy) in [("standard", ""), ("branches", BRANCHES)] {
        let Ok((config, _)) = Config::parse("bench.yaml", policy) else {
            println!("the policy `{name}` cannot be read");
            return;
        };
        println!("\npolicy {name}\n{}", Row::HEAD);
        let mut rows: Vec<Row> = Vec::new();
        for entries in &sizes {
            let repositories = entries.div_ceil(OF_ONE_REPOSITORY);
            let made_up = MadeUp::new(repositories, OF_ONE_REPOSITORY);
            if arguments.iter().any(|argument| argument == "memory") {
                println!(
                    "{entries} entries: {} MB at most",
                    measure::memory(&made_up, &config) / 1_000_000
                );
                continue;
            }
            if arguments.iter().any(|argument| argument == "in-use") {
                println!("{}", in_use::measure(&made_up, &config));
                continue;
            }
            let row = measure::measure(&made_up, &config);
            println!("{row}");
            rows.push(row);
        }
        for two in rows.windows(2) {
            println!("{}", two[1].growth_since(&two[0]));
        }
    }
}
