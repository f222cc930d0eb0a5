//! What an engine says is understood, and what it does not say is a gap. On a scripted engine: real ones stand in
//! `tests/engines.rs`.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use jettison_core::config::ContainerEngine;
use jettison_core::model::Digest;
use serde_json::{Value, json};

use super::scripted::{Answer, Engine};
use crate::engine::ITEM_BYTES;

const LIST: &str = "/v1.41/containers/json";

fn id(of: &str) -> String {
    Digest::of(of.as_bytes()).to_string()
}

/// The first digits of the digest of these bytes, as references are shown.
fn digits(of: &str) -> String {
    Digest::of(of.as_bytes()).hex()[..6].to_owned()
}

fn listed(name: &str, image: &str) -> Value {
    json!({"Id": name, "Names": [format!("/{name}")], "State": "running", "Image": image, "ImageID": id(image)})
}

fn container(image: &str) -> Value {
    json!({"Id": "x", "Image": id(image), "Config": {"Image": image}, "Mounts": null, "HostConfig": {"Mounts": []}})
}

fn image(name: &str, repo_digests: &[&str]) -> Value {
    let digests: Vec<String> = repo_digests.iter().map(|it| format!("r.io/any@{}", id(it))).collect();
    json!({"Id": id(name), "RepoDigests": digests})
}

fn outside_swarm() -> Value {
    json!({"Swarm": {"LocalNodeState": "inactive", "ControlAvailable": false}})
}

/// An engine with these containers, each of an image that was pulled by a digest `pulled NAME`; `changes` replace answers.
fn engine(containers: &[(&str, &str)], changes: Vec<(String, Answer)>) -> Engine {
    let list = containers.iter().map(|(name, image)| listed(name, image)).collect();
    let mut answers = vec![
        (LIST.to_owned(), Answer::Json(list)),
        ("/v1.41/info".to_owned(), Answer::Json(outside_swarm())),
    ];
    for (name, image_name) in containers {
        answers.push((
            format!("/v1.41/containers/{name}/json"),
            Answer::Json(container(image_name)),
        ));
        let pulled = format!("pulled {image_name}");
        let path = format!("/v1.41/images/{}/json", id(image_name));
        answers.push((path, Answer::Json(image(image_name, &[&pulled]))));
    }
    answers.extend(changes);
    Engine::new(answers)
}

fn set<const N: usize>(lines: [String; N]) -> BTreeSet<String> {
    lines.into_iter().collect()
}

#[tokio::test]
async fn a_container_counts_by_its_name_its_id_and_the_digests_it_was_pulled_by() {
    let engine = engine(&[("web", "r.io/web:v1")], Vec::new());
    let (told, gaps) = engine.told(|_| ()).await;
    let line = |of: &str| format!("r.io/web:v1 | {} | container web (running)", digits(of));
    assert_eq!(told, set([line("r.io/web:v1"), line("pulled r.io/web:v1")]));
    assert_eq!(gaps, [""; 0]);
    assert!(
        engine.asked().contains(&format!("{LIST}?all=true")),
        "{:?}",
        engine.asked()
    );
}

#[tokio::test]
async fn a_container_counts_in_every_state() {
    for state in [
        "created",
        "running",
        "paused",
        "restarting",
        "removing",
        "exited",
        "dead",
        "new in Docker 40",
    ] {
        let mut container = listed("web", "r.io/web:v1");
        container["State"] = json!(state);
        let change = (LIST.to_owned(), Answer::Json(json!([container])));
        let (told, gaps) = engine(&[("web", "r.io/web:v1")], vec![change]).told(|_| ()).await;
        let line = format!("r.io/web:v1 | {} | container web ({state})", digits("r.io/web:v1"));
        assert!(told.contains(&line), "{state}: {told:?}");
        assert_eq!(gaps, [""; 0], "{state}");
    }
}

