//! Notices a list that would never end, or grows beyond its limits. Pure: it is told what a page held.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

use crate::registry::Limits;

/// After so many pages in a row with nothing new, a list is taken to turn in circles. Some are empty by right: ECR fills a
/// page before it filters it.
const IDLE_PAGES: usize = 50;

/// A list under way.
#[derive(Debug)]
pub(super) struct Pages {
    /// Hashes of the tokens seen.
    seen: HashSet<u64>,
    hasher: RandomState,
    items: usize,
    idle: usize,
    most_pages: usize,
    most_items: usize,
}

impl Pages {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            seen: HashSet::new(),
            hasher: RandomState::new(),
            items: 0,
            idle: 0,
            most_pages: limits.pages,
            most_items: limits.items,
        }
    }

    /// Takes in that a page held so much that is new, and the token that it came with; gives back the token to go on with.
    ///
    /// # Errors
    ///
    /// A list that turns in circles or is too long: said in words.
    pub(super) fn next(&mut self, new: usize, token: Option<String>) -> Result<Option<String>, String> {
        self.items = self.items.saturating_add(new);
        self.idle = if new == 0 { self.idle + 1 } else { 0 };
        let Some(token) = token.filter(|token| !token.is_empty()) else {
            return Ok(None);
        };
        let is_new = self.seen.insert(self.hasher.hash_one(&token));
        if !is_new || self.idle > IDLE_PAGES {
            return Err("the list turns in circles".to_owned());
        }
        if self.seen.len() >= self.most_pages || self.items > self.most_items {
            let (pages, items) = (self.most_pages, self.most_items);
            return Err(format!("the list goes beyond {pages} pages or {items} items"));
        }
        Ok(Some(token))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(pages: usize, items: usize) -> Limits {
        Limits {
            pages,
            items,
            ..Limits::default()
        }
    }

    /// After how many pages a list that never ends is given up, and why.
    fn endless(limits: &Limits, page: impl Fn(usize) -> (usize, String)) -> (usize, String) {
        let mut pages = Pages::new(limits);
        for number in 0..100_000 {
            let (new, token) = page(number);
            if let Err(why) = pages.next(new, Some(token)) {
                return (number, why);
            }
        }
        panic!("never ends");
    }

    #[test]
    fn a_list_without_end_is_noticed() {
        let usual = Limits::default();
        let (pages, why) = endless(&usual, |number| (1, format!("{}", number % 3)));
        assert!(pages == 3 && why.contains("circles"), "{pages} {why}");
        let (pages, why) = endless(&usual, |number| (0, format!("{number}")));
        assert!(pages == IDLE_PAGES && why.contains("circles"), "{pages} {why}");
        let (pages, why) = endless(&limits(7, 1000), |number| (1, format!("{number}")));
        assert!(pages == 6 && why.contains("beyond"), "{pages} {why}");
        let (pages, why) = endless(&limits(1000, 7), |number| (2, format!("{number}")));
        assert!(pages == 3 && why.contains("beyond"), "{pages} {why}");
    }

    #[test]
    fn a_list_ends_with_the_page_that_has_no_token() {
        let mut pages = Pages::new(&Limits::default());
        assert_eq!(pages.next(1, Some("a".to_owned())), Ok(Some("a".to_owned())));
        for number in 0..IDLE_PAGES {
            assert!(pages.next(0, Some(format!("idle {number}"))).is_ok());
        }
        assert_eq!(pages.next(1, None), Ok(None));
        assert_eq!(Pages::new(&Limits::default()).next(1, Some(String::new())), Ok(None));
    }
}
