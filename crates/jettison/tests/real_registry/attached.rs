//! Signatures: with their image, or without one.

use serde_json::Value;

use super::scene::{OLD, TRUSTING, scene, set};
use crate::support::jettison::{condemned, days_ago, list};
use crate::support::wire::Wire;

#[test]
fn a_signature_goes_with_its_image_and_an_orphan_only_when_the_whole_registry_lacks_its_subject() {
    let Some(scene) = scene() else { return };
    let (old, kept) = (
        scene.web.push_image("old", OLD, "old"),
        scene.web.push_image("keep", &days_ago(0), "keep"),
    );
    let (with_old, with_kept) = (scene.web.push_signature(&old), scene.web.push_signature(&kept));
    // Cosign dates no signature unless told to; these were told, so that their age is known at once.
    let sign = |subject: &str| {
        let tag = format!("{}.sig", subject.replace(':', "-"));
        (scene.web.push_image(&tag, OLD, &tag), tag)
    };
    let (orphan, orphan_tag) = sign(&format!("sha256:{}", "a".repeat(64)));
    let elsewhere = Wire::new(&scene.registry.host(), "apps/other").push_image("keep", OLD, "elsewhere");
    let (of_elsewhere, of_elsewhere_tag) = sign(&elsewhere);
    let undated = scene.web.push_signature(&format!("sha256:{}", "b".repeat(64)));
    let signature = scene.web.manifest(&with_old).unwrap().digest;

    let in_part = scene
        .user
        .json(&format!("plan {} {TRUSTING}", scene.registry.image("apps/web")), 0);
    assert_eq!(
        condemned(&in_part),
        set([&old, &signature]),
        "another repository may have the subjects"
    );
    let held = |plan: &Value, digest: &String| {
        let entry = list(plan, "kept")
            .find(|kept| kept["digest"] == *digest)
            .map(|kept| kept["reason"].clone());
        entry.unwrap_or_else(|| panic!("nothing is said of {digest}: {plan}"))
    };
    assert_eq!(held(&in_part, &orphan)["hold"], "incomplete");

    let plan = scene.plan("");
    assert_eq!(condemned(&plan), set([&old, &signature, &orphan]));
    assert_ne!(held(&plan, &of_elsewhere)["code"], "expired");
    assert_eq!(scene.apply(0, "--no-usage")["deleted"], 3);
    let mut staying = vec!["keep".to_owned(), with_kept, of_elsewhere_tag, undated];
    staying.sort();
    assert_eq!(scene.web.tags(), staying, "{orphan_tag} is gone");
}
