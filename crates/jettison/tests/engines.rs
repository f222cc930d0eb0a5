//! jettison and the container engines of Debian: Docker 20.10, its Swarm, and Podman 4.3, with images from Debian's
//! registry. What they run, may start again or may return to is in use.

#[cfg(test)]
mod engines {
    mod scene;

    mod addresses;
    mod docker;
    mod end_to_end;
    mod podman;
    mod swarm;
}
#[cfg(test)]
#[expect(dead_code, reason = "some parts are for other tests")]
mod support;
