//! What every adapter must do on a registry of its kind. One suite for all; its cases are chosen by what the
//! adapter declares and by what its probe finds out.
//!
//! [`World::contents`] is put into the registry beforehand, and never by the adapter: a mistake there would hide itself.

use std::collections::BTreeSet;

use jettison::registry::{
    Connection, DeleteSupport, ErrorKind, FetchedManifest, ManifestReference, Referrers, Registry, RegistryError,
    Removed, Secret, Stored, open,
};
use jettison_core::model::{Digest, RepositoryName, Tag};
use jettison_testkit::images::{Image, Index, Manifest, sigstore_bundle};
use jettison_testkit::push::Pusher;
use jettison_testkit::registry::{Auth, Options, Request, TestRegistry};

pub(crate) const USER: &str = "robot";
pub(crate) const PASSWORD: &str = "hunter2";

/// A connection that knows no credentials of the person who runs the tests.
pub(crate) fn connection(host: &str) -> Connection {
    Connection {
        docker_config: Some("/nonexistent".into()),
        ..Connection::new(host.parse().unwrap())
    }
}

/// Runs the suite on a variant of the in-process registry.
pub(crate) async fn conforms(options: Options) {
    let logs_in = !matches!(options.auth, Auth::None);
    let expected = DeleteSupport {
        delete: Some(options.delete),
        delete_tag: Some(options.delete && options.delete_tag),
    };
    let server = TestRegistry::start(options).await.unwrap();
    let mut connection = connection(&server.host());
    let pusher = match logs_in {
        true => {
            connection.login = Some((USER.to_owned(), Secret::new(PASSWORD)));
            Pusher::with_credentials(&server.url(), USER, PASSWORD).unwrap()
        }
        false => Pusher::new(&server.url()).unwrap(),
    };
    let world = World::push(&pusher).await;
    server.clear_requests();
    let registry = open(&connection).unwrap();
    looks(&*registry, &world).await;
    only_reads(&server.requests());
    assert_eq!(probe(&*registry, &world).await, expected);
    run(&*registry, &world).await;
}

/// Nothing that reads sends what could change anything. The token service is asked by POST for some logins.
fn only_reads(requests: &[Request]) {
    assert!(requests.len() > 10);
    for request in requests {
        let reads = matches!(request.method.as_str(), "GET" | "HEAD");
        assert!(reads || request.path == "/token", "{request:?}");
        assert!(
            !request.path.contains("/_untagged") && !request.path.contains("/_times"),
            "{request:?}"
        );
    }
}

/// What is in the registry when the suite begins: an index under two tags, a signature of it, an image under many.
pub(crate) struct World {
    repository: RepositoryName,
    index: Manifest,
    image: Manifest,
    signature: Manifest,
    tags: BTreeSet<Tag>,
}

/// Enough tags for several pages, where a page holds ten.
const IMAGE_TAGS: usize = 25;

impl World {
    pub(crate) fn repository(&self) -> &RepositoryName {
        &self.repository
    }

    pub(crate) fn index(&self) -> Digest {
        digest(&self.index)
    }

    /// One of the images that the index lists.
    pub(crate) fn child(&self) -> Digest {
        self.index.children.first().map(digest).unwrap()
    }

    pub(crate) async fn push(pusher: &Pusher) -> Self {
        let world = Self::new();
        pusher
            .push("apps/web", &["latest", "v1.0"], &world.index)
            .await
            .unwrap();
        pusher
            .push("apps/web", &world.image_tags(), &world.image)
            .await
            .unwrap();
        pusher.push_referrer("apps/web", &world.signature).await.unwrap();
        world
    }

    /// What is to be in the repository: manifests with their tags, in the order in which they can be pushed.
    pub(crate) fn contents(&self) -> [(&Manifest, Vec<&str>); 3] {
        [
            (&self.index, vec!["latest", "v1.0"]),
            (&self.image, self.image_tags()),
            (&self.signature, Vec::new()),
        ]
    }

    fn image_tags(&self) -> Vec<&str> {
        let tags = self.tags.iter().map(Tag::as_str);
        tags.filter(|tag| tag.starts_with("main-")).collect()
    }