#[tokio::test]
async fn what_runs_under_an_id_alone_names_no_reference() {
    let (whole, short) = (id("r.io/web:v1"), id("r.io/web:v1")[7..19].to_owned());
    for written in [whole.as_str(), &whole[7..], &short] {
        let mut inspected = container("r.io/web:v1");
        inspected["Config"]["Image"] = json!(written);
        let change = ("/v1.41/containers/web/json".to_owned(), Answer::Json(inspected));
        let (told, gaps) = engine(&[("web", "r.io/web:v1")], vec![change]).told(|_| ()).await;
        let line = |of: &str| format!(" | {} | container web (running)", digits(of));
        assert_eq!(
            told,
            set([line("r.io/web:v1"), line("pulled r.io/web:v1")]),
            "{written}"
        );
        assert_eq!(gaps, [""; 0], "{written}");
    }
}

#[tokio::test]
async fn containerd_tells_manifests_beside_ids() {
    let mut inspected = container("r.io/web:v1");
    inspected["ImageManifestDescriptor"] = json!({"digest": id("platform"), "size": 1});
    let mut described = image("r.io/web:v1", &[]);
    described["Descriptor"] = json!({"digest": id("index"), "size": 1});
    let changes = vec![
        ("/v1.41/containers/web/json".to_owned(), Answer::Json(inspected)),
        (
            format!("/v1.41/images/{}/json", id("r.io/web:v1")),
            Answer::Json(described),
        ),
    ];
    let (told, gaps) = engine(&[("web", "r.io/web:v1")], changes).told(|_| ()).await;
    for (image, of) in [
        ("", "platform"),
        ("r.io/web:v1", "index"),
        ("r.io/web:v1", "r.io/web:v1"),
    ] {
        let line = format!("{image} | {} | container web (running)", digits(of));
        assert!(told.contains(&line), "{line}: {told:?}");
    }
    assert_eq!(gaps, [""; 0]);
}

#[tokio::test]
async fn a_container_that_went_meanwhile_still_counts_as_listed_and_is_no_gap() {
    for words in [
        "No such container: web",
        "no container with name or ID \"web\" found: no such container",
    ] {
        let change = ("/v1.41/containers/web/json".to_owned(), Answer::Refusal(404, words));
        let (told, gaps) = engine(&[("web", "r.io/web:v1")], vec![change]).told(|_| ()).await;
        assert!(told.contains(&format!(
            "r.io/web:v1 | {} | container web (running)",
            digits("r.io/web:v1")
        )));
        assert_eq!(gaps, [""; 0], "{words}");
    }
}

#[tokio::test]
async fn an_image_that_the_engine_has_no_more_is_no_gap() {
    let path = format!("/v1.41/images/{}/json", id("r.io/web:v1"));
    let change = (path, Answer::Refusal(404, "No such image: sha256:abc"));
    let (told, gaps) = engine(&[("web", "r.io/web:v1")], vec![change]).told(|_| ()).await;
    assert!(told.contains(&format!(
        "r.io/web:v1 | {} | container web (running)",
        digits("r.io/web:v1")
    )));
    assert_eq!(gaps, [""; 0]);
}

