//! The keys under `host`: what may go from the disks of servers, and the language of the policies there.
//!
//! It is that of policies for registries without what registries alone have, and with what only a server knows.

use super::{
    ANY_TEXTS, BEYOND_NEWEST, Form, LARGER_THAN, Language, MATCH_IMAGE_TAGS, MATCH_LABELS, MATCH_TAGS,
    MATCH_TAGS_REGEX, OLDER_THAN, Object, POLICY_NAME, POLICY_REGISTRIES, POLICY_REPOSITORIES, RULE_GROUP_BY,
    RULE_KEEP, RULE_NAME, RULE_ORDER, RULE_RANK_AMONG, RULE_UNLESS, key, required,
};

/// The language of policies for servers.
pub(crate) static SERVERS: Language = Language {
    policy: &HOST_POLICY,
    rule: &HOST_RULE,
    matches: &HOST_MATCH,
    conditions: &HOST_CONDITIONS,
    untagged: "dangling",
    built_in: "the built-in rules, `jettison policy show host-standard`",
};

pub(crate) static HOST: Object = Object {
    name: "host",
    keys: &[
        key(
            "policies",
            Form::List {
                of: &Form::Object(&HOST_POLICY),
                least: 0,
            },
            "What may go, in the words of `policies` with `unused-for` and `dangling`. Default: what has no tag after 24h without use, all else after 7d.",
        ),
        key(
            "keep-newest",
            Form::Count { least: 0 },
            "So many images of each repository stay, those used last. Default: 2.",
        ),
        key(
            "local-images",
            Form::Flag,
            "Rules also reach images that no registry is known to have. Default: false.",
        ),
        key(
            "compose",
            ANY_TEXTS,
            "Globs on Compose files whose images stay, whether their projects run or not.",
        ),
        key(
            "disk",
            Form::Object(&DISK),
            "When the disk is too full: then images go before their time, those used longest ago first.",
        ),
        key(
            "build-cache",
            Form::Object(&BUILD_CACHE),
            "What may go of the build cache. Default: nothing.",
        ),
        key(
            "recheck-after-seconds",
            Form::Count { least: 1 },
            "How long is waited between the two looks at what goes. Default: 30.",
        ),
    ],
};

pub(crate) static DISK: Object = Object {
    name: "disk",
    keys: &[
        required(
            "high",
            Form::Share,
            "Above this share of its bytes or files in use it is too full.",
        ),
        required(
            "low",
            Form::Share,
            "Until no more than this is in use; less than `high`.",
        ),
    ],
};

pub(crate) static BUILD_CACHE: Object = Object {
    name: "build-cache",
    keys: &[
        key("unused-for", Form::Duration, "What no build used for longer than that."),
        key(
            "keep-at-most",
            Form::Size,
            "What was used longest ago, until the rest holds no more than that.",
        ),
    ],
};

pub(crate) static HOST_POLICY: Object = Object {
    name: "host policy",
    keys: &[
        POLICY_NAME,
        POLICY_REPOSITORIES,
        POLICY_REGISTRIES,
        required(
            "rules",
            Form::List {
                of: &Form::Object(&HOST_RULE),
                least: 1,
            },
            "Tried in order: the first that fits governs.",
        ),
    ],
};

pub(crate) static HOST_RULE: Object = Object {
    name: "host rule",
    keys: &[
        RULE_NAME,
        key(
            "match",
            Form::Object(&HOST_MATCH),
            "What it speaks of; every key must hold. Default: every image.",
        ),
        RULE_KEEP,
        key(
            "expire",
            Form::OneOf(&[
                Form::Object(&HOST_CONDITIONS),
                Form::List {
                    of: &Form::Object(&HOST_CONDITIONS),
                    least: 1,
                },
            ]),
            "When what fits may go: a mapping whose conditions must all hold, or a list of such, of which one suffices.",
        ),
        RULE_GROUP_BY,
        RULE_RANK_AMONG,
        RULE_ORDER,
        RULE_UNLESS,
    ],
};

pub(crate) static HOST_MATCH: Object = Object {
    name: "host match",
    keys: &[
        MATCH_TAGS,
        MATCH_TAGS_REGEX,
        MATCH_IMAGE_TAGS,
        key("dangling", Form::True, "Only images without a tag."),
        MATCH_LABELS,
    ],
};

pub(crate) static HOST_CONDITIONS: Object = Object {
    name: "host conditions",
    keys: &[
        key(
            "unused-for",
            Form::Duration,
            "Nobody used, pulled or tagged it for longer than that, as far as jettison saw.",
        ),
        OLDER_THAN,
        BEYOND_NEWEST,
        LARGER_THAN,
    ],
};

/// What to say of a key that belongs to the other language: which of the two languages, and why not here.
pub(crate) fn misplaced(object: &str, key: &str) -> Option<&'static str> {
    Some(match (object, key) {
        ("conditions", "unused-for") => {
            "a registry does not know when an image was last used: write `not-pulled-for` or `older-than`; `unused-for` belongs under `host`"
        }
        ("match", "dangling") => "write `untagged: true`; `dangling` belongs under `host`",
        ("host match", "untagged") => "write `dangling: true`: that is what engines call an image without a tag",
        ("host match", "kinds") => "on a server all are images: leave it out",
        ("host match", "platforms") => "an engine does not tell for sure: leave it out, or go by a tag or label",
        ("host match", "archived") => "a server has no archive: leave it out",
        ("host conditions", "not-pulled-for") => "write `unused-for`: on a server a pull counts as a use",
        ("host conditions", "archived-for") => "a server has no archive: leave it out",
        ("host rule", "action") => "on a server what expires is always deleted: leave it out",
        ("host rule", "since") => "on a server everything counts from the last use: leave it out",
        ("host policy", "untag") => "on a server no tag is taken off an image that stays: leave it out",
        ("host policy", "ecr-policy") => "it knows nothing of uses: write `rules`",
        ("host policy", "archive-anyway") => "a server has no archive: leave it out",
        _ => return None,
    })
}
