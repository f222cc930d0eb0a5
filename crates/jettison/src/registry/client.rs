//! Calls to one registry: an exchange with its authorization, and failures put into words.

use std::sync::Arc;

use http::StatusCode;
use http::header::WWW_AUTHENTICATE;
use jettison_core::model::RegistryHost;
use url::Url;

use super::auth::{Authenticator, Scope};
use super::connection::Connection;
use super::error::{ErrorKind, OciErrors, RegistryError, excerpt};
use super::http::{Failure, Request, Response, Transport};
use super::limiter::Limiter;
use super::token::payload;

/// Everything that is shared by the calls to one registry.
#[derive(Debug)]
pub(crate) struct Client {
    registry: RegistryHost,
    transport: Arc<Transport>,
    limiter: Limiter,
    authenticator: Authenticator,
}

/// One call: what it is for, in plain words ("list the tags of apps/web"), and what it may do.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) operation: String,
    pub(crate) scope: Scope,
}

impl Call {
    pub(crate) fn new(scope: Scope, operation: impl Into<String>) -> Self {
        Self {
            operation: operation.into(),
            scope,
        }
    }
}

/// An answer, and what must not be repeated of it.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) response: Response,
    secrets: Vec<String>,
}

impl Answer {
    pub(crate) fn status(&self) -> StatusCode {
        self.response.status
    }

    pub(crate) fn errors(&self) -> OciErrors {
        OciErrors::parse(&self.response.body)
    }

    /// A response header as text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.response.headers.get(name)?.to_str().ok()
    }

    /// The registry knows who asks, and does not let that account do it.
    fn lacks_permission(&self) -> bool {
        let mut challenges = self.response.headers.get_all(WWW_AUTHENTICATE).iter();
        let insufficient = challenges.any(|value| value.to_str().is_ok_and(|text| text.contains("insufficient_scope")));
        self.status() == StatusCode::UNAUTHORIZED && insufficient && self.secrets.len() > 1
    }
}

impl Client {
    /// A client for `connection`; nothing is sent yet.
    ///
    /// # Errors
    ///
    /// Certificates that cannot be read, or plain HTTP where it is refused.
    pub(crate) fn new(connection: &Connection) -> Result<Self, RegistryError> {
        let transport = Transport::new(connection).map_err(|failure| RegistryError {
            kind: failure.kind,
            registry: connection.host.clone(),
            operation: "set up the connection".to_owned(),
            status: None,
            detail: failure.detail,
            advised: false,
        })?;
        let transport = Arc::new(transport);
        Ok(Self {
            registry: connection.host.clone(),
            limiter: Limiter::new(&connection.limits),
            authenticator: Authenticator::new(Arc::clone(&transport)),
            transport,
        })
    }

    pub(crate) fn registry(&self) -> &RegistryHost {
        &self.registry
    }

    pub(crate) fn connection(&self) -> &Connection {
        self.transport.connection()
    }

    #[cfg(test)]
    pub(crate) fn authenticator(&self) -> &Authenticator {
        &self.authenticator
    }

    /// The URL of a path of the API. Names and digests hold nothing that would need escaping.
    pub(crate) fn url(&self, path: &str) -> Url {
        let mut url = self.transport.base().clone();
        url.set_path(path);
        url
    }

    /// Sends a request with its authorization, once more with a new one if the registry asks for that,
    /// and gives back the answer whatever its status.
    pub(crate) async fn send(&self, call: &Call, mut request: Request) -> Result<Answer, RegistryError> {
        let fail = |failure: Failure| self.error(call, failure.kind, failure.detail);
        request.authorization = self.authenticator.authorization(&call.scope).await.map_err(fail)?;
        let mut response = self.transport.send(&self.limiter, &request).await.map_err(fail)?;
        // A place that the registry redirects to may say what it likes: its challenge is not the registry's, and the
        // registry's credentials are none of its business.
        if response.status == StatusCode::UNAUTHORIZED && !response.elsewhere {
            let refused = request.authorization.as_ref();
            let renewed = self
                .authenticator
                .renewed(&call.scope, &response.headers, refused)
                .await
                .map_err(fail)?;
            if let Some(renewed) = renewed {
                request.authorization = Some(renewed);
                response = self.transport.send(&self.limiter, &request).await.map_err(fail)?;
            }
        }
        let mut secrets: Vec<String> = request.authorization.iter().filter_map(payload).collect();
        if !secrets.is_empty() && !response.status.is_success() {
            secrets.extend(
                self.authenticator
                    .secret(&call.scope)
                    .await
                    .map(|secret| secret.expose().to_owned()),
            );
        }
        Ok(Answer { response, secrets })
    }

    /// The error that an answer stands for.
    pub(crate) fn refusal(&self, call: &Call, answer: &Answer) -> RegistryError {
        let errors = answer.errors();
        let kind = match answer.lacks_permission() {
            true => ErrorKind::Forbidden,
            false => errors.kind(answer.status()),
        };
        // No login at the registry would help there.
        let kind = match kind {
            ErrorKind::Unauthenticated | ErrorKind::Forbidden if answer.response.elsewhere => ErrorKind::Protocol,
            kind => kind,
        };
        let mut detail = errors.describe(answer.status(), &answer.secrets);
        if answer.response.elsewhere {
            detail = format!("where it redirects to, {detail}");
        }
        if let Some(wait) = answer.header("retry-after").filter(|_| kind == ErrorKind::RateLimited) {
            detail = format!("{detail}, with Retry-After: {}", excerpt(wait));
        }
        RegistryError {
            status: Some(answer.status().as_u16()),
            ..self.error(call, kind, detail)
        }
    }

    /// An answer that does not follow the specification.
    pub(crate) fn strange(&self, call: &Call, detail: impl Into<String>) -> RegistryError {
        self.error(call, ErrorKind::Protocol, detail)
    }

    pub(crate) fn error(&self, call: &Call, kind: ErrorKind, detail: impl Into<String>) -> RegistryError {
        RegistryError {
            kind,
            registry: self.registry.clone(),
            operation: call.operation.clone(),
            status: None,
            detail: detail.into(),
            advised: false,
        }
    }
}
