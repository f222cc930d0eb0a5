//! Every key that the file may hold, what may stand behind it, and what it is for.
//!
//! The reader refuses whatever does not stand here, and the JSON Schema is made from it: neither knows a key that the
//! other does not. The keys of price files stand in `money/keys.rs`, in the same form, those for servers in `keys/host.rs`.

mod host;

pub(crate) use host::{BUILD_CACHE, DISK, HOST, SERVERS, misplaced};

/// A mapping with known keys.
#[derive(Debug)]
pub(crate) struct Object {
    /// What it is called in messages and in the schema.
    pub(crate) name: &'static str,
    pub(crate) keys: &'static [Key],
}

/// A key of a mapping.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) form: Form,
    pub(crate) required: bool,
    pub(crate) about: &'static str,
}

/// What may stand behind a key.
#[derive(Debug)]
pub(crate) enum Form {
    Text,
    Choice(&'static [&'static str]),
    Flag,
    True,
    Count { least: u64 },
    Duration,
    Size,
    Share,
    Moment,
    Date,
    Money,
    Object(&'static Object),
    List { of: &'static Form, least: u64 },
    Map { of: &'static Form, least: u64 },
    OneOf(&'static [Form]),
}

pub(crate) const fn key(name: &'static str, form: Form, about: &'static str) -> Key {
    Key {
        name,
        form,
        required: false,
        about,
    }
}

pub(crate) const fn required(name: &'static str, form: Form, about: &'static str) -> Key {
    Key {
        name,
        form,
        required: true,
        about,
    }
}

pub(crate) const TEXTS: Form = Form::List {
    of: &Form::Text,
    least: 1,
};
const ANY_TEXTS: Form = Form::List {
    of: &Form::Text,
    least: 0,
};

/// The words in which policies of one kind are written.
#[derive(Debug)]
pub(crate) struct Language {
    pub(crate) policy: &'static Object,
    pub(crate) rule: &'static Object,
    pub(crate) matches: &'static Object,
    pub(crate) conditions: &'static Object,
    /// What `match` calls an image without a tag.
    pub(crate) untagged: &'static str,
    /// What applies where no policies are given.
    pub(crate) built_in: &'static str,
}

/// The language of policies for registries.
pub(crate) static REGISTRIES: Language = Language {
    policy: &POLICY,
    rule: &RULE,
    matches: &MATCH,
    conditions: &CONDITIONS,
    untagged: "untagged",
    built_in: "the built-in policy `standard`",
};

/// A usage source is read by the keys of its kind.
pub(crate) static USAGE: &[(&str, &Object)] = &[
    ("kubernetes", &KUBERNETES_SOURCE),
    ("docker", &DOCKER_SOURCE),
    ("podman", &PODMAN_SOURCE),
    ("compose", &COMPOSE_SOURCE),
    ("file", &FILE_SOURCE),
    ("command", &COMMAND_SOURCE),
    ("aws", &AWS_SOURCE),
];
/// The kinds that rules may name: [`crate::model::Kind`].
pub(crate) const KINDS: &[&str] = &["image", "build-cache", "chart", "artifact", "orphan"];
/// Within what blobs are stored once: [`crate::model::Sharing`].
pub(crate) const SHARING: &[&str] = &["registry", "repository"];
/// What may be done with what a rule expires: [`crate::policy::RuleAction`].
pub(crate) const ACTIONS: &[&str] = &["delete", "archive"];
/// What a rule may count from: [`crate::policy::Since`].
pub(crate) const SINCE: &[&str] = &["latest", "push"];
/// Among what a rule may rank: [`crate::policy::RankAmong`].
pub(crate) const RANK_AMONG: &[&str] = &["governed", "fitting"];

pub(crate) static CONFIG: Object = Object {
    name: "configuration",
    keys: &[
        key(
            "registries",
            Form::List {
                of: &Form::Object(&REGISTRY),
                least: 0,
            },
            "The registries to scan.",
        ),
        key(
            "usage",
            Form::List {
                of: &Form::OneOf(&[
                    Form::Object(&KUBERNETES_SOURCE),
                    Form::Object(&DOCKER_SOURCE),
                    Form::Object(&PODMAN_SOURCE),
                    Form::Object(&COMPOSE_SOURCE),
                    Form::Object(&FILE_SOURCE),
                    Form::Object(&COMMAND_SOURCE),
                    Form::Object(&AWS_SOURCE),
                ]),
                least: 0,
            },
            "Who may refer to images.",
        ),
        key(
            "policies",
            Form::List {
                of: &Form::Object(&POLICY),
                least: 0,
            },
            "What may go. For a repository, the first policy that covers it applies. Without this key the built-in policy `standard` does.",
        ),
        key("limits", Form::Object(&LIMITS), "How much may go in one run."),
        key(
            "grace",
            Form::Duration,
            "How long an image is safe after its push. Default: 24h.",
        ),
        key(
            "usage-memory",
            Form::Duration,
            "How long an image is safe after it was last seen in use. Default: 14d.",
        ),
        key(
            "journal-memory",
            Form::Duration,
            "How long deleted manifests can be put back. Default: 90d.",
        ),
        key(
            "protect",
            ANY_TEXTS,
            "What stays whatever the rules say: globs `[registry/]repository[:tag]`, or `repository@digest`.",
        ),
        key(
            "immutable",
            Form::List {
                of: &Form::Object(&IMMUTABLE),
                least: 0,
            },
            "Tags that are never removed.",
        ),
        key(
            "host",
            Form::Object(&HOST),
            "What may go from the disks of servers: `jettison host`.",
        ),
    ],
};

pub(crate) static REGISTRY: Object = Object {
    name: "registry",
    keys: &[
        required(
            "host",
            Form::Text,
            "The host, as it stands in image references: `registry.example.com:5000`.",
        ),
        key(
            "aliases",
            ANY_TEXTS,
            "Other hosts under which images of this registry are referred to.",
        ),
        key(
            "mirrors",
            ANY_TEXTS,
            "Where images of this registry are pulled through, and the path there: `mirror.example.com/hub`.",
        ),
        key(
            "repositories",
            TEXTS,
            "Globs on the repositories to scan; `!` excludes. Default: all.",
        ),
        key(
            "expects",
            Form::OneOf(&[Form::Choice(&["none"]), TEXTS]),
            "The usage sources without which nothing is deleted here, or `none`, said on purpose.",
        ),
        key(
            "trust-created",
            Form::Flag,
            "Take a plausible build date for the age where the registry does not tell the push time. Default: false.",
        ),
        key(
            "sharing",
            Form::Choice(SHARING),
            "Within what a blob that several images refer to is stored once, where that is not what jettison takes it for: ECR each repository, others the whole registry.",
        ),
        key(
            "product",
            Form::Text,
            "The product by whose prices it is billed, as price files name it. Default: the one whose hosts it fits.",
        ),
        key(
            "plain-http",
            Form::Flag,
            "Speak plain HTTP, not only to a loopback address. Default: false.",
        ),
        key(
            "ca-file",
            Form::Text,
            "A PEM file with the certificate authorities to trust here.",
        ),
        key(
            "client-certificate",
            Form::Text,
            "A PEM file with the client's certificate; needs `client-key`.",
        ),
        key(
            "client-key",
            Form::Text,
            "A PEM file with the client's key; needs `client-certificate`.",
        ),
        key(
            "aws",
            Form::Object(&REGISTRY_AWS),
            "How an ECR registry is reached. A host of ECR is known by its name and needs no word of it.",
        ),
    ],
};

const AWS_PROFILE: Key = key(
    "profile",
    Form::Text,
    "The profile of AWS's own configuration files. Default: what the environment names.",
);
const AWS_ROLE: Key = key(
    "role-arn",
    Form::Text,
    "The role to take on: `arn:aws:iam::123456789012:role/NAME`.",
);
const AWS_ENDPOINT: Key = key(
    "endpoint",
    Form::Text,
    "The address that stands in for those of AWS, for tests and private endpoints.",
);

pub(crate) static REGISTRY_AWS: Object = Object {
    name: "aws",
    keys: &[
        key(
            "account",
            Form::Text,
            "The twelve digits of the account, where the host does not name it; needs `region` and `endpoint`.",
        ),
        key(
            "region",
            Form::Text,
            "The region, where the host does not name it; needs `account` and `endpoint`.",
        ),
        AWS_PROFILE,
        AWS_ROLE,
        AWS_ENDPOINT,
    ],
};

const SOURCE_NAME: Key = required("name", Form::Text, "Its name, unique in the file.");
const SOURCE_COVERS: Key = key(
    "covers",
    TEXTS,
    "Globs on `registry/repository`: what it could refer to. Default: all.",
);
const SOURCE_ALLOW_EMPTY: Key = key(
    "allow-empty",
    Form::Flag,
    "It may name no image, or far fewer than before, and still be complete. Default: false.",
);
const SOURCE_IGNORES: Key = key(
    "ignore-references",
    TEXTS,
    "References that may be passed over although they cannot be understood, exactly as they are written there.",
);
const SOURCE_TIMEOUT: Key = key(
    "timeout-seconds",
    Form::Count { least: 1 },
    "How long it may take to answer before it counts as partial. Default: 300.",
);

pub(crate) static FILE_SOURCE: Object = Object {
    name: "file source",
    keys: &[
        SOURCE_NAME,
        required("kind", Form::Choice(&["file"]), "Files that name images."),
        required(
            "paths",
            TEXTS,
            "Globs on the files: plain lists of image references, or the usage form.",
        ),
        SOURCE_COVERS,
        SOURCE_ALLOW_EMPTY,
        SOURCE_IGNORES,
    ],
};

pub(crate) static COMPOSE_SOURCE: Object = Object {
    name: "compose source",
    keys: &[
        SOURCE_NAME,
        required("kind", Form::Choice(&["compose"]), "Compose files."),
        required("paths", TEXTS, "Globs on the files."),
        SOURCE_COVERS,
        SOURCE_ALLOW_EMPTY,
        SOURCE_IGNORES,
    ],
};

pub(crate) static COMMAND_SOURCE: Object = Object {
    name: "command source",
    keys: &[
        SOURCE_NAME,
        required(
            "kind",
            Form::Choice(&["command"]),
            "A program that prints images, for whatever jettison does not ask itself.",
        ),
        required(
            "command",
            TEXTS,
            "The program and its arguments; no shell takes part. It prints image references, or the usage form.",
        ),
        SOURCE_TIMEOUT,
        SOURCE_COVERS,
        SOURCE_ALLOW_EMPTY,
        SOURCE_IGNORES,
    ],
};

pub(crate) static KUBERNETES_SOURCE: Object = Object {
    name: "kubernetes source",
    keys: &[
        SOURCE_NAME,
        required("kind", Form::Choice(&["kubernetes"]), "A Kubernetes cluster."),
        key(
            "context",
            Form::Text,
            "The context of the kubeconfig. Needed unless `kubeconfig` or `in-cluster` is given; then its current one.",
        ),
        key(
            "kubeconfig",
            Form::Text,
            "The file. Default: what KUBECONFIG names, else ~/.kube/config.",
        ),
        key(
            "in-cluster",
            Form::Flag,
            "Ask the cluster that jettison runs in, as its service account. Default: false.",
        ),
        key(
            "helm",
            Form::Flag,
            "Also read the history of Helm releases, which needs the permission to list secrets. Default: false.",
        ),
        key(
            "leave-out",
            TEXTS,
            "Kinds of objects that are not looked through, by their plural name and group: `backups.velero.io`.",
        ),
        SOURCE_TIMEOUT,
        SOURCE_COVERS,
        SOURCE_ALLOW_EMPTY,
        SOURCE_IGNORES,
    ],
};

const ENGINE_HOST: &str =
    "Its socket: `unix:///run/docker.sock`, `tcp://host:2376`, `ssh://user@host`. Default: the local one.";
const ENGINE_CA: Key = key(
    "ca-file",
    Form::Text,
    "A PEM file with the certificate authorities to trust.",
);
const ENGINE_CERTIFICATE: Key = key(
    "client-certificate",
    Form::Text,
    "A PEM file with the client's certificate; needs `client-key`.",
);
const ENGINE_KEY: Key = key(
    "client-key",
    Form::Text,
    "A PEM file with the client's key; needs `client-certificate`.",
);

pub(crate) static DOCKER_SOURCE: Object = Object {
    name: "docker source",
    keys: &[
        SOURCE_NAME,
        required(
            "kind",
            Form::Choice(&["docker"]),
            "A host with Docker, and its Swarm if it manages one.",
        ),
        key("host", Form::Text, ENGINE_HOST),
        key(
            "context",
            Form::Text,
            "The name of a `docker context`, in place of `host`.",
        ),
        ENGINE_CA,
        ENGINE_CERTIFICATE,
        ENGINE_KEY,
        key(
            "swarm",
            Form::Flag,
            "It has to be a manager of a Swarm, whose services count. Default: they count if it is one.",
        ),
        SOURCE_TIMEOUT,
        SOURCE_COVERS,
        SOURCE_ALLOW_EMPTY,
        SOURCE_IGNORES,
    ],
};

pub(crate) static PODMAN_SOURCE: Object = Object {
    name: "podman source",
    keys: &[
        SOURCE_NAME,
        required("kind", Form::Choice(&["podman"]), "A host with Podman, by its service."),
        key("host", Form::Text, ENGINE_HOST),
        ENGINE_CA,
        ENGINE_CERTIFICATE,
        ENGINE_KEY,
        SOURCE_TIMEOUT,
        SOURCE_COVERS,
        SOURCE_ALLOW_EMPTY,
        SOURCE_IGNORES,
    ],
};

pub(crate) static AWS_SOURCE: Object = Object {
    name: "aws source",
    keys: &[
        SOURCE_NAME,
        required(
            "kind",
            Form::Choice(&["aws"]),
            "What an account of AWS runs: ECS and Lambda.",
        ),
        required("account", Form::Text, "The twelve digits of the account, in quotes."),
        required("regions", TEXTS, "The regions that are asked."),
        AWS_PROFILE,
        AWS_ROLE,
        AWS_ENDPOINT,
        key(
            "task-definitions",
            Form::Count { least: 1 },
            "So many of the newest active revisions of each family of task definitions count as used. Default: 5.",
        ),
        key(
            "lambda-versions",
            Form::Count { least: 1 },
            "So many of the newest published versions of each function count as used. Default: 5.",
        ),
        SOURCE_TIMEOUT,
        SOURCE_COVERS,
        SOURCE_ALLOW_EMPTY,
        SOURCE_IGNORES,
    ],
};

pub(crate) static LIMITS: Object = Object {
    name: "limits",
    keys: &[
        key(
            "max-share",
            Form::Share,
            "A repository that would lose a greater share of its images is refused. Default: 50%.",
        ),
        key(
            "keep-at-least",
            Form::Count { least: 0 },
            "The newest so many images of a repository are never deleted. Default: 1.",
        ),
        key(
            "max-deletions",
            Form::Count { least: 0 },
            "At most so many images are deleted in one run. Default: no limit.",
        ),
    ],
};

pub(crate) static IMMUTABLE: Object = Object {
    name: "immutable tags",
    keys: &[
        required("tags", TEXTS, "Globs on tags; `!` excludes."),
        key(
            "repositories",
            TEXTS,
            "Globs on repositories; `!` excludes. Default: all.",
        ),
        key("registries", TEXTS, "Globs on hosts; `!` excludes. Default: all."),
    ],
};

const POLICY_NAME: Key = key("name", Form::Text, "Its name, unique in the file.");
const POLICY_REPOSITORIES: Key = key(
    "repositories",
    TEXTS,
    "Globs on the repositories it covers; `*` does not cross `/`, `**` does, `!` excludes. Default: all.",
);
const POLICY_REGISTRIES: Key = key(
    "registries",
    TEXTS,
    "Globs on the hosts it covers; `!` excludes. Default: all.",
);

pub(crate) static POLICY: Object = Object {
    name: "policy",
    keys: &[
        POLICY_NAME,
        POLICY_REPOSITORIES,
        POLICY_REGISTRIES,
        key(
            "untag",
            Form::Flag,
            "Also take expired tags off images that stay. Default: false.",
        ),
        key(
            "archive-anyway",
            Form::Flag,
            "Archive also where the registry holds so little that archiving saves nothing. Default: false.",
        ),
        key(
            "rules",
            Form::List {
                of: &Form::Object(&RULE),
                least: 1,
            },
            "Tried in order: the first that fits governs.",
        ),
        key(
            "ecr-policy",
            Form::Text,
            "In place of `rules`: a file with a lifecycle policy of Amazon ECR (JSON), beside this one.",
        ),
    ],
};

const RULE_NAME: Key = key("name", Form::Text, "Its name, unique in its policy.");
const RULE_KEEP: Key = key("keep", Form::Choice(&["always"]), "`always`: what fits stays.");
static GROUPINGS: [Form; 2] = [Form::Choice(&["repository", "branch"]), Form::Object(&GROUP)];
const RULE_GROUP_BY: Key = key(
    "group-by",
    Form::OneOf(&GROUPINGS),
    "Among what `beyond-newest` and `newest-per` rank. Default: repository.",
);
const RULE_RANK_AMONG: Key = key(
    "rank-among",
    Form::Choice(RANK_AMONG),
    "What takes part in the ranking: what the rule governs, or all that its match fits, also where a rule before it governs that. Default: governed.",
);
const RULE_ORDER: Key = key(
    "order",
    Form::Choice(&["time", "semver"]),
    "What they rank by. Default: time.",
);
const RULE_UNLESS: Key = key("unless", Form::Object(&UNLESS), "What stays whatever `expire` says.");

pub(crate) static RULE: Object = Object {
    name: "rule",
    keys: &[
        RULE_NAME,
        key(
            "match",
            Form::Object(&MATCH),
            "What it speaks of; every key must hold. Default: every image.",
        ),
        RULE_KEEP,
        key(
            "expire",
            Form::OneOf(&[
                Form::Object(&CONDITIONS),
                Form::List {
                    of: &Form::Object(&CONDITIONS),
                    least: 1,
                },
            ]),
            "When what fits may go: a mapping whose conditions must all hold, or a list of such, of which one suffices.",
        ),
        key(
            "action",
            Form::Choice(ACTIONS),
            "What is done with what expires: it is deleted, or archived where the registry can. Default: delete.",
        ),
        key(
            "since",
            Form::Choice(SINCE),
            "What ages, ranks and `not-pulled-for` count from: the arrival of the image, its tag and its last lost tag, whichever is latest, or the push alone. Default: latest.",
        ),
        RULE_GROUP_BY,
        RULE_RANK_AMONG,
        RULE_ORDER,
        RULE_UNLESS,
    ],
};

const MATCH_TAGS: Key = key("tags", TEXTS, "Globs on tags (`*`, `?`, `[…]`, `{a,b}`); `!` excludes.");
const MATCH_TAGS_REGEX: Key = key(
    "tags-regex",
    Form::OneOf(&[Form::Text, TEXTS]),
    "Regular expressions on tags, anchored at both ends.",
);
const MATCH_IMAGE_TAGS: Key = key(
    "image-tags",
    TEXTS,
    "Globs on all tags of the image together: each fits some tag of it, and one with `!` fits none.",
);
const MATCH_LABELS: Key = key(
    "labels",
    Form::Map {
        of: &Form::Text,
        least: 1,
    },
    "A glob for each label or annotation.",
);

pub(crate) static MATCH: Object = Object {
    name: "match",
    keys: &[
        MATCH_TAGS,
        MATCH_TAGS_REGEX,
        MATCH_IMAGE_TAGS,
        key("untagged", Form::True, "Only images without a tag."),
        key(
            "archived",
            Form::Flag,
            "Only images in the registry's archive, or only those that are not there. Default: both.",
        ),
        key(
            "kinds",
            Form::List {
                of: &Form::Choice(KINDS),
                least: 1,
            },
            "Default: image; with `keep: always` all kinds.",
        ),
        MATCH_LABELS,
        key(
            "platforms",
            TEXTS,
            "Globs on `os/architecture[/variant]`; `!` excludes.",
        ),
    ],
};

const OLDER_THAN: Key = key("older-than", Form::Duration, "The age is more than that.");
const BEYOND_NEWEST: Key = key(
    "beyond-newest",
    Form::Count { least: 0 },
    "So many distinct images of its group are newer.",
);
const LARGER_THAN: Key = key("larger-than", Form::Size, "It holds more than that.");

pub(crate) static CONDITIONS: Object = Object {
    name: "conditions",
    keys: &[
        OLDER_THAN,
        key(
            "archived-for",
            Form::Duration,
            "It is in the registry's archive for longer than that.",
        ),
        key(
            "not-pulled-for",
            Form::Duration,
            "Nobody pulled it for longer than that.",
        ),
        BEYOND_NEWEST,
        LARGER_THAN,
    ],
};

pub(crate) static GROUP: Object = Object {
    name: "group-by",
    keys: &[
        key(
            "regex",
            Form::Text,
            "A regular expression with a capture named `group`, searched for in the tag.",
        ),
        key("label", Form::Text, "The name of a label or annotation."),
        key("branch", Form::Object(&BRANCH), "By branch, with patterns of your own."),
    ],
};

pub(crate) static BRANCH: Object = Object {
    name: "branch patterns",
    keys: &[
        key(
            "suffixes",
            TEXTS,
            "Regular expressions for build suffixes, in place of commits and dates.",
        ),
        key(
            "trunks",
            TEXTS,
            "Branches behind which a number is a build number, in place of main, master and the like.",
        ),
    ],
};

pub(crate) static UNLESS: Object = Object {
    name: "unless",
    keys: &[required(
        "newest-per",
        Form::Object(&NEWEST_PER),
        "In each group, the newest image of each of the last so many that hold one stays.",
    )],
};

pub(crate) static NEWEST_PER: Object = Object {
    name: "newest-per",
    keys: &[
        key("day", Form::Count { least: 1 }, "Days (UTC)."),
        key("week", Form::Count { least: 1 }, "ISO weeks (UTC)."),
        key("month", Form::Count { least: 1 }, "Months (UTC)."),
        key("year", Form::Count { least: 1 }, "Years (UTC)."),
    ],
};

pub(crate) static CASES: Object = Object {
    name: "policy test",
    keys: &[
        key(
            "policy",
            Form::Text,
            "The configuration whose policies are tested. Default: the one in force.",
        ),
        required("now", Form::Moment, "The moment at which the policy is asked."),
        required("repository", Form::Text, "Where the images are: `registry/repository`."),
        key(
            "pull-data-since",
            Form::Moment,
            "Since when pulls are known. Default: ever, if any image has `last-pulled`.",
        ),
        required(
            "images",
            Form::List {
                of: &Form::Object(&CASE),
                least: 1,
            },
            "The images and what shall become of them.",
        ),
    ],
};

pub(crate) static CASE: Object = Object {
    name: "image",
    keys: &[
        key("tags", TEXTS, "Its tags."),
        key(
            "untagged",
            Form::OneOf(&[Form::True, Form::Moment]),
            "It has no tag; or since when.",
        ),
        key("kind", Form::Choice(KINDS), "Default: image."),
        key("pushed", Form::Moment, "When it was pushed, as the registry tells."),
        key("created", Form::Moment, "When it was built."),
        key(
            "first-seen",
            Form::Moment,
            "When jettison first saw it. Default: when it was pushed, else built.",
        ),
        key("tagged", Form::Moment, "When its tags were set."),
        key("last-pulled", Form::Moment, "When it was last pulled."),
        key("archived", Form::Moment, "Since when it is in the archive."),
        key(
            "labels",
            Form::Map {
                of: &Form::Text,
                least: 1,
            },
            "Its labels.",
        ),
        key(
            "annotations",
            Form::Map {
                of: &Form::Text,
                least: 1,
            },
            "Its annotations.",
        ),
        key("platform", Form::Text, "`os/architecture[/variant]`."),
        key("size", Form::Size, "What it holds."),
        key("in-use", Form::True, "Somebody refers to it."),
        required(
            "expect",
            Form::OneOf(&[
                Form::Choice(&["keep", "expire"]),
                Form::Map {
                    of: &Form::Choice(&["keep", "expire"]),
                    least: 1,
                },
            ]),
            "What shall become of it: one verdict for all its tags, or one for each.",
        ),
        key("by", Form::Text, "The rule, hold or reason code that shall decide."),
    ],
};