#[tokio::test]
async fn any_other_answer_is_a_gap_and_what_is_known_still_counts() {
    let image = format!("/v1.41/images/{}/json", id("r.io/web:v1"));
    let without_image = Answer::Json(json!({"Id": "web", "Image": id("a"), "Config": {}}));
    for (path, answer, expected) in [
        (
            LIST,
            Answer::Refusal(500, "out of memory"),
            "500 Internal Server Error when asked for containers/json: out of memory",
        ),
        (LIST, Answer::Refusal(403, "not permitted"), "403 Forbidden"),
        (LIST, Answer::Refusal(302, ""), "302 Found"),
        (LIST, Answer::Truncated, "could not be asked for containers/json"),
        (LIST, Answer::Json(json!({"message": "odd"})), "cannot be understood"),
        (
            LIST,
            Answer::Json(json!([{"Id": "../../info", "Image": "", "ImageID": ""}])),
            "is no id",
        ),
        (
            LIST,
            Answer::Json(json!([{"Id": "web", "State": "running"}])),
            "cannot be understood",
        ),
        (
            "/v1.41/containers/web/json",
            Answer::Refusal(500, "driver failed"),
            "container web (running)",
        ),
        (
            "/v1.41/containers/web/json",
            Answer::Refusal(404, "page not found"),
            "404 Not Found",
        ),
        ("/v1.41/containers/web/json", without_image, "cannot be understood"),
        ("/v1.41/containers/web/json", Answer::Truncated, "could not be asked"),
        (&image, Answer::Refusal(500, "driver failed"), "500"),
        (&image, Answer::Refusal(404, "page not found"), "404"),
        (
            &image,
            Answer::Json(json!({"Id": "odd", "RepoDigests": []})),
            "`odd` is no digest",
        ),
        (
            &image,
            Answer::Json(json!({"Id": id("a"), "RepoDigests": ["r.io/a@sha256:1"]})),
            "`sha256:1` is no digest",
        ),
        ("/v1.41/info", Answer::Refusal(403, "not permitted"), "403"),
        ("/v1.41/info", Answer::Json(json!({})), "cannot be understood"),
        ("/version", Answer::Refusal(500, "starting"), "500"),
        (
            "/version",
            Answer::Json(json!({"ApiVersion": "next"})),
            "`next` is no version",
        ),
        (
            "/version",
            Answer::Json(json!({"ApiVersion": "2.0", "MinAPIVersion": "1.99"})),
            "from 1.99 on",
        ),
    ] {
        let change = (path.to_owned(), answer.clone());
        let (told, gaps) = engine(&[("web", "r.io/web:v1")], vec![change]).told(|_| ()).await;
        assert!(
            gaps.len() == 1 && gaps[0].contains(expected),
            "{path} {answer:?}: {gaps:?}"
        );
        let counts = told.iter().any(|line| line.starts_with("r.io/web:v1 | "));
        let is_known = path != LIST && path != "/version";
        assert_eq!(counts, is_known, "{path} {answer:?}: {told:?}");
    }
}

#[tokio::test]
async fn a_newer_engine_is_asked_in_the_version_that_was_read_up_on() {
    let newer = json!({"ApiVersion": "1.99", "MinAPIVersion": "1.44"});
    let engine = Engine::new([
        ("/version".to_owned(), Answer::Json(newer)),
        ("/v1.52/containers/json".to_owned(), Answer::Json(json!([]))),
        ("/v1.52/info".to_owned(), Answer::Json(outside_swarm())),
    ]);
    assert_eq!(engine.told(|_| ()).await, (BTreeSet::new(), Vec::new()));
}

#[tokio::test]
async fn an_answer_may_be_as_long_as_the_bound_and_not_longer() {
    for (bytes, is_told) in [(ITEM_BYTES, true), (ITEM_BYTES + 1, false)] {
        let change = ("/v1.41/info".to_owned(), Answer::Long(outside_swarm(), bytes));
        let (_, gaps) = engine(&[], vec![change]).told(|_| ()).await;
        assert_eq!(gaps.is_empty(), is_told, "{bytes}: {gaps:?}");
    }
}

#[tokio::test]
async fn an_answer_without_end_is_cut_and_no_answer_is_left_to_the_time_limit() {
    let change = ("/v1.41/info".to_owned(), Answer::Endless);
    let (told, gaps) = engine(&[("web", "r.io/web:v1")], vec![change]).told(|_| ()).await;
    assert!(gaps[0].contains("more than 8388608 bytes"), "{gaps:?}");
    assert_eq!(told.len(), 2);

    let change = (LIST.to_owned(), Answer::Silence);
    let engine = engine(&[("web", "r.io/web:v1")], vec![change]);
    let waited = tokio::time::timeout(Duration::from_millis(200), engine.told(|_| ())).await;
    assert!(
        waited.is_err(),
        "it waits no longer than it is let, and sleeps meanwhile"
    );
}

