//! Sealed flows: how a flow travels in the browser before its user has signed in.
//!
//! The text is encrypted and authenticated with `session_keys`, for one issuer and one purpose. In
//! it are the client, the browser's cookie (as a digest) and the expiry, which are checked when it
//! comes back. Every replica can open it. It is a part of URLs, so it is written as a list without
//! names, and long lists of scopes as their positions among the scopes of the servers.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

use crate::{
    authorization_server::{browser::flow::Flow, embedded::Embedded},
    base::{
        digest::sha256_base64url,
        limits::authorization_server::{SEALED_FLOW_BYTES_MAX, SEALED_SCOPES_BYTES_MAX},
        names::Scope,
    },
    decide::authorization_server::{
        client::{Client, ClientAuth, ClientOrigin, Grants},
        error::{Code, OAuthError},
        pkce::Challenge,
        request::{AuthorizationRequest, ReturnTo},
    },
};

/// Where a sealed flow is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FlowDestination {
    /// The parameter `flow` of pages and forms.
    Pages,
    /// `state` at the company IdP.
    Idp,
}

impl FlowDestination {
    fn purpose(self, embedded: &Embedded) -> String {
        // Several embedded servers may have the same keys.
        let what = match self {
            Self::Pages => "flow",
            Self::Idp => "state",
        };
        format!("{what} of {}", embedded.settings.issuer)
    }
}

/// A flow as it is sealed.
#[derive(Serialize, Deserialize)]
struct Sealed(
    /// The id.
    Box<str>,
    /// The expiry.
    u64,
    /// The digest of the browser's cookie.
    Base64,
    SealedClient,
    ReturnTo,
    Challenge,
    Vec<Box<str>>,
    SealedScopes,
    /// [`AuthorizationRequest::named`].
    Vec<Scope>,
    /// `login_hint`.
    Option<Box<str>>,
    /// [`AuthorizationRequest::idp_prompt`].
    Box<str>,
    /// `max_age`.
    Option<u64>,
    /// Named redirect, always ask, signs in again, never ask.
    [bool; 4],
    /// [`OpenedFlow::secret`].
    Box<str>,
);

/// A flow that travelled.
pub(crate) struct OpenedFlow {
    /// The id.
    pub(crate) id: Box<str>,
    /// The flow.
    pub(crate) flow: Flow,
    /// Random text that only this server can read, for what the company IdP must match. Empty for
    /// pages.
    pub(crate) secret: Box<str>,
}

/// Id, name and origin.
#[derive(Serialize, Deserialize)]
struct SealedClient(Box<str>, Option<Box<str>>, ClientOrigin);

/// Scopes.
#[derive(Serialize, Deserialize)]
enum SealedScopes {
    #[serde(rename = "s")]
    Written(Vec<Scope>),
    /// Positions among the scopes of the request's servers, two bytes each, and a digest of those
    /// scopes: after a change of the configuration, the positions mean nothing.
    #[serde(rename = "p")]
    Positions(Base64, Box<str>),
}

/// 32 bytes or more as text.
#[derive(Serialize, Deserialize)]
struct Base64(Box<str>);

impl Base64 {
    fn of(bytes: &[u8]) -> Self {
        Self(URL_SAFE_NO_PAD.encode(bytes).into())
    }

    fn bytes(&self) -> Option<Vec<u8>> {
        URL_SAFE_NO_PAD.decode(&*self.0).ok()
    }
}

/// The flow as text, with its id.
///
/// # Errors
/// `invalid_request` if the text would be too long for URLs.
pub(crate) fn seal(
    embedded: &Embedded,
    sealed_for: FlowDestination,
    (id, flow): (&str, &Flow),
    secret: &str,
) -> Result<String, OAuthError> {
    let (request, client) = (&flow.request, &flow.client);
    let sealed = Sealed(
        id.into(),
        flow.until,
        Base64::of(&flow.browser),
        SealedClient(client.id.clone(), client.name.clone(), client.origin),
        request.back.clone(),
        request.challenge.clone(),
        request.resources.clone(),
        sealed_scopes(embedded, request),
        request.named.clone(),
        request.login_hint.clone(),
        request.idp_prompt.clone(),
        request.max_age,
        [request.named_redirect, request.always_ask, request.signs_in_again, request.never_ask],
        secret.into(),
    );
    let sealer = &embedded.state.sealer;
    let text = sealer
        .seal_value(&sealed_for.purpose(embedded), &sealed)
        .map(|sealed| URL_SAFE_NO_PAD.encode(sealed))
        .map_err(|cause| Code::ServerError.because(cause))?;
    match text.len() <= SEALED_FLOW_BYTES_MAX {
        true => Ok(text),
        false => Err(Code::InvalidRequest.because("the authorization request is too long: state, scope, redirect_uri")),
    }
}

