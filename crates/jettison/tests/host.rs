//! Servers whose disks are looked at and swept: Docker 20.10 and Podman 4.3 of Debian, with images from Debian's registry.
//! What somebody needs is there afterwards, and everything else is gone.

#[cfg(test)]
mod host {
    mod calm;
    mod ground;
    #[path = "../engines/scene.rs"]
    #[expect(dead_code, reason = "some parts are for the tests on usage")]
    mod scene;

    mod containerd;
    mod docker;
    mod podman;
    mod program;
    mod races;
    mod trouble;
}
#[cfg(test)]
#[expect(dead_code, reason = "some parts are for other tests")]
mod support;
