//! Reads a token file, and says what its token says of itself that no server would accept.

use std::{fs, io, io::Read as _, path::Path, time::Duration};

use http::HeaderValue;
use jsonwebtoken::Algorithm;
use serde_json::Value;

use super::{
    issuer::IssuerKeySet,
    published::{Accepted, Resource},
};
use crate::{
    base::{
        date::written,
        digest::{SHA256_BYTES, sha256},
        limits::tokens::TOKEN_BYTES_MAX,
    },
    cli::doctor::finding::Finding,
    decide::token::{api_key, jwt::UnverifiedJwt, told_claims::ToldClaims},
};

/// All that sign tokens.
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];
/// How far clocks may differ.
const SKEW_SECS: f64 = 60.0;

/// A token of `--token-file`. It is never printed.
pub(crate) struct TokenFile {
    file: String,
    token: String,
    /// What is wrong with the file itself.
    trouble: Option<Finding>,
}

impl TokenFile {
    /// Reads a file with one token.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn read(path: &Path) -> io::Result<Self> {
        let mut text = String::new();
        fs::File::open(path)?.take(TOKEN_BYTES_MAX as u64 + 64).read_to_string(&mut text)?;
        let file = path.display().to_string();
        let about = |found: &str| {
            Finding::new("token-empty", file.clone()).found(found).expected("one token, and nothing else")
        };
        let token = text.trim();
        let trouble = if token.is_empty() {
            Some(about("an empty file"))
        } else if token.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("bearer ")) {
            Some(about("a token after the word Bearer").fix("remove the word: clients add it"))
        } else if token.starts_with('{') {
            Some(
                about("JSON, perhaps the answer of a token endpoint")
                    .fix("write only the value of access_token into the file"),
            )
        } else if token.bytes().any(|byte| !byte.is_ascii_graphic()) {
            Some(about("white space or other characters within the token"))
        } else {
            None
        };
        Ok(Self { token: token.to_owned(), trouble, file })
    }

    /// The value of `Authorization`; `None` if the file does not hold a token.
    pub(super) fn authorization(&self) -> Option<HeaderValue> {
        if self.trouble.is_some() {
            return None;
        }
        let mut value = HeaderValue::try_from(format!("Bearer {}", self.token)).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// What is wrong with it, by its own words.
    pub(super) fn judge(
        &self,
        url: &str,
        resource: Option<&Resource>,
        accepted: &Accepted<'_>,
        now: Duration,
    ) -> Vec<Finding> {
        if let Some(trouble) = &self.trouble {
            return vec![trouble.clone()];
        }
        // What is opaque says nothing. Whether it is accepted, the server says.
        let Some(told) = ToldClaims::read(&self.token) else { return Vec::new() };
        let now_secs = now.as_secs_f64();
        let about = |id| Finding::new(id, self.file.clone());
        let mut findings = Vec::new();
        if told.looks_like_id_token() {
            findings.push(
                about("token-is-id-token")
                    .found("the claims of an ID token, such as nonce or auth_time, and no scope")
                    .expected("an access token: access_token of the token endpoint's answer, not id_token"),
            );
            return findings;
        }
        if let Some(end) = told.time("exp").filter(|end| *end + SKEW_SECS < now_secs) {
            findings.push(
                about("token-expired")
                    .found(format!("exp: {}", moment(end)))
                    .expected(format!("a time after {}", written(now))),
            );
        }
        for name in ["nbf", "iat"] {
            if let Some(begin) = told.time(name).filter(|begin| *begin > now_secs + SKEW_SECS) {
                findings.push(
                    about("token-not-yet-valid")
                        .found(format!("{name}: {}", moment(begin)))
                        .expected(format!("a time before {}, which is now by this host's clock", written(now))),
                );
                break;
            }
        }
        if let Some(issuer) = told.text("iss")
            && let Some(expected) = expected_issuers(issuer, resource, accepted)
        {
            findings.push(
                about("token-issuer")
                    .found(format!("iss: {issuer:?}"))
                    .expected(format!("one of {expected:?}, which the server names"))
                    .value(issuer),
            );
        }
        let wanted =
            resource.map(|resource| resource.resource.as_str()).filter(|resource| !resource.is_empty()).unwrap_or(url);
        let audiences = told.audiences();
        let is_for = |one: &&str| {
            let one = one.trim_end_matches('/');
            let wanted = wanted.trim_end_matches('/');
            one.eq_ignore_ascii_case(wanted) || super::reach::origin_of(wanted) == one
        };
        let is_accepted = |one: &&str| accepted.audiences.iter().any(|audience| **audience == **one);
        if !audiences.iter().any(|one| is_for(one) || is_accepted(one)) {
            let found = if audiences.is_empty() { "no aud".to_owned() } else { format!("aud: {audiences:?}") };
            let client =
                ["client_id", "azp", "cid"].iter().find_map(|name| told.claims.get(*name).and_then(Value::as_str));
            let is_client = client.is_some_and(|client| audiences.contains(&client));
            if accepted.has_client_ids && (is_client || audiences.is_empty()) {
                return findings;
            }
            let finding = about("token-audience").found(found).expected(format!("aud: {wanted:?}"));
            findings.push(if is_client {
                finding.fix("the audience is the client itself: ask the issuer for a token with the parameter resource or audience, or configure an audience for it there")
            } else if let [only] = *audiences {
                finding.value(only)
            } else {
                finding
            });
        }
        findings
    }

    /// `aud` of a JWT; empty for every other token.
    pub(crate) fn audiences(&self) -> Vec<String> {
        let told = ToldClaims::read(&self.token);
        told.iter().flat_map(ToldClaims::audiences).map(str::to_owned).collect()
    }

    /// `iss` of a JWT.
    pub(crate) fn issuer(&self) -> Option<String> {
        ToldClaims::read(&self.token)?.text("iss").map(str::to_owned)
    }

    /// Whether it is an API key with this SHA-256.
    pub(crate) fn is_key_of(&self, digest: &[u8; SHA256_BYTES]) -> bool {
        api_key::has_prefix(&self.token) && sha256(self.token.as_bytes()) == *digest
    }

    /// Whether the token is neither a JWT nor an API key of this gateway.
    pub(super) fn is_opaque(&self) -> bool {
        ToldClaims::read(&self.token).is_none() && !api_key::has_prefix(&self.token)
    }

    /// Whether none of the keys of its issuer verifies it; not, if they are unknown.
    pub(super) fn has_foreign_signature(&self, keys: &[IssuerKeySet]) -> bool {
        let Ok(jwt) = UnverifiedJwt::read(&self.token) else { return false };
        let of_issuer = keys.iter().find(|of| of.issuer == jwt.issuer());
        of_issuer.is_some_and(|of| jwt.signed(&ALGORITHMS, &of.keys).is_err())
    }
}

/// The issuers that count, if this one is not among them. A server may publish one without the
/// slash at its end; a configuration says exactly what its gateway takes.
fn expected_issuers<'a>(issuer: &str, resource: Option<&'a Resource>, accepted: &Accepted<'a>) -> Option<Vec<&'a str>> {
    let bare = |one: &str| one.trim_end_matches('/').to_owned();
    let (all, is_known) = match accepted.issuers {
        [] => {
            let all: Vec<&str> = resource?.issuers.iter().map(String::as_str).collect();
            let is_known = all.is_empty() || all.iter().any(|one| bare(one) == bare(issuer));
            (all, is_known)
        }
        all => (all.to_vec(), all.contains(&issuer)),
    };
    (!is_known).then_some(all)
}

fn moment(secs: f64) -> String {
    Duration::try_from_secs_f64(secs.max(0.0)).map_or_else(|_| "a time that cannot be".to_owned(), written)
}
