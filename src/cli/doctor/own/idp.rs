//! Can the embedded authorization server sign users in at the company's identity provider?

use http::StatusCode;

use super::{
    metadata::{ExaminedIssuer, OwnClient, refuses_client},
    own_file::OwnFile,
    refresh,
};
use crate::{
    authorization_server::settings::{EmbeddedSettings, Login, OidcSettings},
    cli::doctor::finding::Finding,
    decide::{
        authorization_server::form::encode,
        resource_server::issuer_metadata::{AskedAs, ServerMetadata},
    },
};

/// A code verifier and its challenge, for a request whose code is never redeemed (RFC 7636 B).
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// What is wrong with the identity providers.
pub(super) async fn check(of: &OwnFile<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for embedded in &of.settings().embedded {
        let Login::Oidc(oidc) = &embedded.login else { continue };
        let idp = ExaminedIssuer {
            of,
            key: format!("authorization_servers.{}.embedded.login.oidc", embedded.name),
            issuer: &oidc.issuer,
            asked_as: AskedAs::OpenIdClient,
            asker: of.asker_of(&oidc.reach),
            detour: oidc.reach.at.as_ref(),
        };
        let metadata = match idp.metadata().await {
            Ok((metadata, _)) => metadata,
            Err(finding) => {
                findings.push(*finding);
                continue;
            }
        };
        // The gateway asks for the scope itself, and `check` knows how.
        findings.extend(refresh::check(&idp, &metadata, false));
        findings.extend(client(&idp, oidc, embedded, &metadata).await);
        findings.extend(redirect_uri(&idp, oidc, embedded, &metadata).await);
    }
    findings
}

fn callback(embedded: &EmbeddedSettings) -> String {
    format!("{}/callback", embedded.issuer)
}

/// Whether the provider knows the gateway's client and its secret: it is asked to redeem a code
/// that does not exist.
async fn client(
    idp: &ExaminedIssuer<'_>,
    oidc: &OidcSettings,
    embedded: &EmbeddedSettings,
    metadata: &ServerMetadata,
) -> Option<Finding> {
    let Some(url) = metadata.token_endpoint.as_deref() else {
        let finding = idp.finding("idp-unreachable", "issuer", "metadata without a token_endpoint");
        return Some(finding.expected("token_endpoint"));
    };
    let own = OwnClient { id: &oidc.client_id, secret: oidc.client_secret.expose() };
    let callback = callback(embedded);
    let form = [("grant_type", "authorization_code"), ("code", "portcullis-doctor"), ("redirect_uri", &callback)];
    let methods = metadata.token_endpoint_auth_methods_supported.as_deref();
    match idp.post((Some("token_endpoint"), url), &form, &own, methods).await {
        Err(why) => {
            let found = format!("{url}: {why}");
            Some(idp.finding("idp-unreachable", "issuer", found).expected("a token endpoint that answers"))
        }
        Ok(answer) if refuses_client(&answer) => {
            let found = format!("{url}: status {} to the gateway's client", answer.status.as_u16());
            let finding = idp.finding("idp-client-refused", "client_id", found);
            Some(finding.expected("invalid_grant, since the code is invented"))
        }
        Ok(_) => None,
    }
}

/// Whether the provider knows the gateway's redirect URI: it shows an error of its own if not.
async fn redirect_uri(
    idp: &ExaminedIssuer<'_>,
    oidc: &OidcSettings,
    embedded: &EmbeddedSettings,
    metadata: &ServerMetadata,
) -> Option<Finding> {
    let endpoint = metadata.authorization_endpoint.as_deref()?;
    let callback = callback(embedded);
    let query = encode(&[
        ("response_type", "code"),
        ("client_id", &oidc.client_id),
        ("redirect_uri", &callback),
        ("scope", "openid"),
        ("state", "portcullis-doctor"),
        ("nonce", "portcullis-doctor"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ]);
    let separator = if endpoint.contains('?') { '&' } else { '?' };
    let answer = idp.get_named("authorization_endpoint", &format!("{endpoint}{separator}{query}")).await.ok()?;
    let text = String::from_utf8_lossy(&answer.body).to_ascii_lowercase();
    let is_about_it = ["redirect_uri", "redirect uri", "redirecturi"].iter().any(|words| text.contains(words));
    let is_refused = answer.status == StatusCode::BAD_REQUEST || answer.status == StatusCode::FORBIDDEN;
    (is_refused && is_about_it).then(|| {
        let found = format!("{endpoint}: status {} for redirect_uri {callback}", answer.status.as_u16());
        idp.finding("idp-redirect-uri", "client_id", found)
            .expected("a sign-in page")
            .fix(format!("register {callback} as a redirect URI of this client at the provider"))
    })
}
