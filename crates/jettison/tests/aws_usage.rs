//! What AWS runs, asked by the program itself of an AWS in this process.
//!
//! - `accounts`: several accounts and regions, profiles, roles, and credentials that lead elsewhere or nowhere.
//! - `plans`: what is used of a registry stays, and everything else goes.
//! - `world`: an AWS, and a folder from which it is asked.

#[cfg(test)]
#[path = "aws_usage/accounts.rs"]
mod accounts;
#[cfg(test)]
#[path = "aws_usage/plans.rs"]
mod plans;
#[cfg(test)]
#[path = "aws_usage/world.rs"]
mod world;
