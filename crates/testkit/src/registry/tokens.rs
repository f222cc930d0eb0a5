//! Opaque bearer tokens and what they allow (Distribution, "Token Scope Documentation").

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher as _, RandomState};
use std::time::{Duration, Instant};

/// `type:name:action[,action]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Scope {
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) actions: Vec<String>,
}

/// The tokens that were issued.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    access: HashMap<String, Grant>,
    refresh: HashSet<String>,
}

#[derive(Debug)]
struct Grant {
    scopes: Vec<Scope>,
    until: Instant,
}

/// Why a token does not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rejected {
    /// Not issued here, or too old.
    Invalid,
    /// Issued for something else.
    Scope,
}

impl Scope {
    pub(super) fn new(kind: &str, name: &str, actions: &[&str]) -> Self {
        Self {
            kind: kind.into(),
            name: name.into(),
            actions: actions.iter().map(|action| (*action).into()).collect(),
        }
    }

    /// The scope in a text; names may hold `:`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once(':')?;
        let (name, actions) = rest.rsplit_once(':')?;
        let actions = actions
            .split(',')
            .filter(|action| !action.is_empty())
            .map(str::to_owned)
            .collect();
        Some(Self {
            kind: kind.into(),
            name: name.into(),
            actions,
        })
    }

    pub(super) fn text(&self) -> String {
        format!("{}:{}:{}", self.kind, self.name, self.actions.join(","))
    }

    fn allows(&self, needed: &Scope, action: &str) -> bool {
        let allowed = |own: &String| own == action || own == "*";
        self.kind == needed.kind && self.name == needed.name && self.actions.iter().any(allowed)
    }
}

impl Tokens {
    /// Issues a token for exactly these scopes.
    pub(super) fn issue(&mut self, scopes: Vec<Scope>, lifetime: Duration) -> String {
        let now = Instant::now();
        self.access.retain(|_, grant| grant.until > now);
        let token = opaque();
        self.access.insert(
            token.clone(),
            Grant {
                scopes,
                until: now + lifetime,
            },
        );
        token
    }

    /// Issues a refresh token ("identity token"), good until the registry stops.
    pub(super) fn issue_refresh(&mut self) -> String {
        let token = opaque();
        self.refresh.insert(token.clone());
        token
    }

    pub(super) fn is_refresh(&self, token: &str) -> bool {
        self.refresh.contains(token)
    }

    pub(super) fn expire(&mut self) {
        self.access.clear();
    }

    /// Whether `token` is good for `needed`; none is needed for `/v2/`.
    pub(super) fn check(&self, token: &str, needed: Option<&Scope>) -> Result<(), Rejected> {
        let grant = self
            .access
            .get(token)
            .filter(|grant| grant.until > Instant::now())
            .ok_or(Rejected::Invalid)?;
        let Some(needed) = needed else { return Ok(()) };
        let allowed = |action: &String| grant.scopes.iter().any(|scope| scope.allows(needed, action));
        if needed.actions.iter().all(allowed) {
            Ok(())
        } else {
            Err(Rejected::Scope)
        }
    }
}

/// A text that nobody can guess; `RandomState` is seeded by the operating system.
fn opaque() -> String {
    let state = RandomState::new();
    (0..4)
        .map(|part: u8| format!("{:016x}", state.hash_one(part)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_for_its_scopes_alone_and_for_its_time() {
        let mut tokens = Tokens::default();
        let pull = Scope::new("repository", "apps/web", &["pull"]);
        let token = tokens.issue(vec![pull.clone()], Duration::from_secs(60));
        assert_eq!(tokens.check(&token, None), Ok(()));
        assert_eq!(tokens.check(&token, Some(&pull)), Ok(()));
        for other in [
            "repository:apps/web:delete",
            "repository:apps/web:pull,push",
            "repository:apps/api:pull",
        ] {
            assert_eq!(
                tokens.check(&token, Scope::parse(other).as_ref()),
                Err(Rejected::Scope),
                "{other}"
            );
        }
        assert_eq!(tokens.check("guess", None), Err(Rejected::Invalid));
        let late = tokens.issue(vec![pull.clone()], Duration::ZERO);
        assert_eq!(tokens.check(&late, Some(&pull)), Err(Rejected::Invalid));
    }

    #[test]
    fn a_star_allows_every_action() {
        let mut tokens = Tokens::default();
        let token = tokens.issue(vec![Scope::new("registry", "catalog", &["*"])], Duration::from_secs(60));
        assert_eq!(
            tokens.check(&token, Scope::parse("registry:catalog:*").as_ref()),
            Ok(())
        );
    }
}
