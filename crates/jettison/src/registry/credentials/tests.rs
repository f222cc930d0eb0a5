//! Login files as Docker and Podman write them, and helpers that behave and misbehave.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::LazyLock;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use tempfile::TempDir;

use super::*;

const HOST: &str = "registry.example.com";

/// All helpers, written once before any of them is started: a program that is open for writing cannot be run.
static HELPERS: LazyLock<TempDir> = LazyLock::new(|| {
    let directory = tempfile::tempdir().unwrap();
    for (name, script) in [
        (
            "good",
            r#"read -r server; echo "{\"ServerURL\":\"$server\",\"Username\":\"helper\",\"Secret\":\"for $server\"}""#,
        ),
        ("token", r#"echo '{"Username":"<token>","Secret":"refresh"}'"#),
        ("empty", "echo 'credentials not found in native keychain'; exit 1"),
        ("broken", "echo 'keychain is locked'; exit 1"),
        ("babbling", "echo 'hunter2 is no JSON'"),
        ("hanging", r#"echo $$ > "$0.pid"; exec sleep 60"#),
        ("flooding", "yes"),
        ("argument", r#"echo "{\"Username\":\"$1\",\"Secret\":\"s\"}""#),
    ] {
        let path = directory.path().join(format!("docker-credential-{name}"));
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    directory
});

fn basic(username: &str, password: &str) -> Credentials {
    Credentials::stored(username.to_owned(), password.to_owned())
}

fn store(host: &str, files: &[PathBuf]) -> CredentialStore {
    CredentialStore {
        host: host.parse().unwrap(),
        given: None,
        files: files.to_vec(),
        helper_timeout: Duration::from_secs(5),
        helper_path: Some(HELPERS.path().to_owned()),
    }
}

async fn find(host: &str, repository: &str, contents: &[&str]) -> Result<Credentials, CredentialError> {
    let directory = tempfile::tempdir().unwrap();
    let write = |(number, content): (usize, &&str)| {
        let path = directory.path().join(number.to_string());
        fs::write(&path, content).unwrap();
        path
    };
    let files: Vec<PathBuf> = contents.iter().enumerate().map(write).collect();
    let store = store(host, &files);
    let repository = (!repository.is_empty()).then(|| repository.parse().unwrap());
    store.load()?.find(repository.as_ref()).await
}

fn auths(keys: &[&str]) -> String {
    let entry = |key: &&str| {
        (
            (*key).to_owned(),
            serde_json::json!({"auth": BASE64_STANDARD.encode(format!("{key}:secret"))}),
        )
    };
    let entries: serde_json::Map<String, serde_json::Value> = keys.iter().map(entry).collect();
    serde_json::json!({ "auths": entries }).to_string()
}

/// Which key of a file with these keys is taken, told by its user name (up to the first colon).
async fn taken(host: &str, repository: &str, keys: &[&str]) -> Option<String> {
    match find(host, repository, &[&auths(keys)]).await.unwrap() {
        Credentials::Password { username, password } => Some(format!("{username}:{}", password.expose())),
        _ => None,
    }
}

#[tokio::test]
async fn entries_match_the_host_as_docker_and_podman_write_it() {
    for (host, repository, keys, expected) in [
        (HOST, "", vec![HOST], Some(HOST)),
        (HOST, "", vec!["Registry.Example.COM"], Some("Registry.Example.COM")),
        (
            HOST,
            "",
            vec!["https://registry.example.com"],
            Some("https://registry.example.com"),
        ),
        (
            HOST,
            "",
            vec!["https://registry.example.com/v1/"],
            Some("https://registry.example.com/v1/"),
        ),
        (
            HOST,
            "",
            vec!["registry.example.com/v2/"],
            Some("registry.example.com/v2/"),
        ),
        (
            HOST,
            "",
            vec!["other.example.com", "example.com", "registry.example.com.evil.net"],
            None,
        ),
        (HOST, "", vec!["registry.example.com:5000"], None),
        ("registry.example.com:5000", "", vec![HOST], None),
        (
            "registry.example.com:5000",
            "",
            vec!["registry.example.com:5000"],
            Some("registry.example.com:5000"),
        ),
        (
            "docker.io",
            "",
            vec!["https://index.docker.io/v1/"],
            Some("https://index.docker.io/v1/"),
        ),
        ("docker.io", "", vec!["docker.io"], Some("docker.io")),
        (HOST, "", vec!["https://index.docker.io/v1/"], None),
        // Podman's parts of a registry.
        (
            HOST,
            "apps/web",
            vec![HOST, "registry.example.com/apps"],
            Some("registry.example.com/apps"),
        ),
        (
            HOST,
            "apps/web",
            vec![HOST, "registry.example.com/apps/web"],
            Some("registry.example.com/apps/web"),
        ),
        (HOST, "apps/web", vec![HOST, "registry.example.com/ap"], Some(HOST)),
        (
            HOST,
            "appsmith/web",
            vec![HOST, "registry.example.com/apps"],
            Some(HOST),
        ),
        (HOST, "apps/web", vec!["registry.example.com/other"], None),
        (HOST, "", vec!["registry.example.com/apps"], None),
    ] {
        let found = taken(host, repository, &keys).await;
        assert_eq!(
            found,
            expected.map(|key| format!("{key}:secret")),
            "{host} {repository} {keys:?}"
        );
    }
}

#[tokio::test]
async fn entries_are_read_in_all_their_forms() {
    for (entry, expected) in [
        (r#"{"auth":"bWU6aHVudGVyMg=="}"#, basic("me", "hunter2")),
        (r#"{"auth":"bWU6aHVudGVyMg"}"#, basic("me", "hunter2")),
        (r#"{"auth":"bWU6YTpi"}"#, basic("me", "a:b")),
        (r#"{"username":"me","password":"hunter2"}"#, basic("me", "hunter2")),
        (
            r#"{"auth":"bWU6","identitytoken":"refresh"}"#,
            Credentials::IdentityToken {
                username: "me".to_owned(),
                token: Secret::new("refresh"),
            },
        ),
        ("{}", Credentials::Anonymous),
        ("null", Credentials::Anonymous),
    ] {
        let file = format!(r#"{{"auths":{{"{HOST}":{entry}}},"other":[1]}}"#);
        assert_eq!(find(HOST, "", &[&file]).await.unwrap(), expected, "{entry}");
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_an_error_without_its_secrets() {
    let of_auth = |auth: &str| format!(r#"{{"auths":{{"{HOST}":{{"auth":"{auth}"}}}}}}"#);
    let broken = [
        "{ \"auths\": hunter2".to_owned(),
        r#"{"auths":{"x":"hunter2"}}"#.to_owned(),
        of_auth("hunter2!"),
        of_auth("aHVudGVyMg=="),
        of_auth("////"),
    ];
    for content in &broken {
        let error = find(HOST, "", &[content]).await.unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
    }
    let missing = store(HOST, &[PathBuf::from("/nonexistent/config.json")]);
    assert_eq!(missing.load().unwrap().find(None).await, Ok(Credentials::Anonymous));
    let directory = tempfile::tempdir().unwrap();
    assert!(
        store(HOST, &[directory.path().to_owned()]).load().is_err(),
        "a directory is no login file"
    );
}

#[tokio::test]
async fn the_helper_of_the_host_comes_first_then_that_of_all_then_the_entries() {
    let entries = format!(r#""auths":{{"{HOST}":{{"username":"entry","password":"s"}}}}"#);
    let helped = basic("helper", "for registry.example.com");
    for (content, expected) in [
        (
            format!(r#"{{"credHelpers":{{"{HOST}":"good"}},"credsStore":"token",{entries}}}"#),
            helped.clone(),
        ),
        (
            format!(r#"{{"credHelpers":{{"other":"token"}},"credsStore":"good",{entries}}}"#),
            helped.clone(),
        ),
        (
            format!(r#"{{"credHelpers":{{"{HOST}":"empty"}},"credsStore":"good",{entries}}}"#),
            helped,
        ),
        (
            format!(r#"{{"credHelpers":{{"{HOST}":"empty"}},{entries}}}"#),
            basic("entry", "s"),
        ),
        (r#"{"credsStore":"empty"}"#.to_owned(), Credentials::Anonymous),
        (r#"{"credsStore":"argument"}"#.to_owned(), basic("get", "s")),
        (r#"{"credsStore":"token"}"#.to_owned(), basic("<token>", "refresh")),
    ] {
        assert_eq!(find(HOST, "", &[&content]).await.unwrap(), expected, "{content}");
    }
    let hub = find("docker.io", "", &[r#"{"credsStore":"good"}"#]).await.unwrap();
    assert_eq!(hub, basic("helper", "for https://index.docker.io/v1/"));
}

#[tokio::test]
async fn the_first_file_with_credentials_wins() {
    let entry = |user: &str| format!(r#"{{"auths":{{"{HOST}":{{"username":"{user}","password":"s"}}}}}}"#);
    let found = find(HOST, "", &["{}", &entry("first"), &entry("second")])
        .await
        .unwrap();
    assert_eq!(found, basic("first", "s"));
}

#[tokio::test]
async fn a_helper_that_fails_is_an_error_not_anonymous() {
    for (name, said) in [
        ("broken", "keychain is locked"),
        ("babbling", "something other than JSON"),
        ("flooding", "more than 65536 bytes"),
        ("absent", "cannot be started"),
        ("../bad", "a name that no helper has"),
        ("Bad", "a name that no helper has"),
        ("a b", "a name that no helper has"),
    ] {
        let error = find(HOST, "", &[&format!(r#"{{"credsStore":"{name}"}}"#)])
            .await
            .unwrap_err()
            .to_string();
        assert!(error.contains(said), "{name}: {error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
}

#[tokio::test]
async fn a_helper_that_hangs_is_given_up() {
    let helper = helper::Helper {
        name: "hanging",
        path: Some(HELPERS.path()),
    };
    let began = std::time::Instant::now();
    // On a busy machine it may be given up before it has said which process it is: that question says nothing.
    let process = loop {
        let error = helper.get(HOST, Duration::from_millis(500)).await.unwrap_err();
        assert!(error.to_string().contains("did not answer within"), "{error}");
        assert!(began.elapsed() < Duration::from_secs(30));
        let process = fs::read_to_string(HELPERS.path().join("docker-credential-hanging.pid"));
        if let Ok(process) = process.as_deref().map(str::trim).map(str::to_owned)
            && !process.is_empty()
        {
            break process;
        }
    };
    let runs = || {
        let status = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        !status.is_empty() && !status.contains(") Z ")
    };
    while runs() {
        assert!(
            began.elapsed() < Duration::from_secs(50),
            "the helper outlives the question"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn given_credentials_ask_nobody_else() {
    let mut given = store(HOST, &[PathBuf::from("/dev/null")]);
    given.given = Some(basic("me", "hunter2"));
    assert_eq!(given.load().unwrap().find(None).await, Ok(basic("me", "hunter2")));
    assert!(!format!("{given:?}").contains("hunter2"));
}

#[test]
fn the_usual_files_follow_the_environment() {
    for (variables, expected) in [
        (vec![], vec![]),
        (vec![("HOME", "/h")], vec!["/h/.docker/config.json"]),
        (vec![("HOME", "/h"), ("DOCKER_CONFIG", "/d")], vec!["/d/config.json"]),
        (
            vec![
                ("HOME", "/h"),
                ("XDG_RUNTIME_DIR", "/run/u"),
                ("REGISTRY_AUTH_FILE", "/a.json"),
            ],
            vec!["/a.json", "/h/.docker/config.json", "/run/u/containers/auth.json"],
        ),
    ] {
        let value = |name: &str| {
            variables
                .iter()
                .find(|(have, _)| *have == name)
                .map(|(_, value)| PathBuf::from(value))
        };
        assert_eq!(
            usual_files(value),
            expected.iter().map(PathBuf::from).collect::<Vec<_>>()
        );
    }
}
