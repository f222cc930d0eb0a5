//! The command line as people and programs meet it, from end to end.
//!
//! - `pages`: what people read, at 80 and 200 columns, in colour and without, held against snapshots.
//! - `help`: the same for every `--help`.
//! - `exchange`: policies of Amazon ECR in the words of jettison, and back.
//! - `audit`: what registries hold, with sizes and prices that cannot be.
//! - `find`: what a query finds, on a registry, in what its scan recorded, and in files.
//! - `forecast`: what will be stored and billed, and the prices it is billed by.
//! - `forms`: what programs read, held against the published schemas.
//! - `aws`: AWS set up, against an AWS in this process; `aws_policy`: what is printed there is enough, and no more.
//! - `apply_policy`: lifecycle policies of ECR written and taken back.
//! - `lifecycle`: lifecycle policies of ECR, evaluated; `ecr_lint`: previewed and linted.
//! - `images`: what explain and history say of images that are gone, back, or unknown.
//! - `streams`: closed pipes, full disks, colours, and text that wants to steer a terminal.
//! - `shells`: completions and manual pages.
//! - `store`: looking after the store.

#[cfg(test)]
#[path = "cli_end_to_end/apply_policy.rs"]
mod apply_policy;
#[cfg(test)]
#[path = "cli_end_to_end/audit.rs"]
mod audit;
#[cfg(test)]
#[path = "cli_end_to_end/aws.rs"]
mod aws;
#[cfg(test)]
#[path = "cli_end_to_end/aws_policy.rs"]
mod aws_policy;
#[cfg(test)]
#[path = "cli_end_to_end/ecr_lint.rs"]
mod ecr_lint;
#[cfg(test)]
#[path = "cli_end_to_end/exchange.rs"]
mod exchange;
#[cfg(test)]
#[path = "cli_end_to_end/find.rs"]
mod find;
#[cfg(test)]
#[path = "cli_end_to_end/forecast.rs"]
mod forecast;
#[cfg(test)]
#[path = "cli_end_to_end/forms.rs"]
mod forms;
#[cfg(test)]
#[path = "cli_end_to_end/help.rs"]
mod help;
#[cfg(test)]
#[path = "cli_end_to_end/images.rs"]
mod images;
#[cfg(test)]
#[path = "cli_end_to_end/lifecycle.rs"]
mod lifecycle;
#[cfg(test)]
#[path = "cli_end_to_end/pages.rs"]
mod pages;
#[cfg(test)]
#[path = "cli_end_to_end/place.rs"]
mod place;
#[cfg(test)]
#[path = "cli_end_to_end/shells.rs"]
mod shells;
#[cfg(test)]
#[path = "cli_end_to_end/store.rs"]
mod store;
#[cfg(test)]
#[path = "cli_end_to_end/streams.rs"]
mod streams;
#[cfg(test)]
#[path = "design/world.rs"]
#[expect(
    dead_code,
    unused_imports,
    reason = "of the shorthand only the facts are needed here"
)]
mod world;
