//! `jettison aws setup` against an AWS in this process: what it prints, whom it excludes, and how it fails.

use aws_credential_types::Credentials as Key;
use jettison::aws::AwsConnection;
use jettison_core::config::AwsAccess;
use jettison_testkit::aws::{Credentials, Effect, Fault, Policy, TestAws};
use serde_json::Value;

use crate::forms::Forms;
use crate::pages::page;
use crate::place::{Place, Said};

pub(crate) const ACCOUNT: &str = "123456789012";
pub(crate) const REGION: &str = "eu-central-1";
pub(crate) const ROLE: &str = "arn:aws:iam::123456789012:role/jettison";

/// Two registries of one account, and what runs there.
const CONFIG: &str = "
registries:
  - { host: 123456789012.dkr.ecr.eu-central-1.amazonaws.com, repositories: ['apps/**'] }
  - { host: 123456789012.dkr.ecr.us-east-1.amazonaws.com, repositories: ['apps/**', '!apps/old/**'] }
usage:
  - { name: aws, kind: aws, account: '123456789012', regions: [eu-central-1, us-east-1] }
";

/// The same account, reached as `how` says.
fn with(config: &str, how: &str) -> String {
    let (host, usage) = ("amazonaws.com, ", "kind: aws, ");
    let config = config.replace(host, &format!("{host}aws: {{ {how} }}, "));
    config.replace(usage, &format!("{usage}{how}, "))
}

/// The same account, where jettison takes a role on.
fn with_role(config: &str) -> String {
    with(config, &format!("role-arn: '{ROLE}'"))
}

/// An account with somebody who is logged in, and a folder to call from.
pub(crate) struct Scene {
    pub(crate) aws: TestAws,
    pub(crate) place: Place,
    pub(crate) login: Credentials,
}

impl Scene {
    pub(crate) async fn new(config: &str) -> Self {
        let aws = TestAws::start().await.unwrap();
        let login = aws.user(ACCOUNT, "ci", Policy::everything());
        let place = Place::empty();
        place.write("jettison.yaml", config);
        Self { aws, place, login }
    }

    fn call(&self, words: &[&str]) -> Said {
        self.call_as(&self.login, words)
    }

    fn call_as(&self, login: &Credentials, words: &[&str]) -> Said {
        self.program_as(login, &[&["aws", "setup"], words].concat())
    }

    /// Calls any command as somebody.
    pub(crate) fn program_as(&self, login: &Credentials, words: &[&str]) -> Said {
        let environment = self.aws.environment(login, REGION);
        let environment: Vec<_> = environment.iter().map(|(key, value)| (*key, value.as_str())).collect();
        self.place.call_with(words, &environment)
    }

    /// A session of a role.
    async fn session(&self, role: &str) -> Credentials {
        let mut connection = AwsConnection::new(AwsAccess {
            endpoint: Some(self.aws.url()),
            ..AwsAccess::default()
        });
        let key = Key::new(
            &self.login.access_key_id,
            &self.login.secret_access_key,
            None,
            None,
            "test",
        );
        connection.credentials = Some(key);
        let sts = aws_sdk_sts::Client::new(&connection.open(REGION).await);
        let taken_on = sts.assume_role().role_arn(role).role_session_name("run").send();
        let given = taken_on.await.unwrap().credentials.unwrap();
        Credentials {
            access_key_id: given.access_key_id,
            secret_access_key: given.secret_access_key,
            session_token: Some(given.session_token),
        }
    }

    /// Who is excluded in each region.
    fn excluded(&self) -> [Vec<String>; 2] {
        [REGION, "us-east-1"].map(|region| self.aws.ecr(ACCOUNT, region).exclusions())
    }
}

pub(crate) fn json<'w>(words: &[&'w str]) -> Vec<&'w str> {
    [words, &["--output", "json"]].concat()
}

/// What became of each exclusion of the first account.
fn outcomes(form: &Value) -> Vec<&str> {
    let exclusions = form["accounts"][0]["exclusions"].as_array().unwrap();
    exclusions.iter().map(|one| one["outcome"].as_str().unwrap()).collect()
}

