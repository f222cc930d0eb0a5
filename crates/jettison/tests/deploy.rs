//! What `deploy/` and the pages for operators tell people to run and to write is what this version understands: each
//! command line is parsed by the program's own, each configuration is read. Nothing is run but the checks of systemd.

#[cfg(test)]
mod deploy {
    use std::fs;
    use std::path::{Path, PathBuf};
    use std::process::Command;

    use clap::Parser as _;
    use jettison::cli::Cli;
    use jettison_core::config::Config;
    use serde_json::Value;

    /// Where the unit looks for the program.
    const INSTALLED: &str = "/usr/local/bin/jettison";

    /// Files with command lines, and how many at least: whoever writes them differently shall not go unread.
    const TOLD: [(&str, usize); 13] = [
        ("deploy/systemd/jettison.service", 2),
        ("deploy/systemd/jettison.service.d/delete.conf.example", 1),
        ("deploy/systemd/jettison-host-watch.service", 2),
        ("deploy/systemd/jettison-host-watch.service.d/delete.conf.example", 2),
        ("deploy/systemd/jettison-host-prune.service", 1),
        ("deploy/systemd/jettison-host-prune.service.d/delete.conf.example", 1),
        ("deploy/ci/github-actions.yml", 3),
        ("deploy/ci/gitlab-ci.yml", 3),
        ("docs/every-hour.md", 22),
        ("docs/in-use.md", 3),
        ("docs/aws.md", 12),
        ("docs/ecr-policies.md", 4),
        ("README.md", 2),
    ];

