//! `jettison host watch` on Debian's Docker 20.10: what runs and ends between two looks counts as a use.

#[cfg(test)]
mod host_watch {
    mod agent;
    #[path = "../engines/scene.rs"]
    #[expect(dead_code, reason = "some parts are for the tests on usage")]
    mod scene;
}
#[cfg(test)]
#[expect(dead_code, reason = "some parts are for other tests")]
mod support;