fn first_error(form: &Value) -> &str {
    form["accounts"][0]["exclusions"][0]["error"].as_str().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn printing_asks_who_one_is_and_changes_nothing() {
    let scene = Scene::new(CONFIG).await;
    let form = scene.call(&json(&[])).exits(0).json();
    Forms::published().holds("aws-setup", &form);
    assert_eq!(outcomes(&form), ["not-asked", "not-asked"]);
    assert_eq!(form["accounts"][0]["works_as"], "arn:aws:iam::123456789012:user/ci");
    let asked: Vec<String> = scene.aws.requests().into_iter().map(|request| request.action).collect();
    assert_eq!(asked, ["sts:GetCallerIdentity"]);
    assert_eq!(scene.excluded(), [vec![], vec![]] as [Vec<String>; 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_that_is_configured_takes_precedence_over_a_key_in_the_environment() {
    let scene = Scene::new(&with(CONFIG, "profile: prod")).await;
    let prod = scene.aws.user(ACCOUNT, "prod", Policy::everything());
    let (id, secret) = (&prod.access_key_id, &prod.secret_access_key);
    std::fs::create_dir(scene.place.path(".aws")).unwrap();
    let file = format!("[prod]\naws_access_key_id = {id}\naws_secret_access_key = {secret}\n");
    scene.place.write(".aws/credentials", &file);
    let form = scene.call(&json(&[])).exits(0).json();
    assert_eq!(form["accounts"][0]["works_as"], "arn:aws:iam::123456789012:user/prod");
    let command = form["accounts"][0]["exclusions"][0]["command"].as_str().unwrap();
    assert!(command.contains("--profile prod"), "{command}");
    let missing = Scene::new(&with(CONFIG, "profile: none")).await;
    missing.call(&["--apply"]).exits(4);
    assert_eq!(missing.excluded(), [vec![], vec![]] as [Vec<String>; 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_asked_where_everything_is_said() {
    let scene = Scene::new(CONFIG).await;
    let form = scene.call(&json(&["--runs-as", ROLE])).exits(0).json();
    assert_eq!(form["accounts"][0]["works_as"], ROLE);
    assert_eq!(scene.aws.requests().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_exclusion_is_made_once_in_each_region() {
    let scene = Scene::new(CONFIG).await;
    scene.aws.ecr(ACCOUNT, "us-east-1").exclude(ROLE);
    let words = json(&["--apply", "--runs-as", ROLE]);
    let form = scene.call(&words).exits(0).json();
    Forms::published().holds("aws-setup", &form);
    assert_eq!(outcomes(&form), ["made", "already-there"]);
    assert_eq!(scene.excluded(), [vec![ROLE.to_owned()], vec![ROLE.to_owned()]]);
    let again = scene.call(&words).exits(0).json();
    assert_eq!(outcomes(&again), ["already-there", "already-there"]);
    assert_eq!(scene.aws.count("ecr:RegisterPullTimeUpdateExclusion"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_who_was_quicker_is_no_failure() {
    let scene = Scene::new(CONFIG).await;
    let quicker = Fault::call(|aws| aws.ecr(ACCOUNT, REGION).exclude(ROLE));
    scene.aws.fail(quicker.on("ecr:RegisterPullTimeUpdateExclusion"));
    let form = scene.call(&json(&["--apply", "--runs-as", ROLE])).exits(0).json();
    assert_eq!(outcomes(&form), ["already-there", "made"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_is_taken_on_is_the_one_that_is_excluded() {
    let scene = Scene::new(&with_role(CONFIG)).await;
    scene.aws.role(ACCOUNT, "jettison", Policy::everything(), &[ACCOUNT]);
    let form = scene.call(&json(&["--apply"])).exits(0).json();
    assert_eq!(outcomes(&form), ["made", "made"]);
    assert_eq!(scene.excluded()[0], [ROLE]);
    let taken_on = &form["accounts"][0]["taken_on"];
    let ci = "arn:aws:iam::123456789012:user/ci";
    assert_eq!(taken_on["by"], ci);
    assert_eq!(taken_on["trust_policy"]["Statement"][0]["Principal"]["AWS"], ci);
    assert_eq!(taken_on["policy"]["Statement"][0]["Resource"], ROLE);
    let registered = scene.aws.requests().into_iter();
    let by: Vec<String> = registered
        .filter(|request| request.action == "ecr:RegisterPullTimeUpdateExclusion")
        .map(|request| request.caller)
        .collect();
    assert_eq!(by[0], "arn:aws:sts::123456789012:assumed-role/jettison/jettison");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_logged_in_is_asked_once_for_all_accounts_that_are_reached_from_there() {
    let config = with_role(CONFIG);
    let other = config
        .replace(ACCOUNT, "210987654321")
        .replace("name: aws", "name: other");
    let registries = |config: &str| {
        let (registries, usage) = config.split_once("usage:").unwrap();
        (registries.replace("\nregistries:", ""), usage.to_owned())
    };
    let ((own, asks), (others, asks_too)) = (registries(&config), registries(&other));
    let scene = Scene::new(&format!("registries:{own}{others}usage:{asks}{asks_too}")).await;
    let form = scene.call(&json(&[])).exits(0).json();
    let accounts = form["accounts"].as_array().unwrap();
    let by = accounts
        .iter()
        .map(|account| account["taken_on"]["by"].as_str().unwrap());
    assert_eq!(by.collect::<Vec<_>>(), ["arn:aws:iam::123456789012:user/ci"; 2]);
    assert_eq!(scene.aws.count("sts:GetCallerIdentity"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_excluded_by_the_role_that_gave_it_out() {
    let scene = Scene::new(CONFIG).await;
    let role = scene.aws.role(ACCOUNT, "runner", Policy::everything(), &[ACCOUNT]);
    let session = scene.session(&role).await;
    let form = scene.call_as(&session, &json(&["--apply"])).exits(0).json();
    assert_eq!(scene.excluded(), [vec![role.clone()], vec![role]]);
    let notes = form["accounts"][0]["notes"].to_string();
    assert!(notes.contains("does not tell a role's path"), "{notes}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_permission_that_is_missing_is_named_and_nothing_is_made() {
    let scene = Scene::new(CONFIG).await;
    for action in [
        "ecr:ListPullTimeUpdateExclusions",
        "ecr:RegisterPullTimeUpdateExclusion",
    ] {
        let login = scene.aws.user(ACCOUNT, "denied", Policy::everything().without(action));
        let said = scene.call_as(&login, &json(&["--apply", "--runs-as", ROLE])).exits(4);
        let form = said.json();
        Forms::published().holds("aws-setup", &form);
        assert_eq!(outcomes(&form), ["failed", "failed"]);
        assert!(first_error(&form).contains(&format!("allow {action}")), "{form}");
        assert!(said.stderr.contains(action), "{}", said.stderr);
    }
    assert_eq!(scene.excluded(), [vec![], vec![]] as [Vec<String>; 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_region_that_fails_does_not_stop_the_other() {
    let scene = Scene::new(CONFIG).await;
    let denied = Fault::error(400, "AccessDeniedException").region(REGION);
    scene.aws.fail(denied.on("ecr:ListPullTimeUpdateExclusions"));
    let form = scene.call(&json(&["--apply", "--runs-as", ROLE])).exits(4).json();
    assert_eq!(outcomes(&form), ["failed", "made"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_is_full_says_so_and_what_to_do() {
    let scene = Scene::new(CONFIG).await;
    for number in 0..100 {
        let other = format!("arn:aws:iam::{ACCOUNT}:role/scanner-{number}");
        scene.aws.ecr(ACCOUNT, REGION).exclude(&other);
    }
    let form = scene.call(&json(&["--apply", "--runs-as", ROLE])).exits(4).json();
    assert_eq!(outcomes(&form), ["failed", "made"]);
    let error = first_error(&form);
    assert!(
        error.contains("100 exclusions") && error.contains("deregister-pull-time-update-exclusion"),
        "{error}"
    );
    // It is asked for once: the SDK would take the refusal for a throttle, and wait for minutes.
    assert_eq!(scene.aws.count("ecr:RegisterPullTimeUpdateExclusion"), 2);
    // Whoever stands on a full list already is found there.
    let last = format!("arn:aws:iam::{ACCOUNT}:role/scanner-99");
    let form = scene.call(&json(&["--apply", "--runs-as", &last])).json();
    assert_eq!(outcomes(&form), ["already-there", "made"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_does_not_end_is_given_up() {
    let scene = Scene::new(CONFIG).await;
    for region in [REGION, "us-east-1"] {
        scene
            .aws
            .ecr(ACCOUNT, region)
            .exclude("arn:aws:iam::123456789012:role/scanner");
    }
    scene
        .aws
        .fail(Fault::new(Effect::Loop).on("ecr:ListPullTimeUpdateExclusions"));
    let form = scene.call(&json(&["--apply", "--runs-as", ROLE])).exits(4).json();
    assert!(first_error(&form).contains("does not end"), "{form}");
    assert_eq!(scene.aws.count("ecr:RegisterPullTimeUpdateExclusion"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_of_another_account_changes_nothing_there() {
    let scene = Scene::new(CONFIG).await;
    let stranger = scene.aws.user("444455556666", "stranger", Policy::everything());
    let form = scene
        .call_as(&stranger, &json(&["--apply", "--runs-as", ROLE]))
        .exits(4)
        .json();
    assert_eq!(outcomes(&form), ["failed", "failed"]);
    let error = first_error(&form);
    assert!(error.contains("444455556666") && error.contains(ACCOUNT), "{error}");
    assert_eq!(scene.aws.count("ecr:RegisterPullTimeUpdateExclusion"), 0);
    let form = scene.call_as(&stranger, &json(&[])).exits(0).json();
    let notes = form["accounts"][0]["notes"].to_string();
    assert!(notes.contains("another account"), "{notes}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_login_it_prints_and_cannot_apply() {
    let scene = Scene::new(CONFIG).await;
    let words = |more: &[&'static str]| [&["aws", "setup", "--output", "json"], more].concat();
    let nobody = [("AWS_EC2_METADATA_DISABLED", "true")];
    let form = scene.place.call_with(&words(&[]), &nobody).exits(0).json();
    assert_eq!(form["accounts"][0]["works_as"], Value::Null);
    assert!(
        form["accounts"][0]["exclusions"][0]["command"]
            .as_str()
            .unwrap()
            .ends_with(":role/ROLE")
    );
    let form = scene.place.call_with(&words(&["--apply"]), &nobody).exits(4).json();
    assert_eq!(outcomes(&form), ["failed", "failed"]);
}

#[test]
fn what_people_read() {
    let place = Place::empty();
    let setup = |words: &[&'static str]| [&["aws", "setup", "--runs-as", ROLE], words].concat();
    page("aws-setup-nothing", &place, &["aws", "setup"]);
    place.write("jettison.yaml", CONFIG);
    page("aws-setup", &place, &setup(&[]));
    page("aws-setup-read-only", &place, &setup(&["--read-only"]));
    page(
        "aws-setup-lifecycle-policies",
        &place,
        &setup(&["--lifecycle-policies"]),
    );
    place.write("jettison.yaml", &with_role(CONFIG));
    let ci = "arn:aws:iam::444455556666:role/ci";
    page("aws-setup-role", &place, &["aws", "setup", "--runs-as", ci]);
}

/// The blocks of a language in `docs/aws.md`.
fn blocks<'p>(page: &'p str, language: &str) -> Vec<&'p str> {
    let lead = format!("```{language}\n");
    let blocks = page.split(lead.as_str()).skip(1);
    blocks.filter_map(|block| Some(block.split_once("```")?.0)).collect()
}

#[test]
fn the_page_about_aws_has_the_policies_as_they_are_printed() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/aws.md");
    let page = std::fs::read_to_string(page).unwrap();
    let place = Place::empty();
    let configurations = blocks(&page, "yaml");
    let printed = [configurations[0], configurations[2]].map(|configuration| {
        place.write("jettison.yaml", configuration);
        let words = ["aws", "setup", "--lifecycle-policies", "--runs-as", ROLE];
        place.call(&words).exits(0).stdout
    });
    let ours: Vec<&str> = blocks(&page, "json");
    let ours: Vec<&str> = ours.into_iter().filter(|text| text.contains("Jettison")).collect();
    assert_eq!(ours.len(), 5);
    for text in &ours {
        let is_printed = printed.iter().any(|printed| printed.contains(text));
        assert!(is_printed, "docs/aws.md has what nothing prints: {text}");
    }
    let policy = |sid: &str| Policy::read(ours.iter().find(|text| text.contains(sid)).unwrap()).unwrap();
    let explained = ["JettisonUndo", "JettisonLifecycle"].map(policy);
    for action in explained.iter().flat_map(Policy::actions) {
        let service = action.split(':').next().unwrap();
        let told = page.contains(&format!("`{action}`")) || page.contains(&format!("`{service}:…`"));
        assert!(told, "docs/aws.md does not say what {action} is for");
    }
}
