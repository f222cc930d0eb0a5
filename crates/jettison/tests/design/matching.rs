//! Section 4: which policy and which rule governs, and what fits a `match`.

use super::world::{Case, EVERYTHING, check, images};

/// Images that expire exactly when `fit` fits them.
fn fitting(text: &str, fit: &str) -> Case {
    images(text).rules(&[&format!("match: {fit}, expire: {{ older-than: 2d }}")])
}

#[test]
fn the_first_rule_whose_match_fits_an_entry_governs_it_and_nothing_else_does() {
    let expire = "match: { tags: ['*'] }, expire: { older-than: 2d }";
    check(&[
        (
            "the first keeps",
            images("app main 40d").rules(&["match: { tags: [main] }, keep: always", expire]),
            "keep app:main keep-always",
        ),
        (
            "the first expires",
            images("app main 40d").rules(&[expire, "match: { tags: [main] }, keep: always"]),
            "delete app",
        ),
        (
            "the first does not expire it: no later rule is asked",
            images("app main 40d").rules(&["match: { tags: [main] }, expire: { older-than: 50d }", expire]),
            "keep app:main not-expired",
        ),
        (
            "an entry that no rule fits is kept",
            images("app main 40d").rules(&["match: { tags: [other] }, expire: { older-than: 2d }"]),
            "keep app:main no-rule",
        ),
        (
            "each tag of an image is an entry of its own",
            images("app main,prod-1 40d").rules(&["match: { tags: ['prod-*'] }, keep: always", expire]),
            "keep app:main shares-image; keep app:prod-1 keep-always",
        ),
    ]);
}

#[test]
fn the_first_policy_whose_repositories_fit_governs() {
    let two = |first: &str| {
        images("app main 40d").file(&format!(
            "policies:\n  - {{ name: a, {first}, rules: [ {{ name: r, match: {{}}, keep: always }} ] }}\n  \
             - {{ name: b, rules: [ {{ name: r, {EVERYTHING} }} ] }}\n"
        ))
    };
    let (first, second) = ("keep app:main keep-always", "delete app");
    check(&[
        ("whole name", two("repositories: [apps/web]"), first),
        ("**", two("repositories: ['**']"), first),
        ("* within a part", two("repositories: ['apps/w*']"), first),
        ("* does not cross a slash", two("repositories: ['*']"), second),
        (
            "* does not cross a slash at the end",
            two("repositories: ['a*']"),
            second,
        ),
        ("apps/** fits apps/web", two("repositories: ['apps/**']"), first),
        (
            "the name alone, not the host",
            two("repositories: ['r.example.com/apps/**']"),
            second,
        ),
        ("! excludes", two("repositories: ['apps/**', '!apps/web']"), second),
        (
            "! excludes wherever it stands",
            two("repositories: ['!apps/web', 'apps/**']"),
            second,
        ),
        (
            "! of another",
            two("repositories: ['apps/**', '!apps/legacy/**']"),
            first,
        ),
        ("registries fit the host", two("registries: ['r.*']"), first),
        ("registries do not fit", two("registries: ['other.example']"), second),
        (
            "both must fit",
            two("registries: ['r.*'], repositories: ['other/**']"),
            second,
        ),
    ]);
}

#[test]
fn apps_two_stars_does_not_fit_apps() {
    let one = |glob: &str, name: &str| {
        images(&format!("@{name}\napp main 40d")).policy(&format!("repositories: ['{glob}']"), &[EVERYTHING])
    };
    check(&[
        ("apps", one("apps/**", "apps"), "keep apps/app:main no-rule"),
        ("apps/a", one("apps/**", "apps/a"), "delete apps/a/app"),
        ("apps/a/b", one("apps/**", "apps/a/b"), "delete apps/a/b/app"),
        (
            "* is one part",
            one("apps/*", "apps/a/b"),
            "keep apps/a/b/app:main no-rule",
        ),
        (
            "** in front fits every depth",
            one("**/web", "a/b/web"),
            "delete a/b/web/app",
        ),
    ]);
}

#[test]
fn tags_are_globs() {
    let (fits, not) = ("delete app", |tag: &str| format!("keep app:{tag} no-rule"));
    let table = [
        ("prod-1", "[prod-*]", true),
        ("prod", "[prod-*]", false),
        ("a-prod-1", "[prod-*]", false),
        ("v1", "['v?']", true),
        ("v10", "['v?']", false),
        ("v1", "['v[0-3]']", true),
        ("v4", "['v[0-3]']", false),
        ("dev", "['{dev,test}']", true),
        ("prod", "['{dev,test}']", false),
        ("prod-1", "['x', 'prod-*']", true),
        ("main", "['*', '!main']", false),
        ("main", "['!main', '*']", false),
        ("other", "['!main', '*']", true),
        ("other", "['!main']", true),
        ("main", "['!main']", false),
        ("main", "['!ma*', '!x']", false),
        ("a.b_c-d", "['*']", true),
        ("Main", "[main]", false),
    ];
    let cases = table.map(|(tag, globs, does)| {
        let wanted = if does { fits.to_owned() } else { not(tag) };
        (
            format!("{tag} and {globs}"),
            fitting(&format!("app {tag} 40d"), &format!("{{ tags: {globs} }}")),
            wanted,
        )
    });
    for (sentence, case, wanted) in cases {
        check(&[(&sentence, case, &wanted)]);
    }
}

#[test]
fn tags_fit_tagged_entries_only() {
    check(&[
        ("*", fitting("app - 40d", "{ tags: ['*'] }"), "keep app no-rule"),
        (
            "only-!",
            fitting("app - 40d", "{ tags: ['!main'] }"),
            "keep app no-rule",
        ),
        (
            "tags-regex",
            fitting("app - 40d", "{ tags-regex: '.*' }"),
            "keep app no-rule",
        ),
    ]);
}

