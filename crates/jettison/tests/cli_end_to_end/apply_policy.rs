//! `jettison ecr apply-policy` against an AWS in this process: what it shows, refuses, writes, and takes back.

use std::io::Read as _;
use std::process::{Child, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use jettison_core::lifecycle::LifecyclePolicy;
use jettison_testkit::aws::{Ecr, Effect, Fault, Policy};
use jettison_testkit::images::{Image, referrer};
use jiff::SignedDuration;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::aws::{ACCOUNT, REGION, Scene, json as as_json};
use crate::forms::Forms;
use crate::place::Said;

const HOST: &str = "123456789012.dkr.ecr.eu-central-1.amazonaws.com";

const CONFIG: &str = "
registries:
  - host: 123456789012.dkr.ecr.eu-central-1.amazonaws.com
usage:
  - { name: aws, kind: aws, account: '123456789012', regions: [eu-central-1] }
";

/// Rules that expire what has such tags (patterns, or a status) beyond so many of the newest.
fn policy(rules: &[(u64, &str, u64)]) -> String {
    let rule = |(priority, tags, count): &(u64, &str, u64)| {
        let mut selection = json!({"tagStatus": tags, "countType": "imageCountMoreThan", "countNumber": count});
        if !["any", "untagged"].contains(tags) {
            selection["tagStatus"] = json!("tagged");
            selection["tagPatternList"] = json!([tags]);
        }
        json!({"rulePriority": priority, "selection": selection, "action": {"type": "expire"}})
    };
    json!({"rules": rules.iter().map(rule).collect::<Vec<_>>()}).to_string()
}

/// The policy that takes nothing of what is in use.
fn harmless() -> String {
    policy(&[(1, "old-*", 1)])
}

fn is_same(stored: Option<String>, text: &str) -> bool {
    stored.is_some_and(|stored| LifecyclePolicy::parse(&stored).unwrap() == LifecyclePolicy::parse(text).unwrap())
}

/// Asked for once: there are many.
fn forms() -> &'static Forms {
    static FORMS: OnceLock<Forms> = OnceLock::new();
    FORMS.get_or_init(Forms::published)
}

/// Three repositories, of which somebody runs an image of one.
struct World {
    scene: Scene,
}

impl World {
    async fn new() -> Self {
        let scene = Scene::new(CONFIG).await;
        let (ecr, ecs) = (scene.aws.ecr(ACCOUNT, REGION), scene.aws.ecs(ACCOUNT, REGION));
        let now = scene.aws.now();
        for (number, name) in ["apps/api", "apps/old", "apps/web"].iter().enumerate() {
            for age in 1..=4 {
                let then = now - SignedDuration::from_hours(24 * (age + 10));
                let image = Image::new(number as u64 * 10 + age.unsigned_abs()).build();
                let tag = if age == 4 {
                    "live".to_owned()
                } else {
                    format!("old-{age}")
                };
                scene
                    .aws
                    .at(then, |aws| aws.ecr(ACCOUNT, REGION).push(name, &[&tag], &image));
            }
        }
        ecs.cluster("prod");
        let definition = ecs.register("web", &[("app", &ecr.image("apps/web", "live"))]);
        ecs.service("prod", "web", &definition, 1);
        Self { scene }
    }

    fn ecr(&self) -> Ecr {
        self.scene.aws.ecr(ACCOUNT, REGION)
    }

    fn call(&self, words: &[&str]) -> Said {
        let words = [&["ecr", "apply-policy", "--state", "state"], words].concat();
        self.scene.program_as(&self.scene.login, &words)
    }

    /// Writes a policy to these repositories of the registry; how it ended, as a document of its form.
    fn apply(&self, text: &str, repositories: &str, more: &[&str], code: i32) -> Value {
        self.scene.place.write("policy.json", text);
        let target = format!("{HOST}/{repositories}");
        let words = [&["policy.json", target.as_str(), "--yes"], more].concat();
        let report = self.call(&as_json(&words)).exits(code).json();
        forms().holds("ecr-apply-policy", &report);
        report
    }

    fn undo(&self, run: &Value, code: i32) -> Value {
        let words = ["--undo", run.as_str().unwrap(), "--yes"];
        let report = self.call(&as_json(&words)).exits(code).json();
        forms().holds("ecr-apply-policy-undo", &report);
        report
    }

    fn list(&self) -> Value {
        let list = self.call(&as_json(&["--list"])).exits(0).json();
        forms().holds("ecr-apply-policy-list", &list);
        list
    }