    pub(crate) fn new() -> Self {
        let amd64 = Image::new(1).platform("linux/amd64").layers(&[1000]).build();
        let arm64 = Image::new(2).platform("linux/arm64").layers(&[1000]).build();
        let index = Index::new().children([amd64, arm64]).build();
        let image = Image::new(3).layers(&[500, 600]).build();
        let signature = sigstore_bundle(&index, "2026-01-01T00:00:00Z");
        let many: Vec<String> = (0..IMAGE_TAGS).map(|number| format!("main-{number:04}")).collect();
        let others = ["latest", "v1.0"].map(str::to_owned);
        let tags = many.iter().chain(&others).map(|tag| tag.parse().unwrap()).collect();
        Self {
            repository: "apps/web".parse().unwrap(),
            index,
            image,
            signature,
            tags,
        }
    }
}

/// Runs every case that fits the registry.
pub(crate) async fn run(registry: &dyn Registry, world: &World) {
    looks(registry, world).await;
    let support = probe(registry, world).await;
    lists_repositories_and_tags(registry, world).await;
    reads_exact_bytes(registry, world).await;
    removes_single_tags(registry, world, support.delete_tag.unwrap()).await;
    deletes_and_puts_back(registry, world, support.delete.unwrap()).await;
    archives_and_brings_back(registry, world).await;
}

/// The cases that only read.
pub(crate) async fn looks(registry: &dyn Registry, world: &World) {
    lists_repositories_and_tags(registry, world).await;
    reads_exact_bytes(registry, world).await;
    tells_which_blobs_can_be_read(registry, world).await;
    tells_what_is_not_there(registry, world).await;
    finds_referrers(registry, world).await;
    lists_everything(registry, world).await;
}

/// What the adapter finds out about deletes.
async fn probe(registry: &dyn Registry, world: &World) -> DeleteSupport {
    registry.probe_deletes(&world.repository).await.unwrap()
}

/// What a scan reads first: the tags, and one manifest.
///
/// # Errors
/// The first that the adapter gives.
pub(crate) async fn reads(registry: &dyn Registry, world: &World) -> Result<(), RegistryError> {
    registry.tags(&world.repository).await?;
    let latest: Tag = "latest".parse().unwrap();
    registry.manifest(&world.repository, &latest.into()).await?;
    Ok(())
}

async fn lists_repositories_and_tags(registry: &dyn Registry, world: &World) {
    match registry.repositories().await {
        Ok(repositories) => assert!(repositories.contains(&world.repository), "{repositories:?}"),
        Err(error) => assert_eq!(error.kind, ErrorKind::Unsupported, "{error}"),
    }
    assert_eq!(ordinary_tags(registry, world).await, world.tags);
}

async fn reads_exact_bytes(registry: &dyn Registry, world: &World) {
    for (tag, manifest) in [("latest", &world.index), ("main-0007", &world.image)] {
        let (tag, digest): (Tag, Digest) = (tag.parse().unwrap(), digest(manifest));
        for reference in [ManifestReference::from(tag.clone()), digest.clone().into()] {
            let fetched = registry.manifest(&world.repository, &reference).await.unwrap().unwrap();
            assert_eq!(
                (&fetched.bytes, &fetched.media_type),
                (&manifest.bytes, &manifest.media_type),
                "{reference}"
            );
            assert_eq!(fetched.digest, digest, "{reference}");
        }
        assert_eq!(
            registry.resolve(&world.repository, &tag).await.unwrap(),
            Some(digest.clone())
        );
        assert!(registry.exists(&world.repository, &digest).await.unwrap());
    }
    for blob in &world.image.blobs {
        let digest: Digest = blob.digest().parse().unwrap();
        let fetched = registry.blob(&world.repository, &digest, 100_000).await.unwrap();
        assert_eq!(fetched.as_ref(), Some(blob.bytes()));
        let too_little = registry.blob(&world.repository, &digest, 1).await.unwrap_err();
        assert_eq!(too_little.kind, ErrorKind::TooLarge);
    }
}

async fn tells_which_blobs_can_be_read(registry: &dyn Registry, world: &World) {
    let manifests = [&world.index, &world.image, &world.signature];
    let blobs: Vec<_> = manifests
        .iter()
        .flat_map(|manifest| manifest.all())
        .flat_map(|manifest| &manifest.blobs)
        .collect();
    assert!(blobs.len() > 6);
    for blob in blobs {
        let digest: Digest = blob.digest().parse().unwrap();
        assert!(
            registry.is_readable(&world.repository, &digest).await.unwrap(),
            "{digest}"
        );
        let elsewhere = registry.is_readable(&"no/where".parse().unwrap(), &digest).await;
        assert!(!elsewhere.unwrap(), "{digest}");
    }
}

