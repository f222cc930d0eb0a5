//! Compose files: the `.env` file beside it up to the first line `---`, then the file.
//!
//! - An image without variables is told, or there is a gap.
//! - Nothing of a line of the `.env` file that is not understood is told.

use jettison::usage::fuzzing::composed;
use serde_json::Value;

use super::cluster::{assert_told, is_told};

/// Looks at one input.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (env, file) = text.split_once("\n---\n").unwrap_or(("", text));
    let told = composed(file, env);
    assert_told(&told, data);
    // Where the file is JSON there is another way to read it.
    if let Ok(project) = serde_json::from_str::<Value>(file) {
        let services = project["services"].as_object().into_iter().flatten();
        for image in services.filter_map(|(_, service)| service["image"].as_str()) {
            let is_plain = !image.contains('$');
            assert!(!is_plain || is_told(image.trim(), &told), "{image} is lost: {told:?}");
        }
    }
    let (_, secrets) = composed("services: {}", &format!("SECRET-OF-MINE {env}"));
    assert!(
        secrets.iter().all(|gap| !gap.0.contains("SECRET-OF-MINE")),
        "{secrets:?}"
    );
}
