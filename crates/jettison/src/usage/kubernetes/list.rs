//! Follows the pages of one list to its end, one page in memory at a time.
//!
//! A list that expires on the way starts again; a page that is too large is asked for in smaller pieces. Whatever else
//! goes wrong ends the list: it is then not whole, and never taken for whole.

use serde_json::value::RawValue;
use url::form_urlencoded::Serializer;

use super::api::{Api, Failure};
use super::kinds::Task;
use super::page;

/// Objects of a page, at first.
const PAGE: u32 = 500;

/// How often a list starts again because it expired on the way.
const MOST_RESTARTS: u32 = 3;

const JSON: &str = "application/json";

/// Where a list is.
struct Place<'t> {
    task: &'t Task,
    limit: u32,
    /// What leads to the next page.
    token: Option<String>,
    restarts: u32,
}

/// Hands on every object of a list. Some may have been handed on, and some twice, when it fails.
pub(super) async fn every_page(api: &Api, task: &Task, mut read: impl FnMut(&RawValue)) -> Result<(), Failure> {
    let mut place = Place {
        task,
        limit: PAGE,
        token: None,
        restarts: 0,
    };
    loop {
        match api.get(&place.target(), JSON).await {
            Ok(body) => {
                let next = page::read(&body, &mut read)?;
                if !place.turn(next)? {
                    return Ok(());
                }
            }
            Err(failure) => place.recover(failure)?,
        }
    }
}

impl Place<'_> {
    fn target(&self) -> String {
        let mut query = Serializer::new(String::new());
        query.append_pair("limit", &self.limit.to_string());
        if let Some(token) = &self.token {
            query.append_pair("continue", token);
        }
        let (path, selector) = (self.task.kind.path(), self.task.selector);
        match selector {
            "" => format!("{path}?{}", query.finish()),
            selector => format!("{path}?{selector}&{}", query.finish()),
        }
    }

    /// Whether there is another page.
    fn turn(&mut self, next: Option<String>) -> Result<bool, Failure> {
        if next.is_some() && next == self.token {
            return Err(Failure::Garbled("its pages lead back to themselves".to_owned()));
        }
        self.token = next;
        Ok(self.token.is_some())
    }

    fn recover(&mut self, failure: Failure) -> Result<(), Failure> {
        match failure {
            Failure::Expired if self.token.is_some() && self.restarts < MOST_RESTARTS => {
                self.restarts += 1;
                self.token = None;
                Ok(())
            }
            Failure::TooLarge if self.limit > 1 => {
                self.limit = (self.limit / 8).max(1);
                Ok(())
            }
            other => Err(other),
        }
    }
}
