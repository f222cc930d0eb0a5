//! Releases of Helm: the bytes as a manifest, and as what is packed.
//!
//! - A word of a manifest that is an image of the managed registry is told, or there is a gap.
//! - What cannot be unpacked is a gap, and nothing of it is told.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jettison::usage::fuzzing::{Told, listed};
use jettison_core::model::{ImageReference, RegistryHost};
use serde::de::IgnoredAny;
use serde_json::json;

use super::cluster::{HOST, assert_told, is_told};

/// Looks at one input.
pub fn run(data: &[u8]) {
    let (_, gaps) = release(&STANDARD.encode(STANDARD.encode(data)), data);
    // What stands in other fields need not be text.
    let may_be_release =
        data.trim_ascii_start().starts_with(b"{") && serde_json::from_slice::<IgnoredAny>(data).is_ok();
    let may_be_packed = data.starts_with(&[0x1f, 0x8b]);
    // One that is encoded once more is unpacked once more.
    let may_be_encoded = STANDARD.decode(data).is_ok();
    assert!(
        may_be_release || may_be_packed || may_be_encoded || !gaps.is_empty(),
        "a release out of nothing"
    );

    let Ok(manifest) = std::str::from_utf8(data) else {
        return;
    };
    let whole = json!({"name": "web", "namespace": "shop", "version": 1, "manifest": manifest}).to_string();
    let told = release(&STANDARD.encode(STANDARD.encode(whole)), data);
    let is_ours = |word: &&str| {
        let image = word.parse::<ImageReference>();
        // A sentence may end with a dot.
        !word.ends_with('.') && word.len() <= 1_024 && image.is_ok_and(|image| image.registry.as_str() == HOST)
    };
    for word in manifest.split_whitespace().filter(is_ours) {
        assert!(is_told(word, &told), "{word} is lost: {told:?}");
    }
}

fn release(packed: &str, data: &[u8]) -> Told {
    let Ok(managed) = HOST.parse::<RegistryHost>() else {
        unreachable!("a constant");
    };
    let secret = json!({"type": "helm.sh/release.v1", "metadata": {"name": "web"}, "data": {"release": packed}});
    let page = json!({"items": [secret]}).to_string();
    let read = listed("secrets", page.as_bytes(), &managed);
    let Some((told, Ok(None))) = read else {
        unreachable!("a page with one Secret is read: {read:?}");
    };
    assert_told(&told, data);
    told
}