    const LIFECYCLE: &str = r#"{"rules": [{"rulePriority": 1, "selection": {"tagStatus": "any", "countType": "imageCountMoreThan",
        "countNumber": 100}, "action": {"type": "expire"}}]}"#;

    /// Commands that change no registry.
    const HARMLESS: [&str; 4] = ["plan", "policy", "scan", "usage"];

    fn at(path: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
    }

    fn read(path: &str) -> String {
        fs::read_to_string(at(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// The command lines of jettison in a file, without its name.
    fn commands(path: &str) -> Vec<Vec<String>> {
        let text = read(path).replace("\\\n", " ");
        let is_page = path.ends_with(".md");
        let mut is_code = !is_page;
        let mut found = Vec::new();
        for line in text.lines() {
            if is_page && line.trim_start().starts_with("```") {
                is_code = !is_code;
            }
            // What stands in a comment for people to type is set apart from its prose.
            let typed = line.strip_prefix("#   ").unwrap_or(line).trim();
            let typed = ["- ", "run: ", "ExecStart=", "17 * * * * "]
                .iter()
                .fold(typed, |rest, lead| rest.strip_prefix(lead).unwrap_or(rest));
            let mut words = words(typed);
            let assignments = words.iter().take_while(|word| is_assignment(word)).count();
            words.drain(..assignments);
            let is_ours = words
                .first()
                .is_some_and(|word| word == "jettison" || word == INSTALLED);
            if is_code && is_ours {
                found.push(words.split_off(1));
            }
        }
        found
    }

    /// `NAME=value`, in front of a command.
    fn is_assignment(word: &str) -> bool {
        word.split_once('=')
            .is_some_and(|(name, _)| !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c == '_'))
    }

    /// The words of the first command in a line of the shell; quotes are the only thing that is understood.
    fn words(line: &str) -> Vec<String> {
        let mut words = vec![String::new()];
        let mut quote = None;
        for character in line.chars() {
            match (quote, character) {
                (Some(open), _) if open == character => quote = None,
                (None, '\'' | '"') => quote = Some(character),
                (None, '|' | '>' | '<' | ';' | '&') => break,
                (None, '#') if words.last().is_some_and(String::is_empty) => break,
                (None, ' ') => words.push(String::new()),
                _ => words.last_mut().unwrap().push(character),
            }
        }
        words.retain(|word| !word.is_empty());
        words
    }

    fn expect_understood(place: &str, words: &[String]) {
        let line = std::iter::once("jettison").chain(words.iter().map(String::as_str));
        if let Err(error) = Cli::try_parse_from(line) {
            panic!("{place} says `jettison {}`: {error}", words.join(" "));
        }
    }

    fn expect_valid(place: &str, text: &str) -> Config {
        // Whatever lifecycle policy a page names, it is one that AWS takes.
        let lifecycle = |_: &str| Ok(LIFECYCLE.to_owned());
        match Config::parse_beside(place, text, &lifecycle) {
            Ok((config, warnings)) if warnings.is_empty() => config,
            other => panic!("{place}: {other:?}"),
        }
    }

    /// The folder of the unit's state, which the program is told and systemd makes.
    const HOST_STATE: &str = "/var/lib/jettison-host";

    /// The units of a server, each with what lets it delete.
    const OF_HOSTS: [&str; 2] = ["jettison-host-watch.service", "jettison-host-prune.service"];

    fn daemon_set() -> Vec<Value> {
        serde_saphyr::from_multiple(&read("deploy/kubernetes/host-watch.yaml")).unwrap()
    }

    fn cron_job() -> Vec<Value> {
        serde_saphyr::from_multiple(&read("deploy/kubernetes/cronjob.yaml")).unwrap()
    }

    fn of_kind<'o>(objects: &'o [Value], kind: &str) -> &'o Value {
        objects.iter().find(|object| object["kind"] == kind).unwrap()
    }

    fn pod(objects: &[Value]) -> &Value {
        &of_kind(objects, "CronJob")["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    }

    fn arguments(pod: &Value) -> Vec<String> {
        let arguments = pod["containers"][0]["args"].as_array().unwrap();
        arguments
            .iter()
            .map(|argument| argument.as_str().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn every_command_line_is_understood_by_the_program() {
        for (path, least) in TOLD {
            let commands = commands(path);
            assert!(commands.len() >= least, "{path}: {commands:?}");
            commands.iter().for_each(|words| expect_understood(path, words));
        }
        expect_understood("the CronJob", &arguments(pod(&cron_job())));
        let objects = daemon_set();
        let pod = &of_kind(&objects, "DaemonSet")["spec"]["template"]["spec"];
        expect_understood("the DaemonSet", &arguments(pod));
    }

    #[test]
    fn every_configuration_is_read_without_error_or_warning() {
        let objects = cron_job();
        let config = of_kind(&objects, "ConfigMap")["data"]["jettison.yaml"]
            .as_str()
            .unwrap();
        assert_eq!(expect_valid("the ConfigMap", config).usage.len(), 1);
        let path = "deploy/systemd/jettison.yaml";
        assert_eq!(expect_valid(path, &read(path)).usage.len(), 2);
        for (path, least) in [
            ("docs/every-hour.md", 2),
            ("docs/in-use.md", 6),
            ("docs/aws.md", 4),
            ("docs/ecr-policies.md", 1),
            ("README.md", 1),
        ] {
            let page = read(path);
            let blocks = page.split("```yaml\n").skip(1);
            let blocks: Vec<&str> = blocks.filter_map(|block| block.split("```").next()).collect();
            assert!(blocks.len() >= least, "{path}");
            blocks.iter().for_each(|block| drop(expect_valid(path, block)));
        }
    }

    #[test]
    fn nothing_deletes_before_somebody_has_said_so() {
        let service = commands("deploy/systemd/jettison.service");
        let runs: Vec<_> = service
            .iter()
            .filter(|words| words[0] == "run")
            .cloned()
            .chain([arguments(pod(&cron_job()))])
            .collect();
        assert_eq!(runs.len(), 2);
        for run in runs {
            assert_eq!(run[..2], ["run", "--dry-run"]);
        }
        let told = commands("deploy/systemd/jettison.service.d/delete.conf.example");
        assert_eq!(told[0][..2], ["run", "--yes"]);
        for path in ["deploy/ci/github-actions.yml", "deploy/ci/gitlab-ci.yml"] {
            for words in commands(path) {
                assert!(HARMLESS.contains(&words[0].as_str()), "{path}: {words:?}");
            }
        }
    }

    #[test]
    fn nothing_goes_from_a_server_before_somebody_has_said_so() {
        for unit in OF_HOSTS {
            let runs = commands(&format!("deploy/systemd/{unit}"));
            let run = runs.iter().find(|words| words[0] == "host").unwrap();
            assert!(
                run[1] == "plan" || run.contains(&"--observe-only".to_owned()),
                "{run:?}"
            );
            assert!(!run.contains(&"--yes".to_owned()), "{run:?}");
            let told = commands(&format!("deploy/systemd/{unit}.d/delete.conf.example"));
            let told = told.last().unwrap();
            assert!(told.contains(&"--yes".to_owned()), "{told:?}");
            for words in [run, told] {
                assert_eq!(words[words.len() - 2..], ["--state", HOST_STATE]);
            }
            let state = HOST_STATE.rsplit_once('/').unwrap().1;
            assert!(read(&format!("deploy/systemd/{unit}")).contains(&format!("\nStateDirectory={state}\n")));
        }
        let objects = daemon_set();
        let arguments = arguments(&of_kind(&objects, "DaemonSet")["spec"]["template"]["spec"]);
        assert_eq!(
            arguments[..4],
            ["host", "watch", "--observe-only", "--on-kubernetes-node"]
        );
    }

    #[test]
    fn the_pod_of_a_node_has_the_socket_the_images_and_its_state_and_nothing_else_of_the_node() {
        let objects = daemon_set();
        let pod = &of_kind(&objects, "DaemonSet")["spec"]["template"]["spec"];
        let volumes = pod["volumes"].as_array().unwrap();
        let of_node: Vec<&str> = volumes
            .iter()
            .filter_map(|volume| volume["hostPath"]["path"].as_str())
            .collect();
        assert_eq!(of_node, [HOST_STATE, "/var/run/docker.sock", "/var/lib/docker"]);
        let mounts = pod["containers"][0]["volumeMounts"].as_array().unwrap();
        for (volume, mount) in volumes.iter().zip(mounts) {
            let is_same = volume["name"] == mount["name"] && volume["hostPath"]["path"] == mount["mountPath"];
            assert!(is_same, "{volume} {mount}");
            let is_written = volume["hostPath"]["path"] != "/var/lib/docker";
            assert_eq!(mount["readOnly"].as_bool().unwrap_or_default(), !is_written, "{mount}");
        }
        assert_eq!(
            pod["containers"][0]["securityContext"]["capabilities"]["drop"][0],
            "ALL"
        );
        assert_eq!(pod["automountServiceAccountToken"], false);
        // Nowhere else: the namespace of the rest allows no folder of a node.
        assert_eq!(of_kind(&objects, "DaemonSet")["metadata"]["namespace"], "jettison-host");
    }

    #[test]
    fn the_pod_is_who_the_roles_and_the_image_are_made_for() {
        let objects = cron_job();
        let pod = pod(&objects);
        assert_eq!(pod["serviceAccountName"], "jettison");
        let containerfile = read("deploy/Containerfile");
        let user = &pod["securityContext"]["runAsUser"];
        assert!(containerfile.contains(&format!("\nUSER {user}:{user}\n")));
        assert!(containerfile.contains("\nENTRYPOINT [\"jettison\"]\n"));
    }

    #[test]
    fn the_image_is_built_from_all_that_the_build_needs() {
        let containerfile = read("deploy/Containerfile");
        let copies = containerfile.lines().filter_map(|line| line.strip_prefix("COPY "));
        let copies = copies.filter(|line| !line.starts_with("--"));
        let copied: Vec<&str> = copies
            .flat_map(|line| line.rsplit_once(' ').unwrap().0.split(' '))
            .collect();
        for path in &copied {
            assert!(at(path).exists(), "{path}");
        }
        let manifest = read("Cargo.toml");
        let members = manifest
            .lines()
            .find_map(|line| line.strip_prefix("members = "))
            .unwrap();
        let members: Vec<String> = serde_json::from_str(members).unwrap();
        for member in members {
            assert!(copied.contains(&member.split('/').next().unwrap()), "{member}");
        }
    }

    /// The units of `deploy/systemd/` with every example in force, for a program that is there.
    fn units() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let copy = |from: &str, to: &Path| {
            for file in fs::read_dir(at(from))
                .unwrap()
                .map(|entry| entry.unwrap().path())
                .filter(|path| path.is_file())
            {
                let text = fs::read_to_string(&file)
                    .unwrap()
                    .replace(INSTALLED, env!("CARGO_BIN_EXE_jettison"));
                let name = file.file_name().unwrap().to_str().unwrap();
                fs::write(to.join(name.trim_end_matches(".example")), text).unwrap();
            }
        };
        copy("deploy/systemd", folder.path());
        for unit in OF_HOSTS.iter().chain(&["jettison.service"]) {
            let more = folder.path().join(format!("{unit}.d"));
            fs::create_dir(&more).unwrap();
            copy(&format!("deploy/systemd/{unit}.d"), &more);
        }
        folder
    }

    /// What systemd says of these units; none where it is not installed, or older than Debian 12's.
    fn systemd(words: &[&str], folder: &Path) -> Option<(bool, String)> {
        let version = Command::new("systemd-analyze").arg("--version").output().ok()?;
        let version = String::from_utf8(version.stdout).ok()?;
        version
            .split(' ')
            .nth(1)?
            .parse::<u32>()
            .ok()
            .filter(|number| *number >= 252)?;
        let told = Command::new("systemd-analyze")
            .args(words)
            .current_dir(folder)
            .output()
            .ok()?;
        let text = [told.stdout, told.stderr].concat();
        Some((told.status.success(), String::from_utf8_lossy(&text).into_owned()))
    }

    #[test]
    fn systemd_finds_nothing_wrong_with_the_units() {
        let folder = units();
        let files = [
            "./jettison.service",
            "./jettison.timer",
            "./jettison-failed.service",
            "./jettison-host-watch.service",
            "./jettison-host-prune.service",
            "./jettison-host-prune.timer",
        ];
        let words = [&["verify", "--man=no", "--recursive-errors=no"][..], &files].concat();
        // It reports most mistakes in words alone.
        if let Some(told) = systemd(&words, folder.path()) {
            assert_eq!(told, (true, String::new()));
        }
    }

    #[test]
    fn the_services_may_do_little() {
        let folder = units();
        // Of 100, where 0 is nothing at all. Opening connections alone is 9; being root and seeing its files is more.
        for (unit, most) in [
            ("./jettison.service", "15"),
            ("./jettison-host-watch.service", "30"),
            ("./jettison-host-prune.service", "30"),
        ] {
            let words = ["security", "--offline=true", "--threshold", most, unit];
            if let Some((holds, told)) = systemd(&words, folder.path()) {
                assert!(holds, "{told}");
            }
        }
    }
}
