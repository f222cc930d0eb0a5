//! From scan to apply, with the program itself, in each variant that registries come in, and what a scan costs.

#[cfg(test)]
#[expect(dead_code, reason = "shared helpers: the history is not looked at here")]
mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use common::contents::{Contents, deletions, kept_pull_whole, text};
use common::desk::Desk;
use jettison_testkit::company::Company;
use jettison_testkit::images::{Image, Index, sigstore_bundle};
use jettison_testkit::pull::Puller;
use jettison_testkit::push::Pusher;
use jettison_testkit::registry::{Auth, Class, Options, Request, TestRegistry};
use jiff::Timestamp;
use serde_json::Value;

const USER: &str = "robot";
const PASSWORD: &str = "correct-horse-battery";

/// The year was pushed in a few seconds: without trust in build dates everything would be new, and stay.
const CONFIG: &str = "
registries:
  - { host: '{host}', expects: [lists], trust-created: true }
usage:
  - { name: lists, kind: file, paths: [in-use.txt] }
limits: { max-share: 100% }
";

/// A registry with a company in it, and a desk to look after it from.
struct World {
    registry: TestRegistry,
    company: Company,
    puller: Puller,
    desk: Desk,
}

impl World {
    async fn start(options: Options) -> Self {
        let logs_in = !matches!(options.auth, Auth::None);
        let registry = TestRegistry::start(options).await.unwrap();
        let desk = Desk::new(&registry.host(), CONFIG);
        let url = registry.url();
        let (pusher, puller) = match logs_in {
            true => {
                desk.log_in(USER, PASSWORD);
                let pusher = Pusher::with_credentials(&url, USER, PASSWORD).unwrap();
                (pusher, Puller::with_credentials(&url, USER, PASSWORD).unwrap())
            }
            false => (Pusher::new(&url).unwrap(), Puller::new(&url).unwrap()),
        };
        let company = Company::year(150, Timestamp::now(), 7);
        company.fill(&pusher, |_, _| ()).await.unwrap();
        let in_use: Vec<String> = company
            .in_use()
            .iter()
            .map(|used| format!("{{host}}/{}", used.image))
            .collect();
        desk.write("in-use.txt", &in_use.join("\n"));
        registry.clear_requests();
        Self {
            registry,
            company,
            puller,
            desk,
        }
    }

    /// Pulls what runs as an engine would; what a node names by its config is pulled by the manifest that has it.
    async fn in_use_pulls_whole(&self) {
        for used in self.company.in_use() {
            let (name, reference) = match used.image.split_once('@') {
                Some((name, digest)) => (name, self.manifest_of(digest)),
                None => {
                    let (name, tag) = used.image.rsplit_once(':').unwrap();
                    (name, tag.to_owned())
                }
            };
            let pulled = self.puller.pull_whole(name, &reference).await;
            pulled.unwrap_or_else(|error| panic!("{} ({}): {error}", used.image, used.used_by));
        }
    }

    fn manifest_of(&self, digest: &str) -> String {
        let manifests = self.company.pushes().iter().flat_map(|push| push.manifest.all());
        let by_config = manifests
            .filter(|manifest| manifest.config_digest.as_deref() == Some(digest))
            .last();
        by_config.map_or_else(|| digest.to_owned(), |manifest| manifest.digest.clone())
    }
}

/// Plans, applies, and compares what is left with what the plan said.
async fn cleans_and_keeps(options: Options) -> World {
    let world = World::start(options).await;
    world.clean().await;
    world
}