    fn puts(&self) -> usize {
        self.scene.aws.count("ecr:PutLifecyclePolicy")
    }

    /// A process that writes a policy, as soon as AWS has the call.
    fn writes(&self, text: &str, repository: &str) -> Child {
        self.scene.place.write("policy.json", text);
        let target = format!("{HOST}/{repository}");
        let words = [
            "ecr",
            "apply-policy",
            "--state",
            "state",
            "policy.json",
            &target,
            "--yes",
        ];
        let environment = self.scene.aws.environment(&self.scene.login, REGION);
        let mut program = self.scene.place.program(&words);
        program.envs(environment).stdin(Stdio::null()).stdout(Stdio::null());
        let child = program.stderr(Stdio::piped()).spawn().unwrap();
        for _ in 0..2_000 {
            if self.puts() > 0 {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        assert_eq!(self.puts(), 1);
        child
    }

    /// The same, and it is killed then.
    fn killed_while_it_writes(&self, text: &str, repository: &str) {
        let mut child = self.writes(text, repository);
        child.kill().unwrap();
        child.wait().unwrap();
        self.scene.aws.clear_faults();
    }
}

/// What became of each repository, and why.
fn outcomes(report: &Value) -> Vec<(&str, &str, &str)> {
    let repositories = report["repositories"].as_array().unwrap().iter();
    repositories
        .map(|one| {
            let text = |key: &str| one[key].as_str().unwrap_or_default();
            (text("repository"), text("outcome"), text("why"))
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_is_shown_before_it_is_written_and_the_id_to_take_it_back_after() {
    let world = World::new().await;
    let before = policy(&[(1, "untagged", 1), (2, "old-*", 2), (9, "gone-*", 1)]);
    world.ecr().set_lifecycle("apps/web", &before);
    let new = policy(&[(1, "untagged", 1), (2, "old-*", 1), (3, "never-*", 1)]);
    world.scene.place.write("policy.json", &new);
    let target = format!("{HOST}/apps/web");
    let said = world.call(&["policy.json", &target, "--yes"]).exits(0).stdout;
    for shown in [
        "- 2: tagged [old-*] imageCountMoreThan 2: expire",
        "+ 2: tagged [old-*] imageCountMoreThan 1: expire",
        "+ 3: tagged [never-*] imageCountMoreThan 1: expire",
        "- 9: tagged [gone-*] imageCountMoreThan 1: expire",
        "1 → 2",
        "none → expire  apps/web:old-2",
        "Policies: 1 written",
        "jettison ecr apply-policy --undo 20",
    ] {
        assert!(said.contains(shown), "no `{shown}` in {said}");
    }
    assert!(!said.contains("1: untagged"), "it stays as it is: {said}");
    assert!(is_same(world.ecr().lifecycle("apps/web"), &new));
    let other = policy(&[(1, "untagged", 1)]);
    let report = world.apply(&other, "apps/web", &[], 0);
    let difference = &report["repositories"][0]["difference"];
    assert_eq!(difference["before"], json!({"expire": 2, "transition": 0}));
    assert_eq!(difference["after"], json!({"expire": 0, "transition": 0}));
    assert_eq!(difference["rules"]["removed"].as_array().unwrap().len(), 2);
    assert_eq!(difference["images"].as_array().unwrap().len(), 2);
    assert!(is_same(
        report["repositories"][0]["before"].as_str().map(str::to_owned),
        &new
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_would_take_what_is_in_use_is_refused_there_and_written_elsewhere() {
    let world = World::new().await;
    let takes_all = policy(&[(1, "any", 1)]);
    let report = world.apply(&takes_all, "apps/*", &[], 3);
    let found = outcomes(&report);
    assert_eq!(
        found.iter().map(|(_, outcome, _)| *outcome).collect::<Vec<_>>(),
        ["written", "written", "refused"]
    );
    let why = found[2].2;
    assert!(
        why.contains("1 image in use, such as apps/web:live (expire; in-use by ") && why.contains("web"),
        "{why}"
    );
    let used = &report["repositories"][2]["difference"]["in_use"];
    assert_eq!(
        (&used[0]["tags"][0], &used[0]["hold"]),
        (&json!("live"), &json!("in-use"))
    );
    assert_eq!(world.ecr().lifecycle("apps/web"), None);
    // What is archived cannot be pulled either.
    let archives = takes_all.replace(
        r#"{"type":"expire"}"#,
        r#"{"type":"transition","targetStorageClass":"archive"}"#,
    );
    let report = world.apply(&archives, "apps/web", &[], 3);
    assert_eq!(report["run"], Value::Null);
    assert!(outcomes(&report)[0].2.contains("(archive; in-use"), "{report}");
    let words = ["policy.json", &format!("{HOST}/apps/web"), "--yes"];
    let said = world.call(&words).exits(3).stdout;
    assert!(said.contains("refused:") && said.contains("--despite-use"), "{said}");
    assert_eq!(world.ecr().lifecycle("apps/web"), None);
    world.apply(&takes_all, "apps/web", &["--despite-use"], 0);
    assert!(is_same(world.ecr().lifecycle("apps/web"), &takes_all));
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_knows_what_is_in_use_nothing_is_written() {
    let world = World::new().await;
    world
        .scene
        .aws
        .fail(Fault::error(400, "AccessDeniedException").on("ecs:ListTasks"));
    let report = world.apply(&harmless(), "apps/api", &[], 3);
    let why = outcomes(&report)[0].2;
    assert!(
        why.contains("not known what else is in use") && why.contains("ecs:ListTasks"),
        "{why}"
    );
    world.scene.aws.clear_faults();
    // What could not be listed may be in use as well.
    world.scene.aws.fail(
        Fault::error(400, "AccessDeniedException")
            .on("ecr:DescribeImages")
            .about("apps/api"),
    );
    let report = world.apply(&harmless(), "apps/api", &[], 3);
    assert!(outcomes(&report)[0].2.contains("ecr:DescribeImages"), "{report}");
    world.scene.aws.clear_faults();
    let nobody = format!("registries: [ {{ host: {HOST}, expects: none }} ]\n");
    world.scene.place.write("jettison.yaml", &nobody);
    let report = world.apply(&harmless(), "apps/api", &[], 3);
    assert!(outcomes(&report)[0].2.contains("nobody was asked"), "{report}");
    assert_eq!((world.puts(), world.list()["runs"].as_array().unwrap().len()), (0, 0));
    world.apply(&harmless(), "apps/api", &["--despite-use"], 0);
    assert!(is_same(world.ecr().lifecycle("apps/api"), &harmless()));
}

/// Where admission looks for signatures, an image without its own starts no more.
#[tokio::test(flavor = "multi_thread")]
async fn the_signature_of_an_image_in_use_counts_as_used() {
    let world = World::new().await;
    let used = Image::new(24).build();
    let push = |number: u64, days: i64| {
        let signature = referrer(&used, "application/vnd.test.signature", &format!("signature {number}"));
        let then = world.scene.aws.now() - SignedDuration::from_hours(24 * days);
        let tag = format!("signed-{number}");
        let aws = &world.scene.aws;
        aws.at(then, |aws| {
            aws.ecr(ACCOUNT, REGION).push("apps/web", &[&tag], &signature)
        });
    };
    push(1, 9);
    push(2, 8);
    let text = policy(&[(1, "signed-*", 1)]);
    let report = world.apply(&text, "apps/web", &[], 3);
    assert_eq!(outcomes(&report)[0].1, "refused", "{report:#}");
    let in_use = report["repositories"][0]["difference"]["in_use"].as_array().unwrap();
    assert_eq!(in_use.len(), 1, "{report:#}");
    assert!(
        in_use[0]["used_by"][0]
            .as_str()
            .unwrap()
            .contains("to which it is attached"),
        "{report:#}"
    );
    world.apply(&text, "apps/web", &["--despite-use"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_shows_everything_and_writes_nothing() {
    let world = World::new().await;
    world.scene.place.write("policy.json", &harmless());
    let target = format!("{HOST}/apps/*");
    let words = ["policy.json", target.as_str(), "--dry-run"];
    let report = world.call(&as_json(&words)).exits(0).json();
    forms().holds("ecr-apply-policy", &report);
    assert!(
        outcomes(&report)
            .iter()
            .all(|(_, outcome, _)| *outcome == "to-be-written"),
        "{report:#}"
    );
    assert!(
        report["run"].is_null() && report["repositories"][0]["difference"].is_object(),
        "{report:#}"
    );
    assert_eq!(world.puts(), 0);
    // The whole registry is meant only by who says so.
    let said = world.call(&["policy.json", HOST, "--dry-run"]).exits(2);
    assert!(said.stderr.contains(&format!("{HOST}/**")), "{}", said.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_policy_is_the_same_already_nothing_is_written() {
    let world = World::new().await;
    let [one, other] = [(1, "untagged", 1), (2, "old-*", 2)];
    world.ecr().set_lifecycle("apps/web", &policy(&[one, other]));
    // The same, the other way round and in another notation.
    let other: Value = serde_json::from_str(&policy(&[other, one])).unwrap();
    let report = world.apply(&serde_json::to_string_pretty(&other).unwrap(), "apps/web", &[], 0);
    assert_eq!(outcomes(&report), [("apps/web", "unchanged", "")]);
    assert_eq!((&report["run"], world.puts()), (&Value::Null, 0));
    assert_eq!(world.list()["runs"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn undo_puts_the_very_text_back_or_takes_the_policy_away_and_again_is_no_harm() {
    let world = World::new().await;
    let before = policy(&[(1, "untagged", 1)]);
    world.ecr().set_lifecycle("apps/web", &before);
    let text = world.ecr().lifecycle("apps/web");
    // AWS gives it back in another order and notation.
    let new: Value = serde_json::from_str(&policy(&[(2, "gone-*", 1), (1, "old-*", 1)])).unwrap();
    let new = serde_json::to_string_pretty(&new).unwrap();
    let run = world.apply(&new, "apps/*", &[], 0)["run"].clone();
    assert!(is_same(world.ecr().lifecycle("apps/old"), &new));
    let listed = &world.list()["runs"][0];
    assert_eq!(
        (&listed["id"], &listed["written"], &listed["undone"]),
        (&run, &json!(3), &json!(0))
    );
    let undone = world.undo(&run, 0);
    assert!(
        outcomes(&undone).iter().all(|(_, outcome, _)| *outcome == "restored"),
        "{undone}"
    );
    assert_eq!(world.ecr().lifecycle("apps/web"), text);
    assert_eq!(world.ecr().lifecycle("apps/old"), None);
    world.scene.aws.clear_requests();
    let again = world.undo(&run, 0);
    assert!(
        outcomes(&again)
            .iter()
            .all(|(_, outcome, _)| *outcome == "already-there"),
        "{again}"
    );
    assert_eq!(
        (world.puts(), world.scene.aws.count("ecr:DeleteLifecyclePolicy")),
        (0, 0)
    );
    assert_eq!(world.list()["runs"][0]["undone"], 3);
    // By the beginning of its id; and what was written anew since is somebody's wish.
    world.ecr().set_lifecycle("apps/old", &new);
    let beginning = &run.as_str().unwrap()[..16];
    let said = world.call(&["--undo", beginning, "--yes"]).exits(4).stdout;
    assert!(
        said.contains("apps/old: it was put back on") && said.contains("1 left"),
        "{said}"
    );
    assert!(is_same(world.ecr().lifecycle("apps/old"), &new));
}

#[tokio::test(flavor = "multi_thread")]
async fn undo_leaves_what_somebody_else_has_changed_since() {
    let world = World::new().await;
    let run = world.apply(&harmless(), "apps/*", &[], 0)["run"].clone();
    let theirs = policy(&[(7, "any", 99)]);
    world.ecr().set_lifecycle("apps/api", &theirs);
    assert!(world.ecr().remove_repository("apps/old"));
    let undone = world.undo(&run, 4);
    let found = outcomes(&undone);
    assert_eq!(
        (found[0].1, found[1].1, found[2].1),
        ("left", "failed", "restored"),
        "{undone}"
    );
    assert!(
        found[0].2.contains("changed since") && found[1].2.contains("is gone"),
        "{undone}"
    );
    assert!(is_same(world.ecr().lifecycle("apps/api"), &theirs));
    assert_eq!(world.ecr().lifecycle("apps/web"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_repository_that_may_not_be_written_stops_no_other() {
    let mut world = World::new().await;
    let denied = r#"{"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "*", "Resource": "*"},
        {"Effect": "Deny", "Action": "ecr:PutLifecyclePolicy", "Resource": "arn:aws:ecr:*:*:repository/apps/old"}]}"#;
    world.scene.login = world.scene.aws.user(ACCOUNT, "some", Policy::read(denied).unwrap());
    let report = world.apply(&harmless(), "apps/*", &[], 4);
    let found = outcomes(&report);
    assert_eq!(
        (found[0].1, found[1].1, found[2].1),
        ("written", "failed", "written"),
        "{report}"
    );
    assert!(found[1].2.contains("allow ecr:PutLifecyclePolicy"), "{report}");
    // What was not written by that call is nothing to be taken back, even if somebody else writes the same.
    world.ecr().set_lifecycle("apps/old", &harmless());
    let undone = world.undo(&report["run"], 4);
    assert_eq!(outcomes(&undone)[1].1, "left", "{undone}");
    assert!(is_same(world.ecr().lifecycle("apps/old"), &harmless()));
    let unread = Policy::everything().without("ecr:GetLifecyclePolicy");
    world.scene.login = world.scene.aws.user(ACCOUNT, "none", unread);
    let report = world.apply(&policy(&[(1, "any", 99)]), "apps/*", &[], 4);
    assert!(
        outcomes(&report).iter().all(|(_, outcome, _)| *outcome == "failed"),
        "{report}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_killed_before_aws_acts_has_replaced_nothing_and_undo_says_so() {
    let world = World::new().await;
    world
        .scene
        .aws
        .fail(Fault::new(Effect::Hang).on("ecr:PutLifecyclePolicy"));
    world.killed_while_it_writes(&harmless(), "apps/web");
    let listed = &world.list()["runs"][0];
    assert_eq!((&listed["written"], &listed["unknown"]), (&json!(0), &json!(1)));
    let undone = world.undo(&listed["id"], 0);
    let found = outcomes(&undone);
    assert!(
        found[0].1 == "already-there" && found[0].2.contains("had not been replaced"),
        "{undone}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_killed_after_aws_acted_can_be_taken_back() {
    let world = World::new().await;
    let before = policy(&[(1, "untagged", 1)]);
    world.ecr().set_lifecycle("apps/web", &before);
    let acts = Fault::call(|aws| {
        aws.ecr(ACCOUNT, REGION).set_lifecycle("apps/web", &harmless());
    });
    world.scene.aws.fail(acts.on("ecr:PutLifecyclePolicy"));
    world
        .scene
        .aws
        .fail(Fault::new(Effect::Hang).on("ecr:PutLifecyclePolicy"));
    world.killed_while_it_writes(&harmless(), "apps/web");
    assert!(is_same(world.ecr().lifecycle("apps/web"), &harmless()));
    let undone = world.undo(&world.list()["runs"][0]["id"], 0);
    let found = outcomes(&undone);
    assert!(
        found[0].1 == "restored" && found[0].2.contains("nobody knew"),
        "{undone}"
    );
    assert!(is_same(world.ecr().lifecycle("apps/web"), &before));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_interrupted_says_how_to_take_it_back() {
    let world = World::new().await;
    world
        .scene
        .aws
        .fail(Fault::new(Effect::Hang).on("ecr:PutLifecyclePolicy"));
    let mut child = world.writes(&harmless(), "apps/web");
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let code = child.wait().unwrap().code();
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    let run = world.list()["runs"][0]["id"].as_str().unwrap().to_owned();
    assert!(
        code == Some(130) && said.contains(&format!("--undo {run}")),
        "{code:?} {said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_jettison_would_not_have_read_is_replaced_and_comes_back_letter_by_letter() {
    let world = World::new().await;
    // AWS has taken it all the same: it names the same tags twice.
    let theirs = policy(&[(1, "old-*", 3), (2, "old-*", 2)]);
    assert!(world.ecr().set_lifecycle("apps/web", &theirs) && LifecyclePolicy::parse(&theirs).is_err());
    let text = world.ecr().lifecycle("apps/web");
    let report = world.apply(&harmless(), "apps/web", &[], 0);
    assert_eq!(outcomes(&report)[0].1, "written");
    assert!(outcomes(&report)[0].2.contains("cannot be understood"), "{report}");
    assert_eq!(report["repositories"][0]["before"].as_str().map(str::to_owned), text);
    world.undo(&report["run"], 0);
    assert_eq!(world.ecr().lifecycle("apps/web"), text);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_in_use_hides_no_source_that_did_not_answer() {
    let world = World::new().await;
    let (ecr, ecs) = (world.ecr(), world.scene.aws.ecs(ACCOUNT, REGION));
    // Everything of this repository is in use.
    ecr.push("apps/one", &["live"], &Image::new(99).build());
    ecs.run("prod", &ecs.register("one", &[("app", &ecr.image("apps/one", "live"))]))
        .unwrap();
    world
        .scene
        .aws
        .fail(Fault::error(400, "AccessDeniedException").on("lambda:*"));
    let report = world.apply(&harmless(), "apps/one", &[], 3);
    assert!(outcomes(&report)[0].2.contains("did not tell everything"), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_changed_since_it_was_shown_is_not_written_over() {
    let world = World::new().await;
    let theirs = policy(&[(7, "any", 99)]);
    let text = theirs.clone();
    let meanwhile = Fault::call(move |aws| {
        aws.ecr(ACCOUNT, REGION).set_lifecycle("apps/web", &text);
    });
    world
        .scene
        .aws
        .fail(meanwhile.on("ecr:GetLifecyclePolicy").skip(1).times(1));
    let report = world.apply(&harmless(), "apps/web", &[], 4);
    assert!(
        outcomes(&report)[0].2.contains("changed since it was shown"),
        "{report}"
    );
    assert!(world.puts() == 0 && is_same(world.ecr().lifecycle("apps/web"), &theirs));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_whose_answer_is_lost_is_looked_at_and_never_guessed() {
    let world = World::new().await;
    world
        .scene
        .aws
        .fail(Fault::new(Effect::Cut(10)).on("ecr:PutLifecyclePolicy").times(1));
    let report = world.apply(&harmless(), "apps/api", &[], 0);
    assert_eq!(outcomes(&report)[0].1, "written");
    world
        .scene
        .aws
        .fail(Fault::new(Effect::Status(500)).on("ecr:PutLifecyclePolicy"));
    let report = world.apply(&harmless(), "apps/web", &[], 4);
    assert_eq!(outcomes(&report)[0].1, "unknown", "it may still arrive");
    world.scene.aws.clear_faults();
    // And so it does.
    world.ecr().set_lifecycle("apps/web", &harmless());
    let undone = world.undo(&report["run"], 0);
    assert_eq!(outcomes(&undone)[0].1, "restored");
    assert_eq!(world.ecr().lifecycle("apps/web"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_repositories_are_written_and_taken_back_in_one_call_each() {
    let world = World::new().await;
    for number in 0..200 {
        world.ecr().create(&format!("many/{number:03}"));
    }
    world.scene.aws.clear_requests();
    let report = world.apply(&harmless(), "many/*", &[], 0);
    assert_eq!(
        outcomes(&report)
            .iter()
            .filter(|(_, outcome, _)| *outcome == "written")
            .count(),
        200
    );
    assert_eq!(world.puts(), 200);
    let words = ["policy.json", &format!("{HOST}/many/*"), "--yes"];
    let said = world.call(&words).exits(0).stdout;
    assert!(
        said.contains("200 repositories are already so") && said.lines().count() < 10,
        "{said}"
    );
    let undone = world.undo(&report["run"], 0);
    assert_eq!(
        outcomes(&undone)
            .iter()
            .filter(|(_, outcome, _)| *outcome == "restored")
            .count(),
        200
    );
    assert_eq!(world.ecr().lifecycle("many/007"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_are_told_all_at_once_before_anything_is_asked() {
    let world = World::new().await;
    let place = &world.scene.place;
    let bad = policy(&[(1, "untagged", 0), (2, "a*b*c*d*e*f", 1)]);
    place.write("bad.json", &bad);
    place.write("policy.json", &harmless());
    let target = format!("{HOST}/apps/web");
    let said = world.call(&["bad.json", &target, "--yes"]).exits(2).stderr;
    assert!(
        said.contains("bad.json") && said.contains("countNumber") && said.contains("rules[1]"),
        "{said}"
    );
    for (words, said) in [
        (vec!["policy.json", &target], "no terminal"),
        (
            vec!["policy.json", "registry.example.com/apps/web", "--yes"],
            "no registry of Amazon ECR",
        ),
        (vec!["policy.json", "--yes"], "TARGET"),
        (
            vec!["policy.json", &target, "--yes", "--policy", "bad.json"],
            "--policy has no meaning",
        ),
        (vec!["--undo", "20", "--yes"], "too short"),
        (vec!["--undo", "20261121-223311-4f2a", "--yes"], "--list"),
        (vec!["--list", "--undo", "20261121-223311-4f2a"], "cannot be used"),
        (vec!["missing.json", &target, "--yes"], "missing.json"),
    ] {
        let told = world.call(&words).exits(2).stderr;
        assert!(told.contains(said), "{words:?}: {told}");
    }
    assert_eq!(world.scene.aws.requests().len(), 0);
    let nothing = format!("{HOST}/nothing/*");
    let said = world.call(&["policy.json", &nothing, "--yes"]).exits(2).stderr;
    assert!(
        said.contains("no repository of") && said.contains("nothing/*"),
        "{said}"
    );
    let missing = world.apply(&harmless(), "apps/none", &["--despite-use"], 4);
    assert!(outcomes(&missing)[0].2.contains("does not exist"), "{missing}");
}
