//! What is read of Compose files, and what is a gap.

use jettison_core::model::Reference;
use jiff::Timestamp;

use super::*;

fn read_files(files: &[(&str, &str)]) -> (Vec<Reference>, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let mut said = Said::new(Timestamp::UNIX_EPOCH, &BTreeSet::new());
    read(&["compose*.yaml".to_owned()], folder.path(), &mut said);
    let (references, gaps) = said.finish(false);
    (references, gaps.iter().map(ToString::to_string).collect())
}

fn images(files: &[(&str, &str)]) -> Vec<String> {
    let (references, gaps) = read_files(files);
    assert!(gaps.is_empty(), "{gaps:?}");
    references.into_iter().map(|reference| reference.image).collect()
}

#[test]
fn every_service_names_its_image() {
    let web = "
x-common: &common
  image: r.io/common:1
services:
  web: { image: 'r.io/web:v1', profiles: [debug] }
  api: { <<: *common, command: serve }
  tool: { build: . }
  built: { build: ., image: 'r.io/built:v2' }
  data:
    image: r.io/data@sha256:0123456789012345678901234567890123456789012345678901234567890123
    volumes:
      - /a:/b
      - { type: image, source: 'r.io/files:v3', target: /c }
";
    let pinned = format!("r.io/data@sha256:{}0123", "0123456789".repeat(6));
    assert_eq!(
        images(&[("compose.yaml", web)]),
        [
            "r.io/built:v2",
            "r.io/common:1",
            &pinned,
            "r.io/files:v3",
            "r.io/web:v1"
        ]
    );
}

#[test]
fn variables_come_from_the_file_beside_it_and_from_defaults_alone() {
    let text = "services: { web: { image: 'r.io/web:${TAG}' }, api: { image: '${HOST:-r.io}/api:$TAG' } }";
    let env = "# of the deployment\nexport TAG=\"v7\" # now\n";
    assert_eq!(
        images(&[("compose.yaml", text), (".env", env)]),
        ["r.io/api:v7", "r.io/web:v7"]
    );
    let (references, gaps) = read_files(&[("compose.yaml", text)]);
    assert!(references.is_empty());
    assert_eq!(gaps.len(), 2, "{gaps:?}");
    assert!(gaps[0].contains("service api") && gaps[0].contains("TAG"), "{gaps:?}");
}

#[test]
fn other_files_are_followed_where_they_can_be() {
    let main = "include: [ 'more/compose.yaml', { path: [ 'compose-two.yaml' ] } ]
services: { web: { extends: { file: base.yaml, service: web } } }";
    let more = "services: { more: { image: 'r.io/more:1' } }\ninclude: [ ../compose.yaml ]";
    let files = [
        ("compose.yaml", main),
        ("more/compose.yaml", more),
        ("compose-two.yaml", "services: { two: { image: 'r.io/two:2' } }"),
        ("base.yaml", "services: { web: { image: 'r.io/base:3' } }"),
    ];
    assert_eq!(images(&files), ["r.io/base:3", "r.io/more:1", "r.io/two:2"]);
    let (_, gaps) = read_files(&[("compose.yaml", "include: [ 'oci://r.io/app:1', missing.yaml ]")]);
    assert_eq!(gaps.len(), 2, "{gaps:?}");
    for file in ["https://r.io/compose.yaml", "$FOLDER/compose.yaml", ""] {
        let extends = format!("services: {{ web: {{ extends: {{ file: '{file}', service: web }} }} }}");
        let (_, gaps) = read_files(&[("compose.yaml", &extends)]);
        assert!(
            gaps.len() == 1 && gaps[0].contains("what it extends is not known"),
            "{gaps:?}"
        );
    }
}

