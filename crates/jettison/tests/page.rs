//! The page of an audit: what stands in it, and what a real browser makes of it.

#[cfg(test)]
mod page {
    mod course;
    mod document;
    mod picture;
    mod world;

    mod browser;
    mod colours;
    mod plain;
}
#[cfg(test)]
#[expect(dead_code, reason = "a browser is all that is needed here")]
mod support;