async fn tells_what_is_not_there(registry: &dyn Registry, world: &World) {
    let nothing = Digest::of(b"nothing");
    let nobody: Tag = "nobody".parse().unwrap();
    assert_eq!(
        registry
            .manifest(&world.repository, &nothing.clone().into())
            .await
            .unwrap(),
        None
    );
    assert_eq!(
        registry
            .manifest(&world.repository, &nobody.clone().into())
            .await
            .unwrap(),
        None
    );
    assert_eq!(registry.resolve(&world.repository, &nobody).await.unwrap(), None);
    assert!(!registry.exists(&world.repository, &nothing).await.unwrap());
    assert_eq!(registry.blob(&world.repository, &nothing, 100).await.unwrap(), None);
    assert!(!registry.is_readable(&world.repository, &nothing).await.unwrap());
    let nowhere = registry.tags(&"no/where".parse().unwrap()).await;
    assert_eq!(nowhere.unwrap_err().kind, ErrorKind::NotFound);
}

async fn finds_referrers(registry: &dyn Registry, world: &World) {
    let (subject, lonely) = (digest(&world.index), digest(&world.image));
    match registry.referrers(&world.repository, &subject).await.unwrap() {
        Referrers::Listed(referrers) => {
            assert_eq!(referrers, [digest(&world.signature)]);
            let none = registry.referrers(&world.repository, &lonely).await.unwrap();
            assert_eq!(none, Referrers::Listed(Vec::new()));
        }
        Referrers::Unsupported => {
            let fallback: Tag = format!("sha256-{}", subject.hex()).parse().unwrap();
            assert!(registry.resolve(&world.repository, &fallback).await.unwrap().is_some());
        }
    }
}

/// The registry's own list, where it has one, agrees with what is there and with what the adapter declares. It comes after
/// the cases that read: reading is no pull by somebody else.
async fn lists_everything(registry: &dyn Registry, world: &World) {
    let can = registry.capabilities();
    let Some(listing) = registry.listing(&world.repository).await.unwrap() else {
        let declared = [can.list_untagged, can.push_time, can.pull_time, can.archive];
        assert_eq!(declared, [Some(false); 4], "nobody could tell");
        return;
    };
    let ordinary: BTreeSet<Tag> = listing
        .tags
        .keys()
        .filter(|tag| tag.subject().is_none())
        .cloned()
        .collect();
    assert_eq!(ordinary, world.tags);
    for (manifest, tags) in world.contents() {
        for tag in tags {
            let tag: Tag = tag.parse().unwrap();
            assert_eq!(listing.tags[&tag].digest, digest(manifest), "{tag}");
        }
        for manifest in manifest.all() {
            let listed = listing.manifests.get(&digest(manifest));
            let listed = listed.unwrap_or_else(|| panic!("{} is not listed", manifest.digest));
            assert_eq!(listed.media_type, manifest.media_type);
            assert_eq!(listed.stored, Stored::Ready);
            assert_eq!(listed.pushed_at.is_some(), can.push_time == Some(true));
            assert_eq!(listed.last_pulled_at, None, "nobody else has pulled");
        }
    }
    assert_eq!(
        listing.manifests[&digest(&world.signature)].subject,
        Some(digest(&world.index))
    );
    assert_eq!(listing.pull_data_since.is_some(), can.pull_time == Some(true));
    let nowhere = registry.listing(&"no/where".parse().unwrap()).await;
    assert_eq!(nowhere.unwrap_err().kind, ErrorKind::NotFound);
}

