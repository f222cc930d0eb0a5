//! jettison against Debian's `docker-registry` (Distribution 2.8), with images by buildah, skopeo and plain HTTP: what
//! the program's commands do to a registry that other people wrote.
//!
//! Each test has a registry and a state of its own. Nothing is compared by time: what is cheap is counted in requests.

#[cfg(test)]
mod real_registry {
    mod scene;

    mod apply;
    mod attached;
    mod audit;
    mod in_use;
    mod look;
    mod restarts;
    mod since_the_plan;
    mod undo;
}
#[cfg(test)]
#[expect(dead_code, reason = "some parts are for other tests")]
mod support;