/// The flow of a text, and its id. The caller checks browser and expiry.
pub(crate) fn open(embedded: &Embedded, sealed_for: FlowDestination, text: &str) -> Option<OpenedFlow> {
    if text.len() > SEALED_FLOW_BYTES_MAX {
        return None;
    }
    let sealed = URL_SAFE_NO_PAD.decode(text).ok()?;
    let sealed: Sealed = embedded.state.sealer.open_value(&sealed_for.purpose(embedded), &sealed)?;
    let Sealed(id, until, browser, client, back, challenge, resources, scopes, named, hint, idp, age, flags, secret) =
        sealed;
    let SealedClient(client, name, origin) = client;
    let [named_redirect, always_ask, signs_in_again, never_ask] = flags;
    let scopes = opened_scopes(embedded, &resources, scopes)?;
    let flow = Flow {
        browser: browser.bytes()?.try_into().ok()?,
        client: Client {
            id: client.clone(),
            name,
            origin,
            redirect_uris: vec![back.uri.clone()],
            auth: ClientAuth::None,
            grants: Grants { code: true, refresh: false, credentials: false },
            scopes: None,
            introspects: Vec::new(),
            trusted: false,
            with_token: false,
        },
        request: AuthorizationRequest {
            client,
            back,
            named_redirect,
            challenge,
            resources,
            scopes,
            named,
            login_hint: hint,
            always_ask,
            signs_in_again,
            never_ask,
            idp_prompt: idp,
            max_age: age,
        },
        person: None,
        session: None,
        holder: None,
        until,
        bridge: None,
    };
    Some(OpenedFlow { id, flow, secret })
}

fn sealed_scopes(embedded: &Embedded, request: &AuthorizationRequest) -> SealedScopes {
    let written = || SealedScopes::Written(request.scopes.clone());
    if request.scopes.iter().map(|scope| scope.as_str().len()).sum::<usize>() <= SEALED_SCOPES_BYTES_MAX {
        return written();
    }
    let all = scopes_of(embedded, &request.resources);
    let position = |scope: &Scope| all.iter().position(|one| *one == scope).and_then(|at| u16::try_from(at).ok());
    let positions: Option<Vec<u16>> = request.scopes.iter().map(position).collect();
    positions.map_or_else(written, |positions| {
        let bytes: Vec<u8> = positions.into_iter().flat_map(u16::to_be_bytes).collect();
        SealedScopes::Positions(Base64::of(&bytes), digest_of(&all))
    })
}

fn opened_scopes(embedded: &Embedded, resources: &[Box<str>], scopes: SealedScopes) -> Option<Vec<Scope>> {
    match scopes {
        SealedScopes::Written(scopes) => Some(scopes),
        SealedScopes::Positions(positions, digest) => {
            let all = scopes_of(embedded, resources);
            let bytes = positions.bytes()?;
            let (pairs, []) = bytes.as_chunks::<2>() else { return None };
            let scope = |pair: &[u8; 2]| all.get(usize::from(u16::from_be_bytes(*pair))).copied().cloned();
            (digest_of(&all) == digest).then(|| pairs.iter().map(scope).collect())?
        }
    }
}

/// The scopes of these servers, in the order of the configuration.
fn scopes_of<'e>(embedded: &'e Embedded, resources: &[Box<str>]) -> Vec<&'e Scope> {
    let of_flow = embedded.settings.resources.iter().filter(|one| resources.contains(&one.resource));
    of_flow.flat_map(|one| &one.scopes).collect()
}

fn digest_of(scopes: &[&Scope]) -> Box<str> {
    let text: Vec<&str> = scopes.iter().map(|scope| scope.as_str()).collect();
    sha256_base64url(&text.join(" ")).into()
}