#[test]
fn what_is_no_compose_file_is_a_gap() {
    for text in [
        "services: 5",
        "services: { web: { image: [a] } }",
        "{",
        "services: { web: {} }",
    ] {
        let (_, gaps) = read_files(&[("compose.yaml", text)]);
        assert_eq!(gaps.len(), 1, "{text}: {gaps:?}");
    }
    let laughs: String = (1..30)
        .map(|n| format!("a{n}: &a{n} [{0}, {0}, {0}]\n", format!("*a{}", n - 1)))
        .collect();
    let (_, gaps) = read_files(&[(
        "compose.yaml",
        &format!("x-a0: &a0 [x]\nx-b:\n  {}", laughs.replace('\n', "\n  ")),
    )]);
    assert!(gaps.len() == 1 && gaps[0].contains("no Compose file"), "{gaps:?}");
}

#[test]
fn a_file_whose_services_stand_elsewhere_is_a_gap() {
    for (text, expected) in [
        ("web: { image: 'r.io/web:v1' }", "it has a part `web`"),
        (
            "apiVersion: v1\nkind: Pod\nspec: { containers: [] }",
            "it has a part `apiVersion`",
        ),
        (
            "services: {}\n---\nservices: { web: { image: 'r.io/web:v1' } }",
            "no Compose file",
        ),
        (
            "services: { web: { image: 'r.io/web:v1' } }\n---\nservices: {}",
            "no Compose file",
        ),
        ("networks: { front: {} }", "no Compose file names an image"),
        ("", "no Compose file"),
        ("services: { web: }", "neither an image nor a build"),
        (
            "services: { web: { image: '${IMAGE:-}' } }",
            "neither an image nor a build",
        ),
    ] {
        let (_, gaps) = read_files(&[("compose.yaml", text)]);
        assert!(gaps.len() == 1 && gaps[0].contains(expected), "{text}: {gaps:?}");
    }
    for text in [
        "services: {}\n---\nservices: {}",
        "services: { web: { image: a, image: b } }",
        "services: { web: { image: a } }\nservices: {}",
    ] {
        let (_, gaps) = read_files(&[("compose.yaml", text)]);
        let for_programmers = ["from_str", "Options", "Policy"];
        assert!(!for_programmers.iter().any(|word| gaps[0].contains(word)), "{gaps:?}");
    }
    let plain = "version: '3'\nname: shop\nx-any: { a: 1 }\nnetworks: {}\nvolumes: {}\nconfigs: {}\nsecrets: {}
services: { web: { image: 'r.io/web:v1', ports: [80], environment: { 1: 2 } } }";
    assert_eq!(images(&[("compose.yaml", plain)]), ["r.io/web:v1"]);
}

#[test]
fn models_are_in_use_as_images_are() {
    let text = "services: { web: { image: 'r.io/web:v1' }, old: { provider: { type: model, options: { model: 'r.io/old:1' } } } }
models: { llm: { model: 'r.io/llm:${SIZE:-small}' } }";
    assert_eq!(
        images(&[("compose.yaml", text)]),
        ["r.io/llm:small", "r.io/old:1", "r.io/web:v1"]
    );
}

#[test]
fn what_one_file_leaves_out_another_one_of_the_folder_may_say() {
    let base = "services: { web: { image: 'r.io/web:v1' }, api: { build: . } }";
    let more = "services: { web: { ports: [80] }, api: { ports: [81] } }";
    assert_eq!(
        images(&[("compose.yaml", base), ("compose-more.yaml", more)]),
        ["r.io/web:v1"]
    );
    let (_, gaps) = read_files(&[("a/compose.yaml", base), ("compose.yaml", more)]);
    assert_eq!(gaps.len(), 2, "{gaps:?}");
}