#[test]
fn tags_regex_is_anchored_at_both_ends() {
    check(&[
        ("whole", fitting("app v12 40d", r"{ tags-regex: 'v\d+' }"), "delete app"),
        (
            "front",
            fitting("app xv12 40d", r"{ tags-regex: 'v\d+' }"),
            "keep app:xv12 no-rule",
        ),
        (
            "end",
            fitting("app v12x 40d", r"{ tags-regex: 'v\d+' }"),
            "keep app:v12x no-rule",
        ),
        (
            "alternatives are anchored as a whole",
            fitting("app main-x 40d", "{ tags-regex: 'main|dev' }"),
            "keep app:main-x no-rule",
        ),
        (
            "alternatives, the other end",
            fitting("app x-dev 40d", "{ tags-regex: 'main|dev' }"),
            "keep app:x-dev no-rule",
        ),
        (
            "every key given must hold",
            fitting("app v12 40d", r"{ tags-regex: 'v\d+', tags: ['w*'] }"),
            "keep app:v12 no-rule",
        ),
        (
            "both hold",
            fitting("app v12 40d", r"{ tags-regex: 'v\d+', tags: ['v*'] }"),
            "delete app",
        ),
    ]);
}

#[test]
fn untagged_true_fits_only_untagged_roots() {
    check(&[
        ("untagged", fitting("app - 40d", "{ untagged: true }"), "delete app"),
        (
            "tagged",
            fitting("app main 40d", "{ untagged: true }"),
            "keep app:main no-rule",
        ),
        (
            "without any key both fit",
            fitting("app - 40d\nweb main 40d", "{}"),
            "delete app; delete web",
        ),
    ]);
}

#[test]
fn together_with_tags_untagged_is_an_error_and_false_is_no_value() {
    for fit in [
        "{ untagged: true, tags: [main] }",
        "{ untagged: true, tags-regex: main }",
        "{ untagged: false }",
    ] {
        let answer = fitting("app main 40d", fit).plan();
        assert_eq!(answer.code, 2, "{fit}: {}", answer.stderr);
        assert!(answer.stderr.contains("untagged"), "{fit}: {}", answer.stderr);
    }
}

#[test]
fn a_rule_speaks_of_images_unless_it_names_other_kinds() {
    for kind in ["build-cache", "chart", "artifact"] {
        let text = format!("app main 40d kind={kind}");
        check(&[
            (
                "a broad rule never takes it",
                fitting(&text, "{}"),
                "keep app:main no-rule",
            ),
            (
                "nor by its tag",
                fitting(&text, "{ tags: [main] }"),
                "keep app:main no-rule",
            ),
            (
                "named, it goes",
                fitting(&text, &format!("{{ kinds: [{kind}] }}")),
                "delete app",
            ),
            (
                "keep: always fits all kinds by default",
                images(&text).rules(&["match: { tags: [main] }, keep: always", EVERYTHING]),
                "keep app:main keep-always",
            ),
            (
                "keep: always with kinds fits those",
                images(&text).rules(&["match: { kinds: [image] }, keep: always", EVERYTHING]),
                "delete app",
            ),
        ]);
    }
    check(&[
        ("an image", fitting("app main 40d", "{}"), "delete app"),
        (
            "other kinds leave images alone",
            fitting("app main 40d", "{ kinds: [chart] }"),
            "keep app:main no-rule",
        ),
        (
            "keep: always fits orphans too",
            images("@apps/web missing=gone\nsig - 40d subject=gone").rules(&["match: {}, keep: always", EVERYTHING]),
            "keep sig keep-always",
        ),
    ]);
}

#[test]
fn labels_are_a_glob_per_key_over_labels_and_annotations_of_the_root() {
    let labelled = |key: &str, value: &str, fit: &str| {
        fitting(&format!("app main 40d {key}={value}"), &format!("{{ labels: {fit} }}"))
    };
    let (fits, not) = ("delete app", "keep app:main no-rule");
    check(&[
        ("label", labelled("labels", "team=shop", "{ team: shop }"), fits),
        ("glob", labelled("labels", "team=shop", "{ team: 's*' }"), fits),
        ("another value", labelled("labels", "team=shop", "{ team: pay }"), not),
        ("another key", labelled("labels", "team=shop", "{ group: shop }"), not),
        (
            "annotation",
            labelled("annotations", "team=shop", "{ team: shop }"),
            fits,
        ),
        (
            "every key",
            labelled("labels", "team=shop,tier=web", "{ team: shop, tier: db }"),
            not,
        ),
        (
            "all keys",
            labelled("labels", "team=shop,tier=web", "{ team: shop, tier: web }"),
            fits,
        ),
        (
            "a star needs the key",
            labelled("labels", "team=shop", "{ group: '*' }"),
            not,
        ),
        (
            "of the root, not of its children",
            fitting(
                "index main 40d children=amd\namd - 40d labels=team=shop",
                "{ labels: { team: shop } }",
            ),
            "keep index:main no-rule",
        ),
    ]);
}

#[test]
fn platforms_fit_the_platform_of_the_image() {
    let (fits, not) = ("delete app", "keep app:main no-rule");
    let on = |fit: &str| fitting("app main 40d platform=linux/amd64", &format!("{{ platforms: {fit} }}"));
    check(&[
        ("the same", on("[linux/amd64]"), fits),
        ("another", on("[linux/arm64]"), not),
        ("one of them", on("[linux/arm64, linux/amd64]"), fits),
        ("unknown", fitting("app main 40d", "{ platforms: [linux/amd64] }"), not),
    ]);
}