async fn removes_single_tags(registry: &dyn Registry, world: &World, supported: bool) {
    let [gone, stays]: [Tag; 2] = ["main-0001", "main-0002"].map(|tag| tag.parse().unwrap());
    let removed = registry.delete_tag(&world.repository, &gone).await;
    if !supported {
        assert_eq!(removed.unwrap_err().kind, ErrorKind::Unsupported);
        assert_eq!(ordinary_tags(registry, world).await, world.tags, "nothing has changed");
        return;
    }
    assert_eq!(removed.unwrap(), Removed::Now);
    assert_eq!(
        registry.delete_tag(&world.repository, &gone).await.unwrap(),
        Removed::AlreadyGone
    );
    assert_eq!(registry.resolve(&world.repository, &gone).await.unwrap(), None);
    assert_eq!(
        registry.resolve(&world.repository, &stays).await.unwrap(),
        Some(digest(&world.image))
    );
    put(registry, world, &gone.into(), &world.image).await;
    assert_eq!(ordinary_tags(registry, world).await, world.tags);
}

async fn deletes_and_puts_back(registry: &dyn Registry, world: &World, supported: bool) {
    let target = digest(&world.index);
    let removed = registry.delete_manifest(&world.repository, &target).await;
    if !supported {
        assert_eq!(removed.unwrap_err().kind, ErrorKind::Unsupported);
        assert_eq!(ordinary_tags(registry, world).await, world.tags, "nothing has changed");
        return;
    }
    assert_eq!(removed.unwrap(), Removed::Now);
    assert!(!registry.exists(&world.repository, &target).await.unwrap());
    assert_eq!(
        registry.delete_manifest(&world.repository, &target).await.unwrap(),
        Removed::AlreadyGone
    );
    let left = ordinary_tags(registry, world).await;
    assert_eq!(left.len(), world.tags.len() - 2, "its tags have gone along");
    for child in &world.index.children {
        assert!(
            registry.exists(&world.repository, &digest(child)).await.unwrap(),
            "children stay"
        );
    }
    let tags: [Tag; 2] = ["latest", "v1.0"].map(|tag| tag.parse().unwrap());
    put(registry, world, &target.clone().into(), &world.index).await;
    for tag in &tags {
        put(registry, world, &tag.clone().into(), &world.index).await;
    }
    assert_eq!(ordinary_tags(registry, world).await, world.tags);
    reads_exact_bytes(registry, world).await;
}

/// To be the last case: it may take a while until what is brought back can be read.
async fn archives_and_brings_back(registry: &dyn Registry, world: &World) {
    let (repository, image) = (&world.repository, digest(&world.image));
    if registry.capabilities().archive != Some(true) {
        let refused = [
            registry.archive(repository, &image).await,
            registry.unarchive(repository, &image).await,
        ];
        assert!(
            refused
                .iter()
                .all(|result| result.as_ref().unwrap_err().kind == ErrorKind::Unsupported)
        );
        assert!(registry.manifest(repository, &image.into()).await.unwrap().is_some());
        return;
    }
    let needed = registry.archive(repository, &world.child()).await.unwrap_err();
    assert_eq!(needed.kind, ErrorKind::Conflict, "its index is not archived");
    for _ in 0..2 {
        registry.archive(repository, &image).await.unwrap();
        let listing = registry.listing(repository).await.unwrap().unwrap();
        assert!(listing.manifests[&image].stored.archived_at().is_some());
        assert!(registry.exists(repository, &image).await.unwrap(), "it is not gone");
        assert_eq!(ordinary_tags(registry, world).await, world.tags, "nor are its tags");
        let unread = registry.manifest(repository, &image.clone().into()).await.unwrap_err();
        assert_eq!(unread.kind, ErrorKind::Unsupported, "nor is it missing");
    }
    for _ in 0..2 {
        registry.unarchive(repository, &image).await.unwrap();
        let listing = registry.listing(repository).await.unwrap().unwrap();
        assert_eq!(listing.manifests[&image].stored.archived_at(), None);
    }
}

async fn put(registry: &dyn Registry, world: &World, reference: &ManifestReference, manifest: &Manifest) {
    let fetched = FetchedManifest {
        digest: digest(manifest),
        media_type: manifest.media_type.clone(),
        bytes: manifest.bytes.clone(),
    };
    registry
        .put_manifest(&world.repository, reference, &fetched)
        .await
        .unwrap();
}

/// All tags but those that attach something.
async fn ordinary_tags(registry: &dyn Registry, world: &World) -> BTreeSet<Tag> {
    let tags = registry.tags(&world.repository).await.unwrap();
    tags.into_iter().filter(|tag| tag.subject().is_none()).collect()
}

fn digest(manifest: &Manifest) -> Digest {
    manifest.digest.parse().unwrap()
}