#[tokio::test]
async fn mounted_images_count_by_what_they_are_now() {
    let mut inspected = container("r.io/web:v1");
    inspected["HostConfig"]["Mounts"] = json!([
        {"Type": "image", "Source": "r.io/data:v1", "Target": "/data"},
        {"Type": "image", "Source": "r.io/gone:v1", "Target": "/gone"},
        {"Type": "volume", "Source": "r.io/not-an-image:v1", "Target": "/volume"}]);
    // Docker tells a path here, Podman the image.
    inspected["Mounts"] = json!([
        {"Type": "image", "Source": "/var/lib/docker/rootfs/1", "Name": "something"},
        {"Type": "image", "Source": "r.io/other:v1"}]);
    let changes = vec![
        ("/v1.41/containers/web/json".to_owned(), Answer::Json(inspected)),
        (
            "/v1.41/images/r.io/data:v1/json".to_owned(),
            Answer::Json(image("data", &["pulled data"])),
        ),
        (
            "/v1.41/images/r.io/other:v1/json".to_owned(),
            Answer::Json(image("other", &[])),
        ),
        (
            "/v1.41/images/r.io/gone:v1/json".to_owned(),
            Answer::Refusal(404, "No such image: r.io/gone:v1"),
        ),
    ];
    let (mut told, gaps) = engine(&[("web", "r.io/web:v1")], changes).told(|_| ()).await;
    told.retain(|line| line.ends_with(", mounted"));
    let line = |image: &str, of: &str| format!("{image} | {of} | container web (running), mounted");
    let expected = set([
        line("r.io/data:v1", &digits("data")),
        line("r.io/data:v1", &digits("pulled data")),
        line("r.io/other:v1", &digits("other")),
        line("r.io/gone:v1", ""),
    ]);
    assert_eq!((told, gaps), (expected, Vec::new()));
}

fn in_swarm(state: &str, manages: bool, more: Vec<(String, Answer)>) -> Engine {
    let info = json!({"Swarm": {"LocalNodeState": state, "ControlAvailable": manages}});
    let mut answers = vec![("/v1.41/info".to_owned(), Answer::Json(info))];
    answers.extend(more);
    engine(&[], answers)
}

#[tokio::test]
async fn only_a_manager_has_services_and_one_that_may_be_is_a_gap() {
    for (state, required, expected) in [
        ("inactive", false, None),
        ("active", false, None),
        ("inactive", true, Some("has to manage a Swarm")),
        ("active", true, Some("has to manage a Swarm")),
        ("locked", false, Some("not known; its state there: locked")),
        ("error", false, Some("not known")),
        ("pending", false, Some("not known")),
    ] {
        let engine = in_swarm(state, false, Vec::new());
        let (_, gaps) = engine.told(|source| source.swarm = required).await;
        match expected {
            None => assert_eq!(gaps, [""; 0], "{state}"),
            Some(expected) => assert!(gaps.len() == 1 && gaps[0].contains(expected), "{state}: {gaps:?}"),
        }
    }
}

