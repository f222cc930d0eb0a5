//! Puts a listing together from its pages, and notices one that would never end or ends too early.
//! Pure: it is told what a page held, and tells which to ask for next.

use std::collections::BTreeSet;

use http::HeaderMap;
use url::Url;

use super::link;
use crate::registry::Limits;
use crate::registry::pages::{Held, Pages};

/// A listing under way.
#[derive(Debug)]
pub(in crate::registry) struct Pager {
    pub(in crate::registry) items: BTreeSet<String>,
    /// The URL without paging, and the page size that was asked for, if one was.
    first: Url,
    page_size: Option<usize>,
    pages: Pages,
}

/// One page as it came.
#[derive(Debug)]
pub(in crate::registry) struct Page<'a> {
    pub(in crate::registry) url: Url,
    pub(in crate::registry) headers: &'a HeaderMap,
    /// How long its body was.
    pub(in crate::registry) bytes: usize,
    pub(in crate::registry) items: Vec<String>,
}

impl Pager {
    pub(in crate::registry) fn new(first: Url, page_size: Option<usize>, limits: &Limits) -> Self {
        Self {
            items: BTreeSet::new(),
            first,
            page_size,
            pages: Pages::new(limits),
        }
    }

    /// Where the listing begins.
    pub(in crate::registry) fn start(&self) -> Url {
        self.page_after(None)
    }

    /// Takes in one page; gives back where the next one is, if there is one.
    ///
    /// # Errors
    ///
    /// A listing that leaves its origin, turns in circles or grows beyond its limits: said in words.
    pub(in crate::registry) fn absorb(&mut self, page: Page<'_>) -> Result<Option<Url>, String> {
        let (length, last) = (page.items.len(), page.items.last().cloned());
        let before = self.items.len();
        self.items.extend(page.items);
        let new = self.items.len() - before;
        let linked = link::next(page.headers, &page.url)?;
        let next = match linked {
            Some(next) => Some(next),
            // Nothing more is promised, but a full page is suspicious: some registries cut a listing at `n`
            // without a word. Asking behind its end shows that nothing follows.
            None if new > 0 && Some(length) == self.page_size => Some(self.page_after(last.as_deref())),
            None => None,
        };
        let Some(next) = next else { return Ok(None) };
        let bytes = page.bytes;
        self.pages.turn(Held { new, bytes }, next.as_str())?;
        Ok(Some(next))
    }

    fn page_after(&self, last: Option<&str>) -> Url {
        let mut url = self.first.clone();
        if let Some(size) = self.page_size {
            url.query_pairs_mut().append_pair("n", &size.to_string());
        }
        if let Some(last) = last {
            url.query_pairs_mut().append_pair("last", last);
        }
        url
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::pages::IDLE_PAGES;

    fn pager(page_size: Option<usize>, limits: &Limits) -> Pager {
        Pager::new(
            Url::parse("https://r.example.com/v2/a/tags/list").unwrap(),
            page_size,
            limits,
        )
    }

    fn linked(target: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(http::header::LINK, format!("<{target}>; rel=next").parse().unwrap());
        headers
    }

    fn page(url: Url, headers: &HeaderMap, items: Vec<String>) -> Page<'_> {
        Page {
            url,
            headers,
            bytes: 100,
            items,
        }
    }

    fn items(range: std::ops::Range<usize>) -> Vec<String> {
        range.map(|number| format!("t{number}")).collect()
    }

    /// Feeds numbered pages, each linking to another URL, until the pager has enough.
    fn endless(limits: &Limits, listed: impl Fn(usize) -> Vec<String>) -> (usize, String) {
        let mut pager = pager(None, limits);
        let mut url = pager.start();
        for number in 0..100_000 {
            match pager.absorb(page(url, &linked(&format!("?page={number}")), listed(number))) {
                Ok(next) => url = next.unwrap(),
                Err(why) => return (number, why),
            }
        }
        panic!("never ends");
    }

    #[test]
    fn a_listing_that_comes_back_to_a_page_is_noticed() {
        let mut pager = pager(None, &Limits::default());
        let first = pager.start();
        let second = pager
            .absorb(page(first, &linked("?last=a"), items(0..1)))
            .unwrap()
            .unwrap();
        assert!(
            pager
                .absorb(page(second.clone(), &linked("?last=a"), items(1..2)))
                .is_err()
        );
    }

    #[test]
    fn a_listing_without_end_is_noticed() {
        let (pages, why) = endless(&Limits::default(), |_| items(0..3));
        assert!(pages <= IDLE_PAGES + 1 && why.contains("circles"), "{pages} {why}");
        let (pages, why) = endless(
            &Limits {
                pages: 7,
                ..Limits::default()
            },
            |number| items(number..number + 1),
        );
        assert!(pages == 6 && why.contains("beyond"), "{pages} {why}");
        let (pages, why) = endless(
            &Limits {
                items: 7,
                ..Limits::default()
            },
            |number| items(number..number + 1),
        );
        assert!(pages == 7 && why.contains("beyond"), "{pages} {why}");
        let (pages, why) = endless(
            &Limits {
                listing_bytes: 700,
                ..Limits::default()
            },
            |number| items(number..number + 1),
        );
        assert!(pages == 7 && why.contains("beyond"), "{pages} {why}");
    }

    #[test]
    fn some_empty_pages_are_no_end() {
        let mut pager = pager(None, &Limits::default());
        let mut url = pager.start();
        for number in 0..IDLE_PAGES {
            url = pager
                .absorb(page(url, &linked(&format!("?page={number}")), Vec::new()))
                .unwrap()
                .unwrap();
        }
        assert_eq!(pager.absorb(page(url, &HeaderMap::new(), items(0..1))), Ok(None));
        assert_eq!(pager.items.len(), 1);
    }

    #[test]
    fn behind_a_full_page_without_a_link_more_is_asked_for() {
        let mut pager = pager(Some(3), &Limits::default());
        let first = pager.start();
        assert_eq!(first.query(), Some("n=3"));
        let second = pager
            .absorb(page(first, &HeaderMap::new(), items(0..3)))
            .unwrap()
            .unwrap();
        assert_eq!(second.query(), Some("n=3&last=t2"));
        let third = pager
            .absorb(page(second, &HeaderMap::new(), items(3..6)))
            .unwrap()
            .unwrap();
        assert_eq!(pager.absorb(page(third, &HeaderMap::new(), Vec::new())), Ok(None));
        assert_eq!(pager.items.len(), 6);
    }

    #[test]
    fn a_registry_that_pays_no_heed_to_paging_is_asked_once_more_and_believed() {
        let mut pager = pager(Some(3), &Limits::default());
        let first = pager.start();
        let second = pager
            .absorb(page(first, &HeaderMap::new(), items(0..3)))
            .unwrap()
            .unwrap();
        assert_eq!(pager.absorb(page(second, &HeaderMap::new(), items(0..3))), Ok(None));
        for length in [0, 2, 4] {
            let mut pager = self::pager(Some(3), &Limits::default());
            let first = pager.start();
            assert_eq!(
                pager.absorb(page(first, &HeaderMap::new(), items(0..length))),
                Ok(None),
                "{length}"
            );
        }
    }
}
