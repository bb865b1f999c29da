//! What is remembered of a request between the authorize endpoint and the code: held by the store, bound to one browser, spent once.

use serde::{Deserialize, Serialize};

use crate::{
    base::names::Scope,
    decide::grant::{
        client::Client, error::OAuthError, people::Person, pkce::Challenge, request::AuthorizationRequest,
    },
    issuer::{Asked, Embedded},
};

/// A request on its way through login and consent. Ten minutes (SPEC D-04).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Flow {
    /// What was asked.
    pub(super) request: AuthorizationRequest,
    /// By whom, as it was then.
    pub(super) client: Client,
    /// SHA-256 of the cookie of the browser that began it.
    pub(super) browser: [u8; 32],
    /// Who has logged in for it.
    pub(super) person: Option<Person>,
    /// What was consented to; nothing before that.
    pub(super) consented: Option<Vec<Scope>>,
    /// What the callback of the company's IdP must match; made after consent.
    pub(super) bridge: Option<BridgeFlow>,
}

/// Our own request to the company's IdP.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct BridgeFlow {
    /// SHA-256 of `state`.
    pub(super) state: [u8; 32],
    /// `nonce`.
    pub(super) nonce: Box<str>,
    /// The code verifier.
    pub(super) verifier: Box<str>,
}

/// An authorization code, as the store keeps it under the code's digest. One minute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Code {
    /// `client_id`.
    pub(super) client: Box<str>,
    /// The redirect URI, if the request named it.
    pub(super) redirect_uri: Option<Box<str>>,
    /// `code_challenge`.
    pub(super) challenge: Challenge,
    /// `resource`.
    pub(super) resources: Vec<Box<str>>,
    /// What is granted.
    pub(super) scopes: Vec<Scope>,
    /// What was asked for: where the two differ the token response says `scope`.
    pub(super) asked: Vec<Scope>,
    /// By whom.
    pub(super) person: Person,
    /// What the bridge needs to ask the IdP again, sealed.
    pub(super) bridge: Option<Vec<u8>>,
    /// The family that this code has become; set when it is spent, so that a second use ends it.
    pub(super) spent: Option<Box<str>>,
}

/// Begins a flow for this browser; its id goes into `flow` of the pages' addresses and forms.
pub(super) async fn begin(_embedded: &Embedded, _flow: &Flow) -> Result<String, OAuthError> {
    todo!()
}

/// The flow that `id` names, if this browser began it (SPEC D-05, attack 163), and the very bytes that the store holds.
///
/// # Errors
/// `access_denied` for another browser's, `invalid_request` for one that is unknown, over, or spent.
pub(super) async fn resume(_embedded: &Embedded, _id: &str, _asked: &Asked<'_>) -> Result<(Flow, Vec<u8>), OAuthError> {
    todo!()
}

/// Writes a step of the flow, if nothing else has happened to it since `before`.
pub(super) async fn advance(_embedded: &Embedded, _id: &str, _before: &[u8], _flow: &Flow) -> Result<(), OAuthError> {
    todo!()
}

/// Ends the flow and makes the code: where to send the browser. At most once for each flow.
pub(super) async fn finish(
    _embedded: &Embedded,
    _id: &str,
    _flow: Flow,
    _person: Person,
    _scopes: Vec<Scope>,
    _bridge: Option<Vec<u8>>,
) -> Result<String, OAuthError> {
    todo!()
}
