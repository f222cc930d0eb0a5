//! Section 2: attached, orphan, root, kind, entry.

use super::world::{check, images};

#[test]
fn attached_is_what_has_a_subject_or_carries_a_tag_that_names_another_digest() {
    let tagged = |suffix: &str| {
        images(&format!("app main 40d\nsig @app{suffix} 40d kind=artifact"))
            .rules(&["match: { tags: [main] }, expire: { older-than: 2d }"])
    };
    check(&[
        (
            "it has a subject",
            images("app main 40d\nsig - 40d subject=app kind=artifact")
                .rules(&["match: { tags: [main] }, expire: { older-than: 2d }"]),
            "delete app; follow sig",
        ),
        ("sha256-<hex>", tagged(""), "delete app; follow sig"),
        ("sha256-<hex>.sig", tagged(".sig"), "delete app; follow sig"),
        ("sha256-<hex>.att", tagged(".att"), "delete app; follow sig"),
        ("sha256-<hex>.sbom", tagged(".sbom"), "delete app; follow sig"),
        (
            "another suffix is an ordinary tag",
            tagged(".zip"),
            "delete app; keep sig:@app.zip no-rule",
        ),
        (
            "attached manifests have no verdict of their own: no rule judges them",
            images("app main 40d\nsig @app.sig 40d kind=artifact").rules(&[
                "match: { tags: [main] }, keep: always",
                "match: { kinds: [image, artifact, orphan] }, expire: { beyond-newest: 0 }",
            ]),
            "keep app:main keep-always",
        ),
    ]);
}

#[test]
fn a_tag_that_names_its_own_digest_is_an_ordinary_tag() {
    check(&[
        ("own digest", images("app @app 40d"), "delete app"),
        ("own digest, with suffix", images("app @app.sig 40d"), "delete app"),
        (
            "it is matched as a tag",
            images("app @app 40d").rules(&["match: { tags: ['sha256-*'] }, keep: always"]),
            "keep app:@app keep-always",
        ),
    ]);
}

#[test]
fn an_attached_manifest_with_an_ordinary_tag_is_a_root() {
    check(&[
        (
            "it is judged by its tag, and what stays keeps its subject",
            images("app main 40d\nsig signed 40d subject=app kind=artifact").rules(&[
                "match: { tags: [signed], kinds: [artifact] }, keep: always",
                "match: {}, expire: { older-than: 2d }",
            ]),
            "keep sig:signed keep-always; keep app:main needed",
        ),
        (
            "both expire",
            images("app main 40d\nsig signed 40d subject=app kind=artifact"),
            "delete app; delete sig",
        ),
        (
            "its subject stays: what stays keeps its referrers, tags and all",
            images("app main 40d\nsig signed 40d subject=app kind=artifact").rules(&[
                "match: { tags: [main] }, keep: always",
                "match: { kinds: [artifact] }, expire: { older-than: 2d }",
            ]),
            "keep app:main keep-always; keep sig:signed needed",
        ),
    ]);
}

const ORPHANS: &str = "match: { kinds: [orphan] }, expire: { older-than: 7d }";