#[test]
fn what_compose_reads_unasked_is_read() {
    let base = ("compose.yaml", "services: { web: { image: 'r.io/web:v1' } }");
    let changed = "services: { web: { image: 'r.io/web:v2' } }";
    assert_eq!(
        images(&[base, ("docker-compose.override.yml", changed)]),
        ["r.io/web:v1", "r.io/web:v2"]
    );
    let env = (".env", "COMPOSE_FILE=compose.yaml:prod.yaml");
    assert_eq!(
        images(&[base, env, ("prod.yaml", changed)]),
        ["r.io/web:v1", "r.io/web:v2"]
    );
    let env = (".env", "COMPOSE_PATH_SEPARATOR=,\nCOMPOSE_FILE=compose.yaml,prod.yaml");
    assert_eq!(
        images(&[base, env, ("prod.yaml", changed)]),
        ["r.io/web:v1", "r.io/web:v2"]
    );
    let (_, gaps) = read_files(&[base, (".env", "COMPOSE_FILE=$ELSEWHERE")]);
    assert_eq!(gaps.len(), 1, "{gaps:?}");
}

#[test]
fn who_takes_a_file_in_sets_its_variables_first() {
    let web = "services: { web: { image: 'r.io/web:${TAG:-none}-${OTHER:-none}' } }";
    let include = "include: [ more/compose.yaml ]";
    let outer = (".env", "TAG=outer");
    let inner = ("more/.env", "TAG=inner\nOTHER=inner");
    let more = ("more/compose.yaml", web);
    let read = |main: &str, more_files: &[(&str, &str)]| {
        let mut files = vec![("compose.yaml", main), more];
        files.extend(more_files);
        images(&files)
    };
    assert_eq!(read(include, &[outer, inner]), ["r.io/web:outer-inner"]);
    assert_eq!(read(include, &[inner]), ["r.io/web:inner-inner"]);
    let extends = "services: { web: { extends: { file: more/compose.yaml, service: web } } }";
    assert_eq!(read(extends, &[outer, inner]), ["r.io/web:outer-none"]);
    let named = "include: [ { path: more/compose.yaml, env_file: [ a.env, b.env ] } ]";
    let files = [("a.env", "TAG=a\nOTHER=a"), ("b.env", "OTHER=b"), inner];
    assert_eq!(read(named, &files), ["r.io/web:a-b"]);
    let elsewhere = "include: [ { path: more/compose.yaml, project_directory: dir } ]";
    assert_eq!(
        read(elsewhere, &[("dir/.env", "TAG=dir"), inner]),
        ["r.io/web:dir-none"]
    );
    let (_, gaps) = read_files(&[("compose.yaml", named), more]);
    assert_eq!(gaps.len(), 2, "{gaps:?}");
}

#[test]
fn a_line_of_an_env_file_that_is_not_understood_is_a_gap_that_does_not_tell_it() {
    let base = ("compose.yaml", "services: { web: { image: 'r.io/web:${TAG:-v1}' } }");
    for env in ["TAG", "PASSWORD=\"secret\nTAG=v2\"", "secret stands here"] {
        let (_, gaps) = read_files(&[base, (".env", env)]);
        assert!(!gaps.is_empty() && gaps[0].contains(".env:1: "), "{env}: {gaps:?}");
        assert!(!gaps.join("\n").contains("secret"), "{gaps:?}");
    }
}

#[test]
fn files_that_include_ever_more_files_end() {
    let many: Vec<(String, String)> = (0..=MOST_FILES)
        .map(|number| (format!("f{number}.yaml"), format!("include: [ f{}.yaml ]", number + 1)))
        .collect();
    let mut files: Vec<(&str, &str)> = many.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    files.push(("compose.yaml", "include: [ f0.yaml ]"));
    let (_, gaps) = read_files(&files);
    assert!(gaps.len() == 1 && gaps[0].contains("include each other"), "{gaps:?}");
}

#[test]
fn what_is_wrong_is_told_in_short_and_steers_no_terminal() {
    let long = "x".repeat(10_000);
    let text =
        format!("services: {{ web: {{ image: '${{A!{long}\u{202e}}}' }} }}\ninclude: [ [ \"{long}\u{202e}\" ] ]");
    let (_, gaps) = read_files(&[("compose.yaml", &text)]);
    assert_eq!(gaps.len(), 2, "{gaps:?}");
    assert!(
        gaps.iter().all(|gap| gap.len() < 1_000 && !gap.contains('\u{202e}')),
        "{gaps:?}"
    );
}
