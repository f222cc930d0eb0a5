//! A registry that is an enemy: it costs bounded memory and time, gets no login, and never reaches the terminal.

use std::time::Duration;

use jettison::registry::{Limits, MAX_MANIFEST_BYTES};
use jettison_core::model::Inventory;
use jettison_testkit::enemy::{Asked, Enemy, Said};
use jettison_testkit::sha256;

use crate::common::desk::Desk;
use crate::scanner::{PASSWORD, Scanner, gaps, repository};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = r#"{"architecture":"amd64","os":"linux","created":"2024-01-01T00:00:00Z"}"#;

/// More than any limit here (8 MiB) and the buffers in between, and far less than an endless answer.
const A_FEW_MEGABYTES: u64 = 32 << 20;

fn json(body: impl Into<Vec<u8>>) -> Said {
    Said::whole(200, &[("content-type", "application/json")], body)
}

fn manifest(media_type: &str, body: impl Into<Vec<u8>>) -> Said {
    Said::whole(200, &[("content-type", media_type)], body)
}

fn image(more: &str) -> String {
    let config = sha256(CONFIG.as_bytes());
    format!(
        r#"{{"schemaVersion":2,"mediaType":"{MANIFEST}","config":{{"mediaType":"application/vnd.oci.image.config.v1+json",
        "digest":"{config}","size":10}},"layers":[]{more}}}"#
    )
}

