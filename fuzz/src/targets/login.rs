//! Login files of Docker and Podman.
//!
//! - Nothing secret gets into an error, and no secret is longer than the file.
//! - A file that is not understood is an error, never "anonymous"; refusals say why.

use jettison::registry::fuzzing::login;
use jettison_core::model::{RegistryHost, RepositoryName};
use serde_json::Value;

use crate::oracle::{assert_in_proportion, assert_message};

/// For whom the file is asked: a registry with a port, one with two names, one that nobody has heard of.
const PLACES: [(&str, &str); 3] = [
    ("registry.example.com:5000", "apps/web"),
    ("docker.io", "library/nginx"),
    ("unknown.example", "a"),
];

/// Shorter texts are found in any message by chance.
const SHORTEST_SECRET: usize = 8;

/// Looks at one input.
pub fn run(data: &[u8]) {
    for (host, repository) in PLACES {
        let (Ok(host), Ok(repository)) = (host.parse::<RegistryHost>(), repository.parse::<RepositoryName>()) else {
            unreachable!("both are legal");
        };
        match login(data, &host, &repository) {
            Ok(Some(found)) => {
                assert_in_proportion(&found, data);
                assert!(found.secret_bytes <= data.len());
                assert_eq!(
                    found.secret_bytes > 0,
                    matches!(found.entry, Some("password" | "token"))
                );
                assert!(found.helpers.iter().all(|helper| !helper.is_empty()));
            }
            Ok(None) => assert!(
                data.trim_ascii().is_empty(),
                "a file that holds something counts as empty"
            ),
            Err(why) => {
                assert_message(&why);
                no_secret(&why, data);
            }
        }
    }
}

fn no_secret(message: &str, data: &[u8]) {
    let file: Value = serde_json::from_slice(data).unwrap_or_default();
    for (host, entry) in file["auths"].as_object().into_iter().flatten() {
        for field in ["auth", "password", "identitytoken"] {
            let secret = entry[field].as_str().unwrap_or_default();
            // Whoever writes his password where the host belongs has told it already.
            let told = secret.len() < SHORTEST_SECRET || host.contains(secret);
            assert!(told || !message.contains(secret), "{message}");
        }
    }
}
