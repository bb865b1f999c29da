//! Authorization codes: what each stands for, and how one is issued.

use serde::{Deserialize, Serialize};

use crate::{
    authorization_server::{
        client::{last_good, registered},
        embedded::Embedded,
        event,
        grant::access_token::{self, AccessGrant},
        keys::random::unguessable,
        store::kind::EntryKind,
    },
    base::{digest::sha256_base64url, limits::authorization_server::CODE_AGE, names::Scope},
    decide::authorization_server::{
        error::{Code, OAuthError},
        people::{self, Grantee, Person},
        pkce::Challenge,
        request::AuthorizationRequest,
        resources, sealed_bytes,
    },
};

/// An authorization code, stored under the code's digest. Valid for one minute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AuthorizationCode {
    /// `client_id`.
    pub(crate) client: Box<str>,
    /// The redirect URI, if the request contained it.
    pub(crate) redirect_uri: Option<Box<str>>,
    /// `code_challenge`.
    pub(crate) challenge: Challenge,
    /// `resource`.
    pub(crate) resources: Vec<Box<str>>,
    /// The granted scopes.
    pub(crate) scopes: Vec<Scope>,
    /// Scopes that the authorization request named and that were not granted. Missing in codes of
    /// a release that did not remember them.
    #[serde(default)]
    pub(crate) named: Vec<Scope>,
    /// The user who granted them.
    pub(crate) person: Person,
    /// The session at the company IdP, sealed.
    #[serde(default, with = "sealed_bytes")]
    pub(crate) bridge: Option<Vec<u8>>,
    /// The refresh family that this code was exchanged for, so that a second use ends it.
    pub(crate) spent: Option<Box<str>>,
}

/// Issues a code; returns the address for the browser.
///
/// # Errors
/// `server_error`, or `temporarily_unavailable` if the store fails.
pub(crate) async fn issue(
    embedded: &Embedded,
    request: AuthorizationRequest,
    person: Person,
    scopes: Vec<Scope>,
    session: Option<Vec<u8>>,
) -> Result<String, OAuthError> {
    let settings = &embedded.settings;
    let is_named = people::is_named(&settings.grants, Grantee::Person(&person));
    let resources = resources::left(&request.resources, &settings.resources, &scopes, is_named);
    if resources.is_empty() {
        return Err(Code::InvalidScope.because("none of the requested scopes opens one of the requested servers"));
    }
    // Here the user sees the cause; at the token endpoint only the client would.
    access_token::check_size(
        &embedded.settings,
        &AccessGrant {
            client_id: &request.client,
            subject: &person.subject,
            person: Some(&person),
            scopes: &scopes,
            resources: &resources,
            family: "",
            ends: u64::MAX,
        },
    )?;
    let text = unguessable().map_err(failed)?;
    registered::mark_used(embedded, &request.client).await?;
    if let Err(fault) =
        last_good::allowed(embedded, &request.client, &request.back.uri, embedded.state.clock.now()).await
    {
        // The code is valid anyway; the client depends on its document's host a while longer.
        tracing::warn!(target: "portcullis::authorization_server", client = &*request.client, %fault, "the document of a client could not be stored");
    }
    let back = request.back;
    let named = request.named.into_iter().chain(request.scopes).filter(|scope| !scopes.contains(scope)).collect();
    let code = AuthorizationCode {
        client: request.client,
        redirect_uri: request.named_redirect.then(|| back.uri.as_str().into()),
        challenge: request.challenge,
        resources,
        scopes,
        named,
        person,
        bridge: session,
        spent: None,
    };
    let value = serde_json::to_vec(&code).map_err(|_| failed("a code cannot be written as JSON"))?;
    let until = embedded.state.clock.now().wall.saturating_add(CODE_AGE);
    if !embedded.state.store.create(EntryKind::Code, &sha256_base64url(&text), value, until).await? {
        return Err(failed("a new code exists already"));
    }
    event::note(embedded, "code", Some(&code.client), Some(&code.person.subject), "issued");
    Ok(back.with_code(&text, &embedded.settings.issuer))
}

fn failed(cause: &'static str) -> OAuthError {
    tracing::error!(target: "portcullis::authorization_server", cause, "no code can be issued");
    Code::ServerError.because("the authorization server failed; its log has the cause")
}
