//! umoci: small images made in an OCI layout by other hands than buildah's, pushed by skopeo.

use std::process::Command;

use super::clients::Clients;
use super::program::{ProgramFailure, run};

impl Clients {
    /// Makes an image of one file, with the given `created` (RFC 3339), and pushes it by skopeo. Returns its digest.
    pub(crate) fn lay_out_and_push(
        &self,
        content: &str,
        created: &str,
        destination: &str,
    ) -> Result<String, ProgramFailure> {
        let layout = self.at(&self.fresh_name("layout")).display().to_string();
        let image = format!("{layout}:image");
        let file = self.at(&self.fresh_name("content"));
        std::fs::write(&file, content).expect("a file for the image");
        run(self.umoci("init").args(["--layout", &layout]))?;
        run(self.umoci("new").args(["--image", &image]))?;
        run(self
            .umoci("insert")
            .args(["--rootless", "--image", &image, &file.display().to_string(), "/content"]))?;
        run(self.umoci("config").args(["--created", created, "--image", &image]))?;
        self.copy_all(&format!("oci:{image}"), &format!("docker://{destination}"))?;
        self.digest_of(destination)
    }

    fn umoci(&self, verb: &str) -> Command {
        let mut command = self.command("umoci");
        command.arg(verb);
        command
    }
}
