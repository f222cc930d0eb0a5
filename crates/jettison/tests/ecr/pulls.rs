//! Reading counts as a pull on ECR; what was read by ourselves must not look pulled.

use std::sync::{Arc, Mutex};

use futures_util::future::join_all;
use jettison::registry::{ErrorKind, OwnReads, Registry, open};
use jettison::store::Store;
use jettison_core::model::{Digest, Tag};
use jettison_testkit::aws::{Effect, Fault};
use jettison_testkit::images::Index;
use jiff::{SignedDuration, Timestamp};

use crate::lab::{Lab, REPOSITORY, connection, digest, image, kind, repository, tag};

/// The last pull by somebody else, as the adapter tells it.
async fn pulled(registry: &dyn Registry, image: &Digest) -> Option<Timestamp> {
    let listing = registry.listing(&repository()).await.unwrap().unwrap();
    listing.manifests[image].last_pulled_at
}

async fn read(registry: &dyn Registry, image: &Digest) {
    let read = registry.manifest(&repository(), &image.clone().into()).await;
    assert!(read.unwrap().is_some());
}

impl Lab {
    /// As ECR has recorded it.
    fn recorded(&self, image: &Digest) -> Option<Timestamp> {
        self.ecr().held(REPOSITORY, &image.to_string()).unwrap().pulled_at
    }

    fn pull_by_somebody_else(&self, image: &Digest, at: Timestamp) {
        assert!(self.ecr().set_pulled_at(REPOSITORY, &image.to_string(), Some(at)));
    }
}

/// Three weeks ago, in whole milliseconds as ECR tells it.
fn long_ago(lab: &Lab) -> Timestamp {
    Timestamp::from_millisecond(lab.aws.now().as_millisecond()).unwrap() - hours(500)
}

fn hours(hours: i64) -> SignedDuration {
    SignedDuration::from_hours(hours)
}

#[tokio::test]
async fn what_we_read_ourselves_is_not_pulled_and_what_others_pull_is() {
    let (lab, image) = Lab::with_image(&["v1"]).await;
    read(&*lab.registry, &image).await;
    assert!(lab.recorded(&image).is_some(), "ECR takes it for a pull");
    assert_eq!(pulled(&*lab.registry, &image).await, None);
    let before = long_ago(&lab);
    lab.pull_by_somebody_else(&image, before);
    read(&*lab.registry, &image).await;
    read(&*lab.registry, &image).await;
    assert_ne!(lab.recorded(&image), Some(before));
    assert_eq!(pulled(&*lab.registry, &image).await, Some(before));
    let after = long_ago(&lab) + hours(501);
    lab.pull_by_somebody_else(&image, after);
    assert_eq!(pulled(&*lab.registry, &image).await, Some(after));
}

#[tokio::test]
async fn the_store_remembers_what_was_read_for_the_next_process() {
    let (lab, image) = Lab::with_image(&["v1"]).await;
    let folder = tempfile::tempdir().unwrap();
    let before = long_ago(&lab);
    lab.pull_by_somebody_else(&image, before);
    for _ in 0..2 {
        let store = Store::open(folder.path()).await.unwrap();
        let mut connection = connection(&lab.aws, &lab.user, &lab.memory);
        if let Some(ecr) = &mut connection.ecr {
            ecr.own_reads = Arc::new(store.clone()) as Arc<dyn OwnReads>;
        }
        let registry = open(&connection).unwrap();
        read(&*registry, &image).await;
        assert_eq!(pulled(&*registry, &image).await, Some(before));
        store.close().await;
    }
    assert_ne!(lab.recorded(&image), Some(before));
    assert_ne!(
        pulled(&*lab.registry, &image).await,
        Some(before),
        "who has no memory is misled"
    );
}

/// The documentation allows ECR to note a pull but once a day: then a second read leaves the first one standing.
#[tokio::test]
async fn a_read_that_was_not_noted_as_a_pull_changes_nothing() {
    let (lab, image) = Lab::with_image(&["v1"]).await;
    lab.ecr().refresh_pull_times_daily(true);
    read(&*lab.registry, &image).await;
    let recorded = lab.recorded(&image);
    lab.aws.advance(hours(5));
    read(&*lab.registry, &image).await;
    assert_eq!(lab.recorded(&image), recorded);
    assert_eq!(pulled(&*lab.registry, &image).await, None);
}

#[tokio::test]
async fn the_pull_time_is_looked_up_and_the_read_noted_before_it_is_sent() {
    let (lab, image) = Lab::with_image(&["v1"]).await;
    let before = long_ago(&lab);
    lab.pull_by_somebody_else(&image, before);
    let noted = Arc::new(Mutex::new(Vec::new()));
    let (memory, seen) = (Arc::clone(&lab.memory), Arc::clone(&noted));
    let look = Fault::call(move |_| seen.lock().unwrap().extend(memory.reads()));
    lab.aws.fail(look.on("ecr:BatchGetImage"));
    lab.registry.manifest(&repository(), &tag("v1").into()).await.unwrap();
    let noted = noted.lock().unwrap();
    assert_eq!((noted.len(), &noted[0].digest), (1, &image));
    assert_eq!((noted[0].pulled_before, noted[0].ended_at), (Some(before), None));
    let reads = lab.memory.reads();
    assert_eq!(reads.len(), 1);
    assert!(reads[0].ended_at.unwrap() >= reads[0].began_at);
    let actions: Vec<String> = lab.aws.requests().into_iter().map(|request| request.action).collect();
    assert_eq!(actions, ["ecr:DescribeImages", "ecr:BatchGetImage"]);
}