impl World {
    async fn clean(&self) -> Value {
        let before = Contents::of(&self.registry);
        let plan = self.desk.plan().await;
        assert_eq!(Contents::of(&self.registry), before, "a plan changes nothing");
        assert!(deletions(&plan).len() > 20, "{}", deletions(&plan).len());
        let report = self.desk.apply(&[]).await.exits(0).json();
        assert_eq!(report["deleted"], deletions(&plan).len());
        assert_eq!(
            Contents::of(&self.registry),
            before.without(&plan),
            "exactly what the plan said"
        );
        self.registry.collect_garbage();
        assert!(kept_pull_whole(&plan, &self.puller).await > 50);
        self.in_use_pulls_whole().await;
        let again = self.desk.plan().await;
        assert_eq!(
            deletions(&again),
            Vec::<String>::new(),
            "a second plan deletes nothing more"
        );
        plan
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn as_distribution_2_8() {
    cleans_and_keeps(Options::default()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_single_tags_can_be_removed_and_lists_have_pages() {
    let options = Options {
        delete_tag: true,
        page_size: Some(7),
        ..Options::default()
    };
    cleans_and_keeps(options).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_an_index_has_to_go_before_its_children() {
    let options = Options {
        refuse_children: true,
        ..Options::default()
    };
    cleans_and_keeps(options).await;
}

/// The extensions belong to the test kit: the plain adapter neither knows nor needs them.
#[tokio::test(flavor = "multi_thread")]
async fn extensions_of_a_product_are_left_alone_by_the_plain_adapter() {
    let options = Options {
        list_untagged: true,
        push_times: true,
        ..Options::default()
    };
    let world = cleans_and_keeps(options).await;
    let asked = world.registry.count("GET", Class::Extension);
    assert_eq!(asked, 0);
}

/// Signatures without a tag are found by their subject: they go along with it, or stay with it.
#[tokio::test(flavor = "multi_thread")]
async fn with_the_referrers_api_signatures_share_the_fate_of_their_subject() {
    let options = Options {
        referrers: true,
        delete_tag: true,
        ..Options::default()
    };
    let world = World::start(options).await;
    let pusher = Pusher::new(&world.registry.url()).unwrap();
    let signed: Vec<_> = world.company.images().step_by(3).collect();
    for push in &signed {
        let signature = sigstore_bundle(&push.manifest, "2026-01-01T00:00:00Z");
        pusher.push_referrer(&push.repository, &signature).await.unwrap();
    }
    world.clean().await;
    let (mut went, mut stayed) = (0, 0);
    for push in &signed {
        let here = world.registry.manifests(&push.repository);
        let signature = sigstore_bundle(&push.manifest, "2026-01-01T00:00:00Z").digest;
        let subject = &push.manifest.digest;
        assert_eq!(
            here.contains(subject),
            here.contains(&signature),
            "{subject} and {signature}"
        );
        *if here.contains(subject) { &mut stayed } else { &mut went } += 1;
    }
    assert!(went > 5 && stayed > 5, "{went} went, {stayed} stayed");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_basic_authentication() {
    let options = Options {
        auth: Auth::Basic {
            user: USER.to_owned(),
            password: PASSWORD.to_owned(),
        },
        ..Options::default()
    };
    let world = cleans_and_keeps(options).await;
    nothing_secret_is_told(&world.desk).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_tokens_that_expire_within_a_second() {
    let world = cleans_and_keeps(with_tokens(Duration::from_secs(1))).await;
    nothing_secret_is_told(&world.desk).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_fetched_once_a_scope_and_asks_for_no_more_than_the_call_needs() {
    let world = World::start(with_tokens(Duration::from_secs(300))).await;
    let repositories = world.registry.repositories().len();
    world.desk.plan().await;
    let scopes = scopes_asked(&world.registry.requests());
    assert_eq!(scopes.len(), repositories + 1, "{scopes:?}");
    for (scope, times) in &scopes {
        assert_eq!(*times, 1, "{scope}");
        let reads = scope.starts_with("repository:") && scope.ends_with(":pull");
        assert!(reads || scope == "registry:catalog:*", "{scope}");
    }
    world.registry.clear_requests();
    world.desk.apply(&[]).await.exits(0);
    let scopes = scopes_asked(&world.registry.requests());
    let (mut reads, mut deletes) = (0, 0);
    for (scope, times) in &scopes {
        assert_eq!(*times, 1, "{scope}");
        // The registry asks for `delete` where the call means `pull,delete`; both in one token are no more.
        let actions: BTreeSet<&str> = scope
            .split(' ')
            .flat_map(|one| one.rsplit(':').next().unwrap().split(','))
            .collect();
        assert!(
            scope.starts_with("repository:") && actions.is_subset(&BTreeSet::from(["pull", "delete"])),
            "{scope}"
        );
        *if actions.contains("delete") {
            &mut deletes
        } else {
            &mut reads
        } += 1;
    }
    assert!(
        (1..=repositories).contains(&deletes) && (1..=repositories).contains(&reads),
        "{scopes:?}"
    );
}

fn with_tokens(expires_in: Duration) -> Options {
    Options {
        auth: Auth::Token {
            user: USER.to_owned(),
            password: PASSWORD.to_owned(),
            expires_in,
            anonymous_pull: false,
        },
        ..Options::default()
    }
}

/// The scopes of the requests at the token endpoint, with how often each was asked for.
fn scopes_asked(requests: &[Request]) -> BTreeMap<String, usize> {
    let mut scopes = BTreeMap::new();
    for request in requests.iter().filter(|request| request.path == "/token") {
        let query = request.query.as_deref().unwrap_or_default();
        let pairs = url::form_urlencoded::parse(query.as_bytes());
        let asked: Vec<String> = pairs
            .filter(|(key, _)| key == "scope")
            .map(|(_, scope)| scope.into_owned())
            .collect();
        *scopes.entry(asked.join(" ")).or_default() += 1;
    }
    scopes
}

/// Neither what is printed, however much, nor what is remembered holds the password in any form.
async fn nothing_secret_is_told(desk: &Desk) {
    use base64::Engine as _;
    let basic = base64::prelude::BASE64_STANDARD.encode(format!("{USER}:{PASSWORD}"));
    desk.log_in(USER, &format!("{PASSWORD}-wrong"));
    let refused = desk.run(&["scan", "--verbose"]).await.exits(5);
    desk.log_in(USER, PASSWORD);
    let told = desk.run(&["scan", "--verbose", "--probe"]).await.exits(0);
    let said = [refused.stdout, refused.stderr, told.stdout, told.stderr].concat();
    let remembered = desk.remembered_bytes();
    assert!(remembered.len() > 10_000);
    for secret in [PASSWORD, &basic] {
        assert!(!said.contains(secret), "{said}");
        assert!(!remembered.windows(secret.len()).any(|bytes| bytes == secret.as_bytes()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_deletes_are_off_everything_is_blocked_and_nothing_lost() {
    let world = World::start(Options {
        delete: false,
        ..Options::default()
    })
    .await;
    let before = Contents::of(&world.registry);
    let plan = world.desk.plan().await;
    let report = world.desk.apply(&[]).await.exits(3).json();
    let actions = plan["actions"].as_array().unwrap().len();
    assert_eq!(
        (&report["blocked"], &report["deleted"], &report["failed"]),
        (&actions.into(), &0.into(), &0.into())
    );
    assert_eq!(Contents::of(&world.registry), before);
    // `run` asks before it plans, so that the plan itself says what cannot be.
    let run = world.desk.run(&["run", "--dry-run", "--output", "json"]).await;
    let probing = world
        .desk
        .run(&["run", "--yes", "--output", "json"])
        .await
        .exits(0)
        .json();
    assert_eq!(probing["actions"].as_array().unwrap().len(), 0);
    assert!(
        run.exits(0).json()["blocked"].as_array().unwrap().is_empty(),
        "a dry run asks nothing harmful, so it does not know"
    );
    assert_eq!(Contents::of(&world.registry), before);
}

/// `scan` and `plan` only read; `scan --probe` and `apply` ask with what nobody has.
#[tokio::test(flavor = "multi_thread")]
async fn reads_send_nothing_that_could_change_anything() {
    let world = World::start(with_tokens(Duration::from_secs(300))).await;
    for reads in [
        &["scan"][..],
        &["plan"],
        &["run", "--dry-run"],
        &["explain", "{host}/shop/web:latest"],
    ] {
        world.desk.run(reads).await.exits(0);
    }
    for request in world.registry.requests() {
        assert!(matches!(request.method.as_str(), "GET" | "HEAD"), "{request:?}");
    }
    world.registry.clear_requests();
    world.desk.run(&["scan", "--probe"]).await.exits(0);
    let deletes: Vec<Request> = world
        .registry
        .requests()
        .into_iter()
        .filter(|request| request.method == "DELETE")
        .collect();
    assert_eq!(deletes.len(), 2 * world.registry.repositories().len());
    for delete in deletes.iter().filter(|delete| delete.status != Some(401)) {
        let reference = delete.path.rsplit('/').next().unwrap();
        assert!(
            reference.starts_with("sha256:") || reference.starts_with("jettison-probe-"),
            "{delete:?}"
        );
        assert!(matches!(delete.status, Some(400 | 404)), "{delete:?}");
    }
}

/// A small world of which every request can be told beforehand.
struct Counted {
    registry: TestRegistry,
    pusher: Pusher,
    desk: Desk,
}

impl Counted {
    /// Three tags, one of them on an index of two children, one on a second name of the first image; four configs.
    async fn start(options: Options) -> Self {
        let registry = TestRegistry::start(options).await.unwrap();
        let pusher = Pusher::new(&registry.url()).unwrap();
        let index = Index::new().children([image(1), image(2)]).build();
        pusher.push("apps/web", &["main-1"], &image(3)).await.unwrap();
        pusher.push("apps/web", &["main-2", "latest"], &image(4)).await.unwrap();
        pusher.push("apps/web", &["v1.0"], &index).await.unwrap();
        let bundle = sigstore_bundle(&index, "2026-01-01T00:00:00Z");
        pusher.push_referrer("apps/web", &bundle).await.unwrap();
        let desk = Desk::new(
            &registry.host(),
            "registries:\n  - { host: '{host}', repositories: [apps/web] }\n",
        );
        Self { registry, pusher, desk }
    }

    /// What one scan asks, by method and kind of call.
    async fn scan(&self) -> BTreeMap<(String, Class), u64> {
        self.registry.clear_requests();
        self.desk.run(&["scan"]).await.exits(0);
        self.registry.counts()
    }

    /// The same without the calls that find out whether there is a referrers API.
    async fn scan_but_for_referrers(&self) -> BTreeMap<(String, Class), u64> {
        let mut counts = self.scan().await;
        let asked = counts.remove(&("GET".to_owned(), Class::Referrers));
        assert!(asked.is_some_and(|asked| asked >= 1));
        counts
    }

    fn manifests_asked(&self, method: &str) -> Vec<String> {
        let requests = self.registry.requests().into_iter();
        let asked = requests.filter(|request| request.method == method && request.path.contains("/manifests/"));
        asked
            .map(|request| request.path.rsplit('/').next().unwrap().to_owned())
            .collect()
    }
}

fn image(seed: u64) -> jettison_testkit::images::Manifest {
    Image::new(seed).created("2026-01-01T00:00:00Z").build()
}

fn counts<const N: usize>(of: [(&str, Class, u64); N]) -> BTreeMap<(String, Class), u64> {
    of.into_iter()
        .map(|(method, class, count)| ((method.to_owned(), class), count))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_fetches_each_manifest_once_and_the_next_one_only_looks() {
    let world = Counted::start(Options::default()).await;
    // Five tags with the fallback tag, two children, the signature.
    let first = world.scan_but_for_referrers().await;
    let expected = [
        ("GET", Class::Tags, 1),
        ("GET", Class::Manifest, 5 + 2 + 1),
        ("GET", Class::Blob, 4),
    ];
    assert_eq!(first, counts(expected), "{:#?}", world.registry.requests());
    let second = world.scan().await;
    assert_eq!(
        second,
        counts([("GET", Class::Tags, 1), ("HEAD", Class::Manifest, 5)]),
        "{:#?}",
        world.registry.requests()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_referrers_api_an_unchanged_repository_costs_no_more() {
    let world = Counted::start(Options {
        referrers: true,
        page_size: Some(2),
        ..Options::default()
    })
    .await;
    let first = world.scan().await;
    let expected = [
        ("GET", Class::Tags, 2),
        ("GET", Class::Manifest, 4 + 2 + 1),
        ("GET", Class::Blob, 4),
        ("GET", Class::Referrers, 6),
    ];
    assert_eq!(first, counts(expected), "{:#?}", world.registry.requests());
    let second = world.scan().await;
    assert_eq!(
        second,
        counts([("GET", Class::Tags, 2), ("HEAD", Class::Manifest, 4)]),
        "{:#?}",
        world.registry.requests()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_that_moved_costs_one_get_more() {
    let world = Counted::start(Options::default()).await;
    world.scan().await;
    let newer = image(5);
    world.pusher.push("apps/web", &["latest"], &newer).await.unwrap();
    let moved = world.scan_but_for_referrers().await;
    let expected = [
        ("GET", Class::Tags, 1),
        ("HEAD", Class::Manifest, 5),
        ("GET", Class::Manifest, 1),
        ("GET", Class::Blob, 1),
    ];
    assert_eq!(moved, counts(expected), "{:#?}", world.registry.requests());
    assert_eq!(world.manifests_asked("GET"), ["latest"]);
    // To a manifest that is known: where it points has to be asked, what that is has not.
    let known = image(3).digest;
    assert!(world.registry.move_tag("apps/web", "latest", &known));
    world.scan().await;
    let asked = world.manifests_asked("GET");
    assert!(asked.len() <= 1, "{asked:?}");
    let inventory = world.desk.run(&["scan", "--output", "json"]).await.exits(0).json();
    let tags = inventory["repositories"][0]["tags"].as_array().unwrap();
    let latest = tags.iter().find(|tag| tag["name"] == "latest").unwrap();
    assert_eq!(text(&latest["digest"]), known);
}
