//! buildah: images and indexes as a build pipeline makes them.
//!
//! Every image is a shared base (scratch and busybox) with one file of its own on top, so that images share a layer
//! the way real ones do. Nothing is executed in them, so no privilege and no emulator is needed.

use std::process::Command;

use super::clients::{Clients, line_of};
use super::program::{self, ProgramFailure, run};

/// The base's build date, fixed so that its layer is the same in every run.
const BASE_BUILT_AT: u64 = 1_600_000_000;

/// What to build.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Recipe<'a> {
    /// One image each, in Go's words: `amd64`, `arm64`. More than one makes an index.
    pub(crate) architectures: &'a [&'a str],
    /// The text of the file that makes this image differ from others.
    pub(crate) content: &'a str,
    /// Labels of the image's config.
    pub(crate) labels: &'a [(&'a str, &'a str)],
    /// The config's `created`, in seconds since 1970; now when absent.
    pub(crate) created: Option<u64>,
}

impl Default for Recipe<'_> {
    fn default() -> Self {
        Self {
            architectures: &["amd64"],
            content: "",
            labels: &[],
            created: None,
        }
    }
}

impl Clients {
    /// Builds the recipe and pushes it: a single image, or an index of untagged images for several architectures.
    /// Returns the digest that `destination` names afterwards.
    pub(crate) fn build_and_push(&self, recipe: Recipe<'_>, destination: &str) -> Result<String, ProgramFailure> {
        let name = self.fresh_name("built");
        let digest = self.at(&format!("{name}.digest"));
        let digest_option = format!("--digestfile={}", digest.display());
        let destination = format!("docker://{destination}");
        if let [architecture] = recipe.architectures {
            self.build(recipe, architecture, &[&name])?;
            run(self
                .buildah("push")
                .args(["--tls-verify=false", &digest_option, &name, &destination]))?;
        } else {
            run(self.buildah("manifest").args(["create", &name]))?;
            for architecture in recipe.architectures {
                self.build(recipe, architecture, &["--manifest", &name])?;
            }
            let push = [
                "push",
                "--all",
                "--tls-verify=false",
                &digest_option,
                &name,
                &destination,
            ];
            run(self.buildah("manifest").args(push))?;
        }
        line_of(&digest)
    }

    /// Builds for one architecture and commits it under `target`, which is a name or a manifest option.
    fn build(&self, recipe: Recipe<'_>, architecture: &str, target: &[&str]) -> Result<(), ProgramFailure> {
        let base = self.base(architecture)?;
        let file = self.at(&self.fresh_name("content"));
        std::fs::write(&file, recipe.content).expect("a file for the image");
        let container = run(self
            .buildah("from")
            .args(["--pull-never", "--arch", architecture, &base]))?;
        let container = container.trim();
        run(self
            .buildah("copy")
            .args([container, &file.display().to_string(), "/content"]))?;
        let mut config = self.buildah("config");
        config.args(["--os", "linux", "--arch", architecture]);
        for (key, value) in recipe.labels {
            config.args(["--label", &format!("{key}={value}")]);
        }
        run(config.arg(container))?;
        self.commit(container, recipe.created, target)
    }

    /// The base image of an architecture, made when first asked for.
    fn base(&self, architecture: &str) -> Result<String, ProgramFailure> {
        let name = format!("localhost/base-{architecture}");
        if run(self.buildah("inspect").args(["--type", "image", &name])).is_ok() {
            return Ok(name);
        }
        let busybox = program::find("busybox").expect("busybox is installed");
        let container = run(self.buildah("from").args(["--arch", architecture, "scratch"]))?;
        let container = container.trim();
        run(self
            .buildah("copy")
            .args([container, &busybox.display().to_string(), "/bin/busybox"]))?;
        run(self.buildah("config").args([
            "--os",
            "linux",
            "--arch",
            architecture,
            "--cmd",
            "/bin/busybox",
            container,
        ]))?;
        self.commit(container, Some(BASE_BUILT_AT), &[&name])?;
        Ok(name)
    }

    fn commit(&self, container: &str, created: Option<u64>, target: &[&str]) -> Result<(), ProgramFailure> {
        let mut commit = self.buildah("commit");
        commit.args(["--quiet", "--rm"]);
        if let Some(seconds) = created {
            commit.args(["--timestamp", &seconds.to_string()]);
        }
        match target {
            [option, list] => commit.args([option, list, container]),
            _ => commit.arg(container).args(target),
        };
        run(&mut commit).map(drop)
    }

    /// `vfs` needs no kernel module and no mount.
    fn buildah(&self, verb: &str) -> Command {
        let mut command = self.command("buildah");
        command.arg("--storage-driver=vfs");
        command.arg(format!("--root={}", self.at("images").display()));
        command.arg(format!("--runroot={}", self.at("running").display()));
        command.env("BUILDAH_ISOLATION", "chroot").arg(verb);
        command
    }
}