#[tokio::test]
async fn services_count_with_what_they_may_return_to() {
    let spec = |image: &str| {
        json!({"Name": "shop_web", "TaskTemplate": {"ContainerSpec": {"Image": image,
        "Mounts": [{"Type": "image", "Source": "r.io/data:v1"}, {"Type": "bind", "Source": "/srv"}]}}})
    };
    let plugin =
        json!({"Name": "disks", "TaskTemplate": {"PluginSpec": {"Remote": "r.io/plugin:v1"}, "Runtime": "plugin"}});
    let services = json!([
        {"ID": "s1", "Spec": spec("r.io/web:v2"), "PreviousSpec": spec("r.io/web:v1")},
        {"ID": "s2", "Spec": plugin}, {"ID": "s3", "Spec": {"TaskTemplate": {"NetworkAttachmentSpec": {}}}}]);
    let task = |slot: Option<u32>, service: &str, image: &str| {
        json!({"ID": "t", "ServiceID": service, "Slot": slot,
        "Spec": {"ContainerSpec": {"Image": image}}, "Status": {"State": "shutdown"}})
    };
    let tasks = json!([task(Some(2), "s1", "r.io/web:v0"), task(None, "s9", "r.io/old:v1")]);
    let answers = vec![
        ("/v1.41/services".to_owned(), Answer::Json(services)),
        ("/v1.41/tasks".to_owned(), Answer::Json(tasks)),
    ];
    let (told, gaps) = in_swarm("active", true, answers)
        .told(|source| source.swarm = true)
        .await;
    let expected = [
        "r.io/web:v2 |  | service shop_web",
        "r.io/web:v1 |  | service shop_web (previous)",
        "r.io/data:v1 |  | service shop_web, mounted",
        "r.io/data:v1 |  | service shop_web (previous), mounted",
        "r.io/plugin:v1 |  | service disks",
        "r.io/web:v0 |  | task shop_web.2 (shutdown)",
        "r.io/old:v1 |  | task t (shutdown)",
    ];
    assert_eq!((told, gaps), (set(expected.map(str::to_owned)), Vec::new()));
}

#[tokio::test]
async fn a_manager_that_does_not_tell_is_a_gap() {
    let empty = |path: &str| (format!("/v1.41/{path}"), Answer::Json(Value::Null));
    let (_, gaps) = in_swarm("active", true, vec![empty("services"), empty("tasks")])
        .told(|_| ())
        .await;
    assert_eq!(gaps, [""; 0]);
    let broken =
        json!([{"ID": "s", "Spec": {"Name": "web", "TaskTemplate": {"ContainerSpec": {"Image": "No Image"}}}}]);
    let odd = json!([{"ID": "s", "Spec": {"Name": "web", "TaskTemplate": {"ContainerSpec": {}}}}]);
    for (path, answer, expected) in [
        (
            "services",
            Answer::Refusal(503, "The swarm does not have a leader."),
            "does not have a leader",
        ),
        ("services", Answer::Json(broken), "service web: `No Image`"),
        ("services", Answer::Json(odd), "cannot be understood"),
        ("tasks", Answer::Refusal(500, "deadline exceeded"), "deadline exceeded"),
    ] {
        let answers = vec![empty("services"), empty("tasks"), (format!("/v1.41/{path}"), answer)];
        let (_, gaps) = in_swarm("active", true, answers).told(|_| ()).await;
        assert!(gaps.len() == 1 && gaps[0].contains(expected), "{path}: {gaps:?}");
    }
}

#[tokio::test]
async fn podmans_volumes_of_images_count_and_its_swarm_is_not_asked_for() {
    let volumes = json!({"Volumes": [
        {"Name": "data", "Driver": "image", "Options": {"image": "r.io/data:v1"}},
        {"Name": "odd", "Driver": "image", "Options": null},
        {"Name": "plain", "Driver": "local", "Options": {"image": "r.io/no:v1"}}]});
    let podman = json!({"ApiVersion": "1.41", "MinAPIVersion": "1.24",
        "Components": [{"Name": "Podman Engine"}, {"Name": "Conmon"}]});
    let answers = vec![
        ("/version".to_owned(), Answer::Json(podman)),
        ("/v1.41/volumes".to_owned(), Answer::Json(volumes)),
        (
            "/v1.41/images/r.io/data:v1/json".to_owned(),
            Answer::Json(image("data", &[])),
        ),
    ];
    // It may listen where Docker does.
    for (taken_for, asks_for_swarm) in [(ContainerEngine::Podman, false), (ContainerEngine::Docker, true)] {
        let engine = engine(&[], answers.clone());
        let (told, gaps) = engine.told(|source| source.engine = taken_for).await;
        assert_eq!(told, set([format!("r.io/data:v1 | {} | volume data", digits("data"))]));
        assert!(gaps.len() == 1 && gaps[0].starts_with("volume odd:"), "{gaps:?}");
        assert_eq!(engine.asked().contains(&"/v1.41/info".to_owned()), asks_for_swarm);
    }
}

