//! The socket, the routes, and the handle for tests.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::extract::State as Shared;
use axum::response::{IntoResponse as _, Response};
use http::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION};
use http::{HeaderMap, Method, StatusCode, Uri};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::fault::Fault;
use super::kinds::{Kind, built_in};
use super::paging::{Query, page};
use super::rbac::{Account, Rbac};
use super::state::State;
use super::{discovery, reply};

/// In front of the account in the tokens of this server.
const TOKEN: &str = "token-of:";

/// What kind of a cluster it is.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Answers discovery group by group, as before 1.26.
    pub is_old: bool,
    /// Packs large answers for whoever takes that, as real servers do.
    pub packs: bool,
    /// Who may what; without it everybody may everything.
    pub rbac: Option<Rbac>,
}

/// A running API server; it stops when this is dropped.
#[derive(Debug)]
pub struct TestCluster {
    address: SocketAddr,
    shared: Arc<Inside>,
    task: AbortHandle,
}

#[derive(Debug)]
struct Inside {
    is_old: bool,
    packs: bool,
    state: Mutex<State>,
}

/// What a path asks for.
enum Wanted {
    /// `/api` or `/apis`.
    Root(&'static str),
    /// The kinds of one version of a group.
    Kinds(String, String),
    /// The objects of a kind.
    Objects(Kind),
    Nothing,
}

impl TestCluster {
    /// Starts on 127.0.0.1, at a free port.
    ///
    /// # Errors
    /// The machine gives out no port.
    pub async fn start(options: Options) -> io::Result<Self> {
        let state = State {
            kinds: built_in(),
            rbac: options.rbac,
            ..State::default()
        };
        let shared = Arc::new(Inside {
            is_old: options.is_old,
            packs: options.packs,
            state: Mutex::new(state),
        });
        let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
        let address = listener.local_addr()?;
        let router = Router::new().fallback(answer).with_state(Arc::clone(&shared));
        let task = tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self {
            address,
            shared,
            task: task.abort_handle(),
        })
    }

    /// `http://127.0.0.1:PORT`
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A kubeconfig with this cluster as its one context, for an account.
    pub fn kubeconfig(&self, context: &str, account: &Account) -> String {
        let token = format!("{TOKEN}{}:{}", account.namespace, account.name);
        json!({"apiVersion": "v1", "kind": "Config", "current-context": context,
            "clusters": [{"name": context, "cluster": {"server": self.url()}}],
            "users": [{"name": context, "user": {"token": token}}],
            "contexts": [{"name": context, "context": {"cluster": context, "user": context}}]})
        .to_string()
    }

    /// Defines another kind, as a custom resource does.
    pub fn define(&self, kind: Kind) {
        self.state().kinds.push(kind);
    }

    /// From now on there are no kinds of this group.
    pub fn forget(&self, group: &str) {
        self.state().kinds.retain(|kind| kind.group != group);
    }

    /// Takes an object in, in place of one of that name.
    pub fn put(&self, object: Value) {
        self.state().put(object);
    }

    /// Takes all objects of a kind away: `pods`, `deployments.apps`.
    pub fn clear(&self, name: &str) {
        self.state().objects.remove(name);
    }

    /// From now on something is wrong with a kind (`deployments.apps`) or a part of the discovery (`/apis`).
    pub fn fail(&self, name: &str, fault: Fault) {
        self.state().faults.insert(name.to_owned(), fault);
    }

    /// From now on that is well again.
    pub fn mend(&self, name: &str) {
        self.state().faults.remove(name);
    }

    /// The server of a group does not answer any more.
    pub fn make_stale(&self, group: &str) {
        self.state().stale.push(group.to_owned());
    }

    /// Changes who may what.
    pub fn allow(&self, rbac: Rbac) {
        self.state().rbac = Some(rbac);
    }

    /// Paths and queries that were asked so far, in order.
    pub fn requests(&self) -> Vec<String> {
        self.state().requests.iter().map(|(path, _)| path.clone()).collect()
    }

    /// When the first page of a list was asked for, by its path: `/api/v1/pods`. In tokio's time.
    pub fn lists_begun(&self, path: &str) -> Vec<Instant> {
        let is_first_page = |asked: &str| asked.split('?').next() == Some(path) && !asked.contains("continue=");
        let state = self.state();
        let begun = state.requests.iter().filter(|(asked, _)| is_first_page(asked));
        begun.map(|(_, at)| *at).collect()
    }

    /// Nobody listens any more.
    pub fn stop(&self) {
        self.task.abort();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state()
    }
}

