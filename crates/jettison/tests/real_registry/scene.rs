//! What the tests begin with: a registry, a repository, and a user with a policy.
//!
//! Knows the program's arguments, and nothing of its code.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::distribution::{DistributionOptions, DistributionRegistry};
use crate::support::jettison::Jettison;
use crate::support::real_parts_ready;
use crate::support::wire::Wire;

/// Whatever is old goes, unless its tag begins with `keep`.
pub(super) const POLICY: &str = r#"
policies:
  - name: tests
    rules:
      - { name: kept, match: { tags: ["keep*"] }, keep: always }
      - { name: old, match: { tags: ["*"] }, expire: { older-than: 7d } }
      - { name: orphans, match: { kinds: [orphan] }, expire: { older-than: 7d } }
"#;

/// Old by any policy, and plausible; once more as buildah takes it.
pub(super) const OLD: &str = "2024-02-02T02:02:02Z";
pub(super) const OLD_SECONDS: u64 = 1_706_839_322;

/// Distribution tells no push times; all of these tests but one are not about that.
pub(super) const TRUSTING: &str = "--trust-created --policy policy.yaml";

/// A registry, its repository `apps/web`, and a user with [`POLICY`].
pub(super) struct Scene {
    pub(super) registry: DistributionRegistry,
    pub(super) web: Wire,
    pub(super) user: Jettison,
}

/// None where the real parts are not installed.
pub(super) fn scene() -> Option<Scene> {
    scene_with(DistributionOptions::default())
}

/// As [`scene`], on a registry set up otherwise.
pub(super) fn scene_with(options: DistributionOptions) -> Option<Scene> {
    if !real_parts_ready() {
        return None;
    }
    let registry = DistributionRegistry::start(options);
    let web = Wire::new(&registry.host(), "apps/web");
    let user = Jettison::new();
    user.write("policy.yaml", POLICY);
    Some(Scene { registry, web, user })
}

impl Scene {
    /// Every repository of the registry, as a target.
    pub(super) fn everything(&self) -> String {
        self.registry.image("**")
    }

    /// A plan of everything, also kept as `plan.json`.
    pub(super) fn plan(&self, more: &str) -> Value {
        let line = format!("plan {} {TRUSTING} --out plan.json {more}", self.everything());
        self.user.json(&line, 0)
    }

    /// Applies `plan.json`, which has to end with `code`.
    pub(super) fn apply(&self, code: i32, more: &str) -> Value {
        let line = format!("apply plan.json --yes --policy policy.yaml {more}");
        self.user.json(&line, code)
    }

    /// Those of `digests` that `apps/web` still has.
    pub(super) fn present(&self, digests: &[&String]) -> Vec<String> {
        let there = digests.iter().filter(|digest| self.web.manifest(digest).is_some());
        there.map(|digest| (*digest).clone()).collect()
    }
}

/// The digests as a set, to compare with what a plan condemns.
pub(super) fn set<const N: usize>(digests: [&String; N]) -> BTreeSet<String> {
    digests.into_iter().cloned().collect()
}