fn index(children: &[String]) -> String {
    let child = |digest: &String| format!(r#"{{"mediaType":"{INDEX}","digest":"{digest}","size":1}}"#);
    let children: Vec<String> = children.iter().map(child).collect();
    format!(
        r#"{{"schemaVersion":2,"mediaType":"{INDEX}","manifests":[{}]}}"#,
        children.join(",")
    )
}

fn no_manifest() -> Said {
    Said::whole(404, &[], r#"{"errors":[{"code":"MANIFEST_UNKNOWN"}]}"#)
}

/// A registry with one repository `a/b`, one tag `t` and one image, that takes no offence.
fn honest(asked: &Asked) -> Said {
    match asked.target.split('?').next().unwrap() {
        "/v2/_catalog" => json(r#"{"repositories":["a/b"]}"#),
        "/v2/a/b/tags/list" => json(r#"{"tags":["t"]}"#),
        "/v2/a/b/manifests/t" => manifest(MANIFEST, image("")),
        path if path.starts_with("/v2/a/b/blobs/") => Said::whole(200, &[], CONFIG),
        _ => no_manifest(),
    }
}

/// An honest registry but for one path.
async fn but_for(path: &'static str, said: Said) -> Enemy {
    let say = move |asked: &Asked| {
        if asked.target.starts_with(path) {
            said.clone()
        } else {
            honest(asked)
        }
    };
    Enemy::start(say).await.unwrap()
}

async fn scanned(enemy: &Enemy) -> Inventory {
    Scanner::of(&enemy.host()).await.scan(&["**"]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_honest_registry_is_read_whole() {
    let enemy = Enemy::start(honest).await.unwrap();
    let inventory = scanned(&enemy).await;
    assert_eq!(gaps(&inventory), "");
    assert_eq!(repository(&inventory, "a/b").manifests.len(), 1);
}

/// Gigabytes of JSON: each kind of answer has its limit, and is not asked for again.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_end_is_cut_at_its_limit() {
    let endless = |first, rest| Said::endless(200, &[("content-type", "application/json")], first, rest);
    let refused = |first, rest| Said::endless(403, &[], first, rest);
    let unknown = |first, rest| Said::endless(404, &[], first, rest);
    for (path, said, says) in [
        (
            "/v2/_catalog",
            endless("{\"repositories\":[\"a\"", ",\"a\""),
            "longer than",
        ),
        (
            "/v2/a/b/tags/list",
            endless("{\"tags\":[\"t\"", ",\"t\""),
            "longer than",
        ),
        ("/v2/a/b/tags/list", endless("", " "), "longer than"),
        ("/v2/a/b/manifests/t", endless("{\"layers\":[{}", ",{}"), "longer than"),
        ("/v2/a/b/blobs/", endless("{\"config\":{", "\"x\":1,"), "longer than"),
        ("/v2/a/b/tags/list", refused("{\"errors\":[", "{},"), "403"),
        ("/v2/a/b/manifests/t", unknown("{\"errors\":[", "{},"), "404"),
        ("/v2/_catalog", Said::header_flood(), "could not list the repositories"),
    ] {
        let enemy = but_for(path, said).await;
        let said = gaps(&scanned(&enemy).await);
        assert!(said.contains(says), "{path}: `{says}` is not in {said}");
        assert!(said.len() < 5000, "{path}: a message of {} bytes", said.len());
        // A flood of headers is a failure of the connection, which is tried again.
        let asked = enemy
            .asked()
            .iter()
            .filter(|asked| asked.target.starts_with(path))
            .count();
        assert!(asked <= 5, "{path}: asked {asked} times");
        assert!(
            enemy.sent() < A_FEW_MEGABYTES * asked as u64,
            "{path}: took {} bytes",
            enemy.sent()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_without_end_is_cut_at_its_limit() {
    let enemy = Enemy::start(|asked| match &asked.target {
        target if target.starts_with("/token") => Said::endless(200, &[], "{\"token\":\"", "x"),
        _ => Said::whole(401, &[("www-authenticate", "Bearer realm=\"/token\"")], ""),
    })
    .await
    .unwrap();
    let said = gaps(&scanned(&enemy).await);
    assert!(said.contains("longer than 1048576 bytes"), "{said}");
    assert!(enemy.sent() < A_FEW_MEGABYTES && said.len() < 5000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_without_end_has_a_last_page() {
    let link = |target: &str| format!("<{target}>; rel=\"next\"");
    for (next, says) in [
        (link("/v2/a/b/tags/list?page=X"), "beyond 20 pages"),
        (link("/v2/a/b/tags/list?n=1000"), "turns in circles"),
        (
            link(&format!("/v2/a/b/tags/list?page=X{}", "x".repeat(20_000))),
            "too long",
        ),
        (
            link("http://127.0.0.2:1/v2/a/b/tags/list?page=X"),
            "its next page is at http://127.0.0.2:1",
        ),
        (
            link("http://robot:pw@HOST/v2/a/b/tags/list?page=X"),
            "holds credentials",
        ),
        ("<nonsense".to_owned(), "not readable"),
    ] {
        let turn = std::sync::atomic::AtomicUsize::new(0);
        let written = next.clone();
        let enemy = Enemy::start(move |asked| {
            if !asked.target.starts_with("/v2/a/b/tags/list") {
                return honest(asked);
            }
            let turn = turn.fetch_add(1, std::sync::atomic::Ordering::Relaxed).to_string();
            let next = written.replace('X', &turn);
            let body = format!("{{\"tags\":[\"t{turn}\"]}}");
            Said::whole(200, &[("content-type", "application/json"), ("link", &next)], body)
        })
        .await
        .unwrap();
        let said = gaps(&scanned(&enemy).await).replace(&enemy.host(), "HOST");
        let says = says.replace("HOST", &enemy.host());
        // `HOST` in a link stands for itself: another host, or the text of one.
        assert!(
            said.contains(&says) || (next.contains("@HOST") && said.contains("its next page is at")),
            "{next:.60}: {said}"
        );
        assert!(
            enemy.asked().len() <= 25,
            "{next:.60}: {} requests",
            enemy.asked().len()
        );
    }
}

/// Nothing piles up that nobody will take: a listing ends at the first name that is none.
#[tokio::test(flavor = "multi_thread")]
async fn a_listing_ends_at_its_first_illegal_name() {
    let next = ("link", "</v2/a/b/tags/list?page=2>; rel=\"next\"");
    let page = Said::whole(
        200,
        &[("content-type", "application/json"), next],
        r#"{"tags":["no tag"]}"#,
    );
    let enemy = but_for("/v2/a/b/tags/list", page).await;
    let said = gaps(&scanned(&enemy).await);
    assert!(said.contains("it lists `no tag`"), "{said}");
    assert_eq!(enemy.asked().len(), 2);
}

/// Nesting, in JSON and of indexes, costs neither the stack nor a thousand rounds.
#[tokio::test(flavor = "multi_thread")]
async fn depth_is_no_way_in() {
    let deep = "[".repeat(200_000);
    for (path, said) in [
        ("/v2/a/b/tags/list", json(format!("{{\"tags\":{deep}"))),
        ("/v2/_catalog", json(format!("{{\"x\":{deep}"))),
        (
            "/v2/a/b/manifests/t",
            manifest(MANIFEST, format!("{{\"layers\":{deep}")),
        ),
        (
            "/v2/a/b/blobs/",
            Said::whole(200, &[], CONFIG.replace("\"amd64\"", &deep)),
        ),
    ] {
        let enemy = but_for(path, said).await;
        let said = gaps(&scanned(&enemy).await);
        assert!(!said.is_empty() && said.len() < 5000, "{path}: {said}");
    }
    let mut chain = vec![index(&[])];
    for depth in 0..1000 {
        chain.push(index(&[sha256(chain[depth].as_bytes())]));
    }
    let top = chain.pop().unwrap();
    let by_digest: std::collections::BTreeMap<String, String> =
        chain.into_iter().map(|text| (sha256(text.as_bytes()), text)).collect();
    let enemy = Enemy::start(move |asked| match asked.target.strip_prefix("/v2/a/b/manifests/") {
        Some("t") => manifest(INDEX, top.clone()),
        Some(digest) => by_digest
            .get(digest)
            .map_or_else(no_manifest, |text| manifest(INDEX, text.clone())),
        None => honest(asked),
    })
    .await
    .unwrap();
    let said = gaps(&scanned(&enemy).await);
    assert!(said.contains("after 32 rounds"), "{said}");
    assert!(enemy.asked().len() < 100, "{} requests", enemy.asked().len());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_with_more_children_than_any_is_not_read() {
    let children: Vec<String> = (0..20_000).map(|number: u32| sha256(&number.to_be_bytes())).collect();
    let enemy = but_for("/v2/a/b/manifests/t", manifest(INDEX, index(&children))).await;
    let mut scanner = Scanner::of(&enemy.host()).await;
    scanner.connection.limits.manifest_bytes = MAX_MANIFEST_BYTES;
    let said = gaps(&scanner.scan(&["**"]).await);
    assert!(said.contains("it lists 20000 manifests"), "{said}");
    assert!(enemy.asked().len() < 20);
}

/// Sixty manifests with a hundred kilobytes of annotations, or with one config of as many labels: what is kept in
/// memory has a bound for the whole registry.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_larger_than_the_ordinary_is_rationed() {
    const TAGS: usize = 60;
    let padding = "x".repeat(100_000);
    let config = CONFIG.replace(
        "\"os\"",
        &format!("\"config\":{{\"Labels\":{{\"x\":\"{padding}\"}}}},\"os\""),
    );
    let with_labels = image("").replace(&sha256(CONFIG.as_bytes()), &sha256(config.as_bytes()));
    for (padded, says) in [
        (true, "too large to be kept in memory"),
        (false, "the labels of sha256:"),
    ] {
        let (padding, config, with_labels) = (padding.clone(), config.clone(), with_labels.clone());
        let enemy = Enemy::start(move |asked| {
            let path = asked.target.split('?').next().unwrap();
            if path == "/v2/a/b/tags/list" {
                let tags: Vec<String> = (0..TAGS).map(|number| format!("\"t{number}\"")).collect();
                return json(format!("{{\"tags\":[{}]}}", tags.join(",")));
            }
            match path.strip_prefix("/v2/a/b/manifests/") {
                Some(tag) if tag.starts_with('t') => {
                    let padding = if padded { padding.as_str() } else { "" };
                    let more = format!(r#","annotations":{{"tag":"{tag}","x":"{padding}"}}}}"#);
                    let body = if padded { image("") } else { with_labels.clone() };
                    manifest(MANIFEST, format!("{}{more}", body.strip_suffix('}').unwrap()))
                }
                None if path.starts_with("/v2/a/b/blobs/") && !padded => Said::whole(200, &[], config.clone()),
                _ => honest(asked),
            }
        })
        .await
        .unwrap();
        let mut scanner = Scanner::of(&enemy.host()).await;
        let whole = scanner.scan(&["**"]).await;
        assert_eq!(gaps(&whole), "");
        assert_eq!(repository(&whole, "a/b").manifests.len(), TAGS);
        scanner = Scanner::of(&enemy.host()).await;
        scanner.limits.excess_bytes = 1_000_000;
        let inventory = scanner.scan(&["**"]).await;
        let said = gaps(&inventory);
        assert!(said.contains(says), "{said}");
        let kept = repository(&inventory, "a/b").manifests.iter();
        let bytes = |manifest: &jettison_core::model::Manifest| {
            let texts = manifest.labels.values().chain(manifest.annotations.values());
            texts.map(String::len).sum::<usize>()
        };
        let kept: usize = kept.map(bytes).sum();
        assert!((500_000..2_000_000).contains(&kept), "{kept} bytes");
    }
}

/// Bodies are taken as they are: what unfolds on reading is not unfolded.
#[tokio::test(flavor = "multi_thread")]
async fn compressed_answers_are_not_unfolded() {
    const GZIP: [u8; 34] = [
        0x1f, 0x8b, 0x8, 0x0, 0x0, 0x0, 0x0, 0x0, 0x2, 0x3, 0xab, 0x56, 0x2a, 0x49, 0x4c, 0x2f, 0x56, 0xb2, 0x8a, 0x56,
        0x2a, 0x51, 0x8a, 0xad, 0x5, 0x0, 0x1, 0x8c, 0xf0, 0x7f, 0xe, 0x0, 0x0, 0x0,
    ];
    let said = Said::whole(
        200,
        &[("content-type", "application/json"), ("content-encoding", "gzip")],
        GZIP,
    );
    let enemy = but_for("/v2/a/b/tags/list", said).await;
    let said = gaps(&scanned(&enemy).await);
    assert!(said.contains("a page is not in its form"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_drips_or_redirects_for_ever_is_given_up() {
    let onwards = |asked: &Asked| Said::whole(302, &[("location", &format!("{}x", asked.target))], "");
    let redirecting = Enemy::start(onwards).await.unwrap();
    let said = gaps(&scanned(&redirecting).await);
    assert!(said.contains("more than 5 redirects"), "{said}");
    assert_eq!(redirecting.asked().len(), 6);
    for said in [Said::drip(Duration::from_millis(50)), Said::silence()] {
        let slow = Enemy::start(move |_| said.clone()).await.unwrap();
        let said = gaps(&scanned(&slow).await);
        assert!(said.contains("timed out"), "{said}");
        assert!(slow.asked().len() <= 2, "{:?}", slow.asked());
    }
}

/// Whatever a registry names as the place to go to, the login stays.
#[tokio::test(flavor = "multi_thread")]
async fn no_login_leaves_by_redirect_link_or_challenge() {
    let thief = || async {
        Enemy::start(|_| Said::whole(401, &[("www-authenticate", "Basic realm=\"yours\"")], ""))
            .await
            .unwrap()
    };
    let login = "www-authenticate";
    for way in [
        "redirect",
        "token redirect",
        "link",
        "realm",
        "realm with a user",
        "downgrade",
    ] {
        let thief = thief().await;
        let there = thief.url("/v2/_catalog");
        let enemy = Enemy::start(move |asked| match (way, &asked.authorization) {
            ("redirect", Some(_)) => Said::whole(307, &[("location", &there)], ""),
            ("link", Some(_)) => {
                let next = format!("<{there}>; rel=next");
                Said::whole(200, &[("link", &next)], r#"{"repositories":["a/b"]}"#)
            }
            ("token redirect", _) if asked.target.starts_with("/token") => {
                Said::whole(307, &[("location", &there)], "")
            }
            ("token redirect", _) => Said::whole(401, &[(login, "Bearer realm=\"/token\"")], ""),
            // A name that is not of this machine: whatever it stands for, it is not asked.
            ("realm", _) => Said::whole(401, &[(login, "Bearer realm=\"http://thief.invalid/token\"")], ""),
            ("realm with a user", _) => {
                let realm = format!("Bearer realm=\"{}\"", there.replace("//", "//a:b@"));
                Said::whole(401, &[(login, &realm)], "")
            }
            ("downgrade", Some(_)) => Said::whole(307, &[("location", "http://thief.invalid/v2/_catalog")], ""),
            _ => Said::whole(401, &[(login, "Basic realm=\"own\"")], ""),
        })
        .await
        .unwrap();
        let said = gaps(&scanned(&enemy).await);
        assert!(!said.is_empty(), "{way}");
        let leaked = thief.asked().into_iter().find(|asked| asked.authorization.is_some());
        assert_eq!(leaked, None, "{way}");
        assert!(!said.contains(PASSWORD) && !said.contains("a:b"), "{way}: {said}");
        assert!(thief.asked().len() <= 2 && enemy.asked().len() <= 6, "{way}");
        let followed = !matches!(way, "realm" | "realm with a user" | "downgrade" | "link");
        assert_eq!(!thief.asked().is_empty(), followed, "{way}");
    }
}

/// What moves a cursor, colours, hides or turns a line around, in every text that a registry can send.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_steers_a_terminal_gets_to_one() {
    const STRANGE: &str = r"\u001b[2J\u001b]0;owned\u0007\r\u009b31m\u202egnp\u200f\u2066";
    let strange: String = serde_json::from_str(&format!("\"{STRANGE}\"")).unwrap();
    let type_of = format!(r#"{{"schemaVersion":2,"mediaType":"{STRANGE}","layers":[]}}"#);
    let labels = format!("\"config\":{{\"Labels\":{{\"team\":\"{STRANGE}\",\"{STRANGE}\":\"x\"}}}},\"os\"");
    let config = CONFIG.replace("\"os\"", &labels);
    let labelled = image("").replace(&sha256(CONFIG.as_bytes()), &sha256(config.as_bytes()));
    let error = format!(r#"{{"errors":[{{"code":"DENIED{STRANGE}","message":"{STRANGE}"}}]}}"#);
    let header = "\u{202e}gnp\u{9b}31m";
    for (path, said) in [
        ("/v2/a/b/tags/list", json(format!(r#"{{"tags":["{STRANGE}"]}}"#))),
        ("/v2/_catalog", json(format!(r#"{{"repositories":["{STRANGE}"]}}"#))),
        ("/v2/a/b/tags/list", Said::whole(403, &[], error.clone())),
        ("/v2/a/b/tags/list", Said::whole(429, &[("retry-after", header)], error)),
        (
            "/v2/a/b/tags/list",
            Said::whole(401, &[("www-authenticate", header)], ""),
        ),
        ("/v2/a/b/manifests/t", manifest(MANIFEST, type_of.clone())),
        ("/v2/a/b/manifests/t", manifest("", type_of)),
        (
            "/v2/a/b/manifests/t",
            manifest(MANIFEST, format!(r#"{{"layers":"{STRANGE}"}}"#)),
        ),
        ("/v2/a/b/manifests/t", manifest(MANIFEST, labelled)),
    ] {
        let configs = config.clone();
        let enemy = Enemy::start(move |asked| match &asked.target {
            target if target.starts_with(path) => said.clone(),
            target if target.starts_with("/v2/a/b/blobs/") => Said::whole(200, &[], configs.clone()),
            _ => honest(asked),
        })
        .await
        .unwrap();
        let desk = Desk::new(&enemy.host(), GROUPED);
        for line in [
            &["scan"][..],
            &["scan", "--output", "json"],
            &["plan", "--verbose"],
            &["plan", "--output", "json"],
            &["explain", "{host}/a/b:t"],
            &["explain", "{host}/a/b:t", "--output", "json"],
        ] {
            let ended = desk.run(line).await;
            let said = [ended.stdout, ended.stderr].concat();
            assert!(!said.is_empty() && ended.code < 10, "{path} {line:?}: {said}");
            let found = said.chars().find(|c| steers(*c));
            assert_eq!(found, None, "{path} {line:?}: {said:?}");
            assert!(!said.contains(&strange), "{path} {line:?}: {said:?}");
        }
    }
}

/// Each label a group of its own, and in a reason of the plan.
const GROUPED: &str = "
registries: [{ host: '{host}', expects: none, trust-created: true }]
policies:
  - name: p
    rules: [{ name: r, match: { labels: { team: '*' } }, group-by: { label: team }, expire: { beyond-newest: 0 } }]
";

/// A second opinion on what is safe to show: anything invisible or of another direction, but for line ends.
fn steers(c: char) -> bool {
    (c.is_control() && c != '\n')
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The bounds that hold where nobody says otherwise; `docs/registries.md` tells them to users.
#[test]
fn the_bounds_are_those_that_are_documented() {
    let limits = Limits::default();
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/registries.md")).unwrap();
    for text in [
        format!("{} pages", limits.pages),
        format!("{} million names", limits.items / 1_000_000),
        format!("{} MiB", limits.listing_bytes >> 20),
        format!("{} MiB", limits.page_bytes >> 20),
        format!("{} MiB", limits.manifest_bytes >> 20),
        format!("{} minutes", limits.pause_total.as_secs() / 60),
        format!("{} s", limits.idle_timeout.as_secs()),
        format!("{} s", limits.left_alone.as_secs()),
        format!("{} hours", jettison::scan::ScanLimits::default().time.as_secs() / 3600),
        format!("{} MiB", jettison::scan::ScanLimits::default().excess_bytes >> 20),
    ] {
        assert!(page.contains(&text), "docs/registries.md does not say `{text}`");
    }
}
