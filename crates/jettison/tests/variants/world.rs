//! A registry with a company in it, cleaned with the program itself.

use std::collections::BTreeMap;
use std::time::Duration;

use jettison_testkit::company::Company;
use jettison_testkit::pull::Puller;
use jettison_testkit::push::Pusher;
use jettison_testkit::registry::{Auth, Options, Request, TestRegistry};
use jiff::Timestamp;

use crate::common::contents::{Contents, deletions, kept_pull_whole};
use crate::common::desk::Desk;

pub(crate) const USER: &str = "robot";
pub(crate) const PASSWORD: &str = "correct-horse-battery";

/// The year was pushed in a few seconds: without trust in build dates everything would be new, and stay.
pub(crate) const CONFIG: &str = "
registries:
  - { host: '{host}', expects: [lists], trust-created: true }
usage:
  - { name: lists, kind: file, paths: [in-use.txt] }
limits: { max-share: 100% }
";

/// A registry with a company in it, and a desk to look after it from.
pub(crate) struct World {
    pub(crate) registry: TestRegistry,
    pub(crate) company: Company,
    pub(crate) puller: Puller,
    pub(crate) desk: Desk,
}

impl World {
    pub(crate) async fn start(options: Options) -> Self {
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
    pub(crate) async fn in_use_pulls_whole(&self) {
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

    pub(crate) fn manifest_of(&self, digest: &str) -> String {
        let manifests = self.company.pushes().iter().flat_map(|push| push.manifest.all());
        let by_config = manifests
            .filter(|manifest| manifest.config_digest.as_deref() == Some(digest))
            .last();
        by_config.map_or_else(|| digest.to_owned(), |manifest| manifest.digest.clone())
    }
}

/// Plans, applies, and compares what is left with what the plan said.
pub(crate) async fn cleans_and_keeps(options: Options) -> World {
    let world = World::start(options).await;
    world.clean().await;
    world
}

impl World {
    pub(crate) async fn clean(&self) {
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
    }
}

pub(crate) fn with_tokens(expires_in: Duration) -> Options {
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
pub(crate) fn scopes_asked(requests: &[Request]) -> BTreeMap<String, usize> {
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
pub(crate) async fn nothing_secret_is_told(desk: &Desk) {
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