#[test]
fn an_orphan_is_attached_without_an_ordinary_tag_its_subject_proven_absent() {
    check(&[
        (
            "404 and every repository read: proven",
            images("@apps/web missing=gone\nsig - 40d subject=gone kind=artifact").rules(&[ORPHANS]),
            "delete sig",
        ),
        (
            "by its tag",
            images("@apps/web missing=gone\nsig @gone.sig 40d kind=artifact").rules(&[ORPHANS]),
            "delete sig",
        ),
        (
            "the registry did not answer 404 for that digest",
            images("@apps/web\nsig - 40d subject=gone kind=artifact").rules(&[ORPHANS]),
            "keep sig hold incomplete",
        ),
        (
            "by its tag, not asked",
            images("@apps/web\nsig @gone.sig 40d kind=artifact").rules(&[ORPHANS]),
            "keep sig hold incomplete",
        ),
        (
            "not every repository of the registry was read",
            images("@apps/web missing=gone\nsig - 40d subject=gone kind=artifact").rules(&[ORPHANS]).some_repositories(),
            "keep sig hold incomplete",
        ),
        (
            "another repository of the registry has a gap",
            images("@apps/web missing=gone\nsig - 40d subject=gone kind=artifact\n@apps/api gap=timeout").rules(&[ORPHANS]),
            "keep sig hold incomplete",
        ),
        (
            "another repository of the registry holds it",
            images("@apps/web missing=gone\nsig - 40d subject=gone kind=artifact\n@apps/api\ngone main 40d").rules(&[ORPHANS]),
            "keep sig hold incomplete; keep apps/api/gone:main no-rule",
        ),
        (
            "a gap in another registry is no matter",
            images("@apps/web missing=gone\nsig - 40d subject=gone kind=artifact\n@apps/api host=other.example gap=timeout")
                .rules(&[ORPHANS]),
            "delete sig",
        ),
        (
            "with an ordinary tag it is no orphan",
            images("@apps/web missing=gone\nsig signed 40d subject=gone kind=artifact")
                .rules(&[ORPHANS, "match: { kinds: [artifact] }, keep: always"]),
            "keep sig:signed keep-always",
        ),
    ]);
}

#[test]
fn the_kind_of_an_orphan_is_always_orphan() {
    check(&[
        (
            "an artifact",
            images("@apps/web missing=gone\nsig - 40d subject=gone kind=artifact")
                .rules(&["match: { kinds: [artifact, image] }, expire: { older-than: 7d }"]),
            "keep sig no-rule",
        ),
        (
            "an image",
            images("@apps/web missing=gone\nsig - 40d subject=gone kind=image")
                .rules(&["match: {}, expire: { older-than: 7d }"]),
            "keep sig no-rule",
        ),
    ]);
}

#[test]
fn an_orphan_is_one_entry_with_all_its_tags() {
    check(&[
        (
            "one entry, whatever its tags",
            images("@apps/web missing=gone\nsig @gone.sig,@gone.att 40d kind=artifact")
                .rules(&["match: { tags: ['v*'] }, keep: always"]),
            "keep sig no-rule",
        ),
        (
            "expired with all of them",
            images("@apps/web missing=gone\nsig @gone.sig,@gone.att 40d kind=artifact").rules(&[ORPHANS]),
            "delete sig",
        ),
    ]);
}

#[test]
fn a_root_is_tagged_or_untagged_and_neither_attached_nor_a_child() {
    let untagged = "match: { untagged: true }, expire: { older-than: 2d }";
    check(&[
        (
            "untagged by itself",
            images("app - 40d").rules(&[untagged]),
            "delete app",
        ),
        (
            "a child of an index is none",
            images("index main 40d children=amd\namd - 40d").rules(&[untagged]),
            "keep index:main no-rule",
        ),
        (
            "a child of an untagged index is none",
            images("index - 40d children=amd\namd - 40d").rules(&[untagged]),
            "delete index; follow amd",
        ),
        (
            "a child with a tag is one",
            images("index main 40d children=amd\namd amd 40d").rules(&["match: { tags: [main] }, keep: always"]),
            "keep index:main keep-always; keep amd:amd no-rule",
        ),
        (
            "one entry per tag",
            images("app main,old 40d").rules(&["match: { tags: [main] }, keep: always"]),
            "keep app:main keep-always; keep app:old no-rule",
        ),
    ]);
}

#[test]
fn a_loop_of_references_without_a_root_stays() {
    check(&[
        (
            "subjects of each other",
            images("one - 40d subject=two\ntwo - 40d subject=one"),
            "",
        ),
        (
            "children of each other",
            images("one - 40d children=two\ntwo - 40d children=one"),
            "",
        ),
        ("its own child", images("one - 40d children=one"), ""),
        ("its own subject", images("one - 40d subject=one"), ""),
        (
            "a loop with a root goes with it",
            images("one main 40d children=two\ntwo - 40d children=one"),
            "delete one; follow two",
        ),
    ]);
}