impl Drop for TestCluster {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(Shared(inside): Shared<Arc<Inside>>, method: Method, uri: Uri, headers: HeaderMap) -> Response {
    if method != Method::GET {
        return reply::status(405, "MethodNotAllowed", "the server does not allow this method");
    }
    let Some(account) = account(&headers) else {
        return reply::unauthorized();
    };
    let (wanted, fault) = inside.ask(&uri);
    match fault {
        Some(Fault::Silence) => std::future::pending().await,
        Some(Fault::Slow(late)) => {
            tokio::time::sleep(late).await;
            inside.answer(&wanted, &uri, &headers, &account, false)
        }
        Some(Fault::Status(code) | Fault::StatusFor(code, _)) => {
            reply::status(code, "InternalError", "something is wrong on purpose")
        }
        Some(Fault::Body(body)) => {
            inside
                .packed(reply::json(StatusCode::OK, "application/json", body), &headers)
                .await
        }
        Some(Fault::ExpireTokens(_)) => reply::expired(),
        Some(Fault::Loop) => inside.answer(&wanted, &uri, &headers, &account, true),
        Some(Fault::Cut(after)) => {
            let whole = inside.answer(&wanted, &uri, &headers, &account, false);
            match axum::body::to_bytes(whole.into_body(), usize::MAX).await {
                Ok(whole) => reply::cut(&whole, after),
                Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
            }
        }
        None => {
            let whole = inside.answer(&wanted, &uri, &headers, &account, false);
            inside.packed(whole, &headers).await
        }
    }
}

fn account(headers: &HeaderMap) -> Option<Account> {
    let token = headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")?;
    let (namespace, name) = token.strip_prefix(TOKEN)?.split_once(':')?;
    Some(Account {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
    })
}

impl Inside {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The answer as it goes over the wire.
    async fn packed(&self, whole: Response, headers: &HeaderMap) -> Response {
        let takes = headers.get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
        match self.packs && takes.is_some_and(|takes| takes.contains("gzip")) {
            true => reply::packed(whole).await,
            false => whole,
        }
    }

    /// What is asked for, and what is wrong with it.
    fn ask(&self, uri: &Uri) -> (Wanted, Option<Fault>) {
        let mut state = self.state();
        state.requests.push((uri.to_string(), Instant::now()));
        let wanted = wanted(uri.path(), &state.kinds);
        let name = match &wanted {
            Wanted::Objects(kind) => kind.name(),
            _ => uri.path().to_owned(),
        };
        let is_further_page = uri.query().is_some_and(|query| query.contains("continue="));
        let fault = state.fault(&name, is_further_page);
        (wanted, fault)
    }

    fn answer(&self, wanted: &Wanted, uri: &Uri, headers: &HeaderMap, account: &Account, to_itself: bool) -> Response {
        let state = self.state();
        match wanted {
            Wanted::Root(root) => self.root(&state, root, headers),
            Wanted::Kinds(group, version) => match discovery::resource_list(&state.kinds, group, version) {
                Some(list) => reply::json(StatusCode::OK, "application/json", list.to_string()),
                None => reply::not_found(),
            },
            Wanted::Objects(kind) => objects(&state, kind, uri, account, to_itself),
            Wanted::Nothing => reply::not_found(),
        }
    }

    fn root(&self, state: &State, root: &str, headers: &HeaderMap) -> Response {
        let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok());
        if !self.is_old && accept.is_some_and(|accept| accept.contains(discovery::AGGREGATED)) {
            let all = discovery::aggregated(&state.kinds, root, &state.stale);
            return reply::json(StatusCode::OK, discovery::AGGREGATED, all.to_string());
        }
        let old = match root {
            "api" => discovery::core_versions(),
            _ => discovery::group_list(&state.kinds),
        };
        reply::json(StatusCode::OK, "application/json", old.to_string())
    }
}

fn objects(state: &State, kind: &Kind, uri: &Uri, account: &Account, to_itself: bool) -> Response {
    if !kind.is_listed() {
        return reply::status(
            405,
            "MethodNotAllowed",
            "the server does not allow this method on the requested resource",
        );
    }
    if state.rbac.as_ref().is_some_and(|rbac| !rbac.may_list(account, kind)) {
        let user = format!("system:serviceaccount:{}:{}", account.namespace, account.name);
        return reply::forbidden(&user, kind);
    }
    let Some(query) = Query::read(uri.query().unwrap_or_default()) else {
        return reply::status(400, "BadRequest", "the query cannot be understood");
    };
    let none = std::collections::BTreeMap::new();
    let objects = state.objects.get(&kind.name()).unwrap_or(&none);
    reply::json(
        StatusCode::OK,
        "application/json",
        page(kind, objects, &query, to_itself),
    )
}

fn wanted(path: &str, kinds: &[Kind]) -> Wanted {
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    let (group, version, plural) = match parts.as_slice() {
        ["api"] => return Wanted::Root("api"),
        ["apis"] => return Wanted::Root("apis"),
        ["api", version] => return Wanted::Kinds(String::new(), (*version).to_owned()),
        ["apis", group, version] => return Wanted::Kinds((*group).to_owned(), (*version).to_owned()),
        ["api", version, plural] => ("", *version, *plural),
        ["apis", group, version, plural] => (*group, *version, *plural),
        _ => return Wanted::Nothing,
    };
    let fits = |kind: &&Kind| kind.group == group && kind.version == version && kind.plural == plural;
    kinds
        .iter()
        .find(fits)
        .cloned()
        .map_or(Wanted::Nothing, Wanted::Objects)
}