#[tokio::test]
async fn docker_that_is_taken_for_podman_is_asked_for_its_swarm() {
    let services =
        json!([{"ID": "s", "Spec": {"Name": "web", "TaskTemplate": {"ContainerSpec": {"Image": "r.io/web:v1"}}}}]);
    let answers = vec![
        ("/v1.41/services".to_owned(), Answer::Json(services)),
        ("/v1.41/tasks".to_owned(), Answer::Json(Value::Null)),
        ("/v1.41/volumes".to_owned(), Answer::Json(json!({"Volumes": null}))),
    ];
    let engine = in_swarm("active", true, answers);
    let (told, gaps) = engine.told(|source| source.engine = ContainerEngine::Podman).await;
    assert_eq!(
        (told, gaps),
        (set(["r.io/web:v1 |  | service web".to_owned()]), Vec::new())
    );
}

#[tokio::test]
async fn a_socket_that_is_closed_absent_or_abandoned_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let abandoned = folder.path().join("abandoned.sock");
    drop(std::os::unix::net::UnixListener::bind(&abandoned).unwrap());
    let engine = engine(&[], Vec::new());
    for (socket, expected) in [
        (folder.path().join("none.sock"), "there is no socket"),
        (abandoned, "is the engine running?"),
    ] {
        let host = format!("unix://{}", socket.display());
        let (_, gaps) = engine.told(|source| source.host = Some(host)).await;
        assert!(gaps.len() == 1 && gaps[0].contains(expected), "{gaps:?}");
        assert!(gaps[0].contains(&socket.display().to_string()), "{gaps:?}");
    }
    std::fs::set_permissions(engine.socket(), std::fs::Permissions::from_mode(0o000)).unwrap();
    // Nobody denies anything to root.
    if tokio::net::UnixStream::connect(engine.socket()).await.is_err() {
        let (_, gaps) = engine.told(|_| ()).await;
        assert!(
            gaps[0].contains("permission denied") && gaps[0].contains("docker"),
            "{gaps:?}"
        );
    }
}

#[tokio::test]
async fn five_thousand_containers_are_read() {
    let names: Vec<(String, String)> = (0..5_000)
        .map(|number| (format!("c{number}"), format!("r.io/app{}:v1", number % 50)))
        .collect();
    let containers: Vec<(&str, &str)> = names
        .iter()
        .map(|(name, image)| (name.as_str(), image.as_str()))
        .collect();
    let engine = engine(&containers, Vec::new());
    let (told, gaps) = engine.told(|_| ()).await;
    assert_eq!(gaps, [""; 0]);
    let images: BTreeSet<&str> = told.iter().filter_map(|line| line.split(" | ").next()).collect();
    assert_eq!(images.len(), 50);
    let about_images = engine.asked().iter().filter(|path| path.contains("/images/")).count();
    assert_eq!(about_images, 50, "each image is asked for once");
}

#[tokio::test]
async fn nobody_is_sent_elsewhere_for_an_answer() {
    let answers = vec![
        (LIST.to_owned(), Answer::Elsewhere("/v1.41/empty")),
        ("/v1.41/empty".to_owned(), Answer::Json(json!([]))),
    ];
    let engine = engine(&[("web", "r.io/web:v1")], answers);
    let (_, gaps) = engine.told(|_| ()).await;
    assert!(gaps.len() == 1 && gaps[0].contains("answered 302"), "{gaps:?}");
    assert!(!engine.asked().contains(&"/v1.41/empty".to_owned()));
}
