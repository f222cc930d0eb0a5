//! Notices a list that would never end, or grows beyond its limits. Pure: it is told what a page held, and where the next one
//! is said to be: a URL, or a token.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

use super::Limits;

/// After so many pages in a row with nothing new, a list is taken to turn in circles. Some are empty by right: a registry may
/// fill a page before it filters it by what the account can see, or by what was asked for.
pub(super) const IDLE_PAGES: usize = 50;

/// A list under way.
#[derive(Debug)]
pub(super) struct Pages {
    /// Hashes of the places where pages were: a registry may write long ones, and many.
    seen: HashSet<u64>,
    hasher: RandomState,
    pages: usize,
    items: usize,
    bytes: u64,
    idle: usize,
    most_pages: usize,
    most_items: usize,
    most_bytes: u64,
}

/// What one page held.
#[derive(Debug, Clone, Copy)]
pub(super) struct Held {
    /// Items that no page before had.
    pub(super) new: usize,
    /// How long it was, where that is known.
    pub(super) bytes: usize,
}

impl Pages {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            seen: HashSet::new(),
            hasher: RandomState::new(),
            pages: 0,
            items: 0,
            bytes: 0,
            idle: 0,
            most_pages: limits.pages,
            most_items: limits.items,
            most_bytes: limits.listing_bytes,
        }
    }

    /// Takes in a page that leads on to `next`.
    ///
    /// # Errors
    ///
    /// A list that turns in circles or is too long: said in words.
    pub(super) fn turn(&mut self, held: Held, next: &str) -> Result<(), String> {
        self.pages += 1;
        self.items = self.items.saturating_add(held.new);
        self.bytes = self.bytes.saturating_add(held.bytes as u64);
        self.idle = if held.new == 0 { self.idle + 1 } else { 0 };
        let is_new = self.seen.insert(self.hasher.hash_one(next));
        if !is_new || self.idle > IDLE_PAGES {
            return Err("its listing turns in circles".to_owned());
        }
        if self.pages >= self.most_pages || self.items > self.most_items || self.bytes > self.most_bytes {
            return Err(format!(
                "its listing goes beyond {} pages, {} items or {} bytes",
                self.most_pages, self.most_items, self.most_bytes
            ));
        }
        Ok(())
    }

    /// The same for lists that go on by a token, and end without one.
    ///
    /// # Errors
    ///
    /// As for [`Pages::turn`].
    pub(super) fn next(&mut self, new: usize, token: Option<String>) -> Result<Option<String>, String> {
        let Some(token) = token.filter(|token| !token.is_empty()) else {
            return Ok(None);
        };
        self.turn(Held { new, bytes: 0 }, &token)?;
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