#[tokio::test]
async fn a_read_without_an_answer_has_no_end_and_may_have_been_a_pull() {
    let (lab, image) = Lab::with_image(&["v1"]).await;
    lab.aws.fail(Fault::new(Effect::Cut(20)).on("ecr:BatchGetImage"));
    let failed = lab.registry.manifest(&repository(), &image.clone().into()).await;
    assert!(matches!(kind(failed), ErrorKind::Transient | ErrorKind::Protocol));
    assert_eq!(lab.memory.reads()[0].ended_at, None);
    assert!(lab.recorded(&image).is_some());
    assert_eq!(pulled(&*lab.registry, &image).await, None);
}

#[tokio::test]
async fn who_cannot_remember_reads_nothing() {
    let (lab, image) = Lab::with_image(&["v1"]).await;
    *lab.memory.is_broken.lock().unwrap() = true;
    let failed = lab.registry.manifest(&repository(), &image.clone().into()).await;
    assert_eq!(kind(failed), ErrorKind::Configuration);
    assert_eq!((lab.count("ecr:BatchGetImage"), lab.recorded(&image)), (0, None));
    assert_eq!(
        kind(lab.registry.listing(&repository()).await),
        ErrorKind::Configuration
    );
}

#[tokio::test]
async fn manifests_are_read_a_hundred_a_call_whatever_their_type() {
    let lab = Lab::new().await;
    let now = lab.aws.now();
    lab.ecr().fill(REPOSITORY, 148, |_| now);
    let index = Index::new().child(image(1)).build();
    let docker = Index::new().docker().child(image(2)).build();
    lab.ecr().push(REPOSITORY, &["index"], &index);
    lab.ecr().push(REPOSITORY, &["docker"], &docker);
    let tags = (0..148).map(|number| tag(&format!("main-{number:07}")));
    let tags: Vec<Tag> = tags.chain([tag("index"), tag("docker")]).collect();
    let name = repository();
    let references: Vec<_> = tags.iter().map(|tag| tag.clone().into()).collect();
    let read = join_all(
        references
            .iter()
            .map(|reference| lab.registry.manifest(&name, reference)),
    )
    .await;
    for (tag, manifest) in tags.iter().zip(read) {
        let manifest = manifest.unwrap().unwrap();
        assert_eq!(lab.ecr().manifest(REPOSITORY, tag.as_str()), Some(manifest.bytes));
    }
    assert_eq!(
        (lab.count("ecr:DescribeImages"), lab.count("ecr:BatchGetImage")),
        (2, 2)
    );
    assert_eq!(lab.memory.reads().len(), 150);
    // ECR gives out single images alone to whoever does not say what he takes.
    let accepted = lab.asked("ecr:BatchGetImage")[0]["acceptedMediaTypes"].to_string();
    for manifest in [&index, &docker, &image(1)] {
        assert!(accepted.contains(&format!("{:?}", manifest.media_type)), "{accepted}");
    }
}

#[tokio::test]
async fn a_manifest_of_a_batch_fails_by_itself() {
    let lab = Lab::new().await;
    let [fine, sealed] = [1, 2].map(image);
    lab.ecr().push(REPOSITORY, &["a"], &fine);
    lab.ecr().push(REPOSITORY, &["b"], &sealed);
    lab.aws
        .fail(Fault::images(&[&sealed.digest], "KmsError").on("ecr:BatchGetImage"));
    let name = repository();
    let references = [&fine, &sealed].map(|image| digest(image).into());
    let [fine, sealed] = references
        .each_ref()
        .map(|reference| lab.registry.manifest(&name, reference));
    let (fine, sealed) = tokio::join!(fine, sealed);
    assert!(fine.unwrap().is_some());
    assert_eq!(kind(sealed), ErrorKind::Forbidden);
    assert_eq!(lab.count("ecr:BatchGetImage"), 1);
}

/// What is there and is not given out is no proof that it is gone.
#[tokio::test]
async fn a_manifest_that_is_listed_and_not_given_out_is_an_error_unless_it_has_gone_meanwhile() {
    let (lab, image) = Lab::with_image(&["v1"]).await;
    let reference = image.clone().into();
    lab.aws
        .fail(Fault::images(&[&image.to_string()], "ImageNotFound").on("ecr:BatchGetImage"));
    assert_eq!(
        kind(lab.registry.manifest(&repository(), &reference).await),
        ErrorKind::Protocol
    );
    lab.aws.clear_faults();
    let (ecr, gone) = (lab.ecr(), image.to_string());
    lab.aws
        .fail(Fault::call(move |_| assert!(ecr.remove(REPOSITORY, &gone))).on("ecr:BatchGetImage"));
    assert_eq!(lab.registry.manifest(&repository(), &reference).await, Ok(None));
}

#[tokio::test]
async fn what_is_on_its_way_back_from_the_archive_is_not_missing() {
    let (lab, image) = Lab::with_image(&["v1"]).await;
    lab.ecr().archive(REPOSITORY, &image.to_string());
    lab.registry.unarchive(&repository(), &image).await.unwrap();
    let failed = lab.registry.manifest(&repository(), &image.clone().into()).await;
    assert_eq!(kind(failed), ErrorKind::Unsupported);
    assert_eq!(lab.count("ecr:BatchGetImage"), 0);
    lab.aws.advance(SignedDuration::from_mins(21));
    read(&*lab.registry, &image).await;
}
