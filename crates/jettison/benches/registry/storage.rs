//! Images written straight into the directory layout of Distribution's file system driver: a push of 36,500 takes
//! minutes, this takes seconds, and the registry serves them at once.
//!
//! Every image has a config and a manifest of its own, and all share one layer.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jettison_core::model::Digest;
use jiff::{SignedDuration, Timestamp};

const MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";

/// Images are spread over a year.
const YEAR: SignedDuration = SignedDuration::from_hours(365 * 24);

/// One image: its tag, and what a scan fetches of it.
#[derive(Debug, Clone)]
pub(crate) struct Image {
    pub(crate) tag: String,
    pub(crate) config: Digest,
}

/// The storage of a registry.
#[derive(Debug)]
pub(crate) struct Storage {
    root: PathBuf,
}

impl Storage {
    pub(crate) fn new(root: &Path) -> Self {
        Self {
            root: root.join("docker/registry/v2"),
        }
    }

    /// Writes `images` images, spread evenly over `repositories`, the newest built an hour before `now`. The same
    /// number of images has the same content in every call.
    pub(crate) fn write(
        &self,
        repositories: &[String],
        images: usize,
        now: Timestamp,
    ) -> io::Result<Vec<(String, Vec<Image>)>> {
        let layer = Digest::of(b"layer");
        self.blob(&layer, b"layer")?;
        let mut written: Vec<_> = repositories.iter().map(|name| (name.clone(), Vec::new())).collect();
        for repository in repositories {
            self.link(&format!("{repository}/_layers/sha256/{}", layer.hex()), &layer)?;
        }
        let step = YEAR / i32::try_from(images.max(1)).map_err(io::Error::other)?;
        for number in 0..images {
            let age = step * i32::try_from(number).map_err(io::Error::other)?;
            let created = now - SignedDuration::from_hours(1) - age;
            let (name, of_repository) = &mut written[number % repositories.len()];
            of_repository.push(self.image(name, number, created, &layer)?);
        }
        Ok(written)
    }

    fn image(&self, repository: &str, number: usize, created: Timestamp, layer: &Digest) -> io::Result<Image> {
        let config = format!(
            r#"{{"architecture":"amd64","os":"linux","created":"{created}","config":{{"Env":["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],"Cmd":["/bin/app"],"Labels":{{"org.opencontainers.image.source":"https://git.example.com/apps/web","org.opencontainers.image.revision":"{number:040x}"}}}},"rootfs":{{"type":"layers","diff_ids":["{layer}"]}},"history":[{{"created":"{created}","created_by":"COPY app /bin/app"}}]}}"#
        );
        let config_digest = Digest::of(config.as_bytes());
        let manifest = format!(
            r#"{{"schemaVersion":2,"mediaType":"{MANIFEST}","config":{{"mediaType":"application/vnd.docker.container.image.v1+json","size":{},"digest":"{config_digest}"}},"layers":[{{"mediaType":"application/vnd.docker.image.rootfs.diff.tar.gzip","size":5,"digest":"{layer}"}}]}}"#,
            config.len()
        );
        let digest = Digest::of(manifest.as_bytes());
        let tag = format!("main-{}", &digest.hex()[..10]);
        self.blob(&config_digest, config.as_bytes())?;
        self.blob(&digest, manifest.as_bytes())?;
        self.link(
            &format!("{repository}/_layers/sha256/{}", config_digest.hex()),
            &config_digest,
        )?;
        self.link(
            &format!("{repository}/_manifests/revisions/sha256/{}", digest.hex()),
            &digest,
        )?;
        self.link(&format!("{repository}/_manifests/tags/{tag}/current"), &digest)?;
        self.link(
            &format!("{repository}/_manifests/tags/{tag}/index/sha256/{}", digest.hex()),
            &digest,
        )?;
        Ok(Image {
            tag,
            config: config_digest,
        })
    }

    fn blob(&self, digest: &Digest, bytes: &[u8]) -> io::Result<()> {
        let hex = digest.hex();
        let folder = self.root.join("blobs/sha256").join(&hex[..2]).join(&hex);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("data"), bytes)
    }

    fn link(&self, folder: &str, digest: &Digest) -> io::Result<()> {
        let folder = self.root.join("repositories").join(folder);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("link"), digest.to_string())
    }
}
