//! Reads an authorization server's metadata (RFC 8414, OpenID Connect Discovery).

use std::{fmt, mem};

use serde_json::Value;

use crate::base::{limits::fetch::METADATA_BYTES_MAX, names::Issuer};

use members::{Members, text, texts, yes_or_no};

mod members;

#[cfg(test)]
mod tests;

/// How many characters of a wrong issuer a fault repeats.
const FOUND_CHARS_MAX: usize = 256;

/// The members that the gateway uses. Clients get the document unchanged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerMetadata {
    /// `issuer`, equal to the expected issuer.
    pub issuer: String,
    /// `jwks_uri`; the fetcher checks its host and addresses.
    pub jwks_uri: Option<String>,
    /// `authorization_endpoint`.
    pub authorization_endpoint: Option<String>,
    /// `token_endpoint`.
    pub token_endpoint: Option<String>,
    /// `userinfo_endpoint` (OpenID Connect Core §5.3).
    pub userinfo_endpoint: Option<String>,
    /// `id_token_signing_alg_values_supported`, in whatever form.
    pub id_token_signing_alg_values_supported: Option<Value>,
    /// `registration_endpoint`; without it, clients must be registered in advance.
    pub registration_endpoint: Option<String>,
    /// `token_endpoint_auth_methods_supported`; if absent, `client_secret_basic`.
    pub token_endpoint_auth_methods_supported: Option<Vec<String>>,
    /// `scopes_supported`.
    pub scopes_supported: Option<Vec<String>>,
    /// `grant_types_supported`; if absent, `authorization_code` and `implicit` by RFC 8414.
    pub grant_types_supported: Option<Vec<String>>,
    /// `introspection_endpoint`.
    pub introspection_endpoint: Option<String>,
    /// `introspection_endpoint_auth_methods_supported`; if absent, `client_secret_basic`.
    pub introspection_endpoint_auth_methods_supported: Option<Vec<String>>,
    /// `authorization_response_iss_parameter_supported` (RFC 9207 §3).
    pub authorization_response_iss_parameter_supported: bool,
    /// Members of these that have no meaning, and count as absent.
    pub odd: Vec<&'static str>,
}

/// Why a document is not this issuer's metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetadataFault {
    /// Over [`METADATA_BYTES_MAX`].
    TooLarge,
    /// Not one JSON object.
    Unreadable,
    /// This member, which decides whose keys are used, has no meaning.
    Member(&'static str),
    /// `issuer` is not the expected issuer.
    Issuer {
        /// The issuer in the document, shortened.
        found: Box<str>,
    },
}

impl fmt::Display for MetadataFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge => write!(out, "the document has more than {METADATA_BYTES_MAX} bytes"),
            Self::Unreadable => out.write_str("the document is not one JSON object"),
            Self::Member(name) => write!(out, "`{name}` is not a string, or is there twice with different values"),
            Self::Issuer { found } => write!(out, "`issuer` is {found:?}"),
        }
    }
}

/// Reads `document`, which was fetched for `expected_issuer`. Only `issuer` and `jwks_uri` must
/// have one meaning: they decide whose keys are used. Another member without a meaning counts as
/// absent, because most gateways need no other.
///
/// RFC 8414 §3.3: the issuers must be identical, code point by code point; otherwise one tenant
/// could impersonate another.
///
/// # Errors
/// [`MetadataFault`].
pub fn read(document: &[u8], expected_issuer: &str) -> Result<ServerMetadata, MetadataFault> {
    if document.len() > METADATA_BYTES_MAX {
        return Err(MetadataFault::TooLarge);
    }
    let mut all: Members = serde_json::from_slice(document).map_err(|_| MetadataFault::Unreadable)?;
    let issuer = all.decisive("issuer").map_err(MetadataFault::Member)?.ok_or(MetadataFault::Member("issuer"))?;
    if issuer != expected_issuer {
        return Err(MetadataFault::Issuer { found: issuer.chars().take(FOUND_CHARS_MAX).collect() });
    }
    let mut read = ServerMetadata {
        issuer,
        jwks_uri: all.decisive("jwks_uri").map_err(MetadataFault::Member)?,
        authorization_endpoint: all.take("authorization_endpoint", text),
        token_endpoint: all.take("token_endpoint", text),
        userinfo_endpoint: all.take("userinfo_endpoint", text),
        id_token_signing_alg_values_supported: all.take("id_token_signing_alg_values_supported", Some),
        registration_endpoint: all.take("registration_endpoint", text),
        token_endpoint_auth_methods_supported: all.take("token_endpoint_auth_methods_supported", texts),
        introspection_endpoint: all.take("introspection_endpoint", text),
        introspection_endpoint_auth_methods_supported: all.take("introspection_endpoint_auth_methods_supported", texts),
        authorization_response_iss_parameter_supported: all
            .take("authorization_response_iss_parameter_supported", yes_or_no)
            .unwrap_or_default(),
        odd: Vec::new(),
        scopes_supported: None,
        grant_types_supported: None,
    };
    read.odd = mem::take(&mut all.odd);
    // The gateway itself needs neither, so that it is no matter whether they have a meaning.
    read.scopes_supported = all.take("scopes_supported", texts);
    read.grant_types_supported = all.take("grant_types_supported", texts);
    Ok(read)
}

/// What the operator writes to use the issuer that the metadata names, if it is the right one.
/// `written`: the names of the configuration, that of `issuer` first. A name that is already
/// accepted must change places with it, because each name may be there once.
#[must_use]
pub fn lines_to_write(found: &str, written: &[Issuer]) -> String {
    if !written.iter().skip(1).any(|name| name.as_str() == found) {
        return format!("issuer: {found}");
    }
    let others: Vec<&str> = written.iter().map(Issuer::as_str).filter(|name| *name != found).collect();
    format!("issuer: {found}, with accepted_issuers: [{}]", others.join(", "))
}

/// Why an issuer cannot have metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IssuerFault {
    /// Neither `https://` nor `http://`.
    Scheme,
    /// No host, or userinfo.
    Host,
    /// RFC 8414 §2: an issuer has no query and no fragment.
    QueryOrFragment,
    /// A character that may not be in a URL.
    Character,
}

/// As what the gateway asks for an issuer's metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AskedAs {
    /// A resource server of an authorization server (RFC 8414).
    ResourceServer,
    /// A client of an OpenID Connect provider: its RFC 8414 document may leave out what only
    /// OpenID Connect defines, such as `userinfo_endpoint`.
    OpenIdClient,
}

/// The URLs where `issuer`'s metadata may be, in the order to try. For a resource server: RFC 8414
/// (inserted before the path), OpenID Connect inserted in the same way, OpenID Connect appended;
/// for a client the other way round. They are joined as text, because a URL library would normalise
/// parts that must stay unchanged.
///
/// # Errors
/// [`IssuerFault`].
pub fn places(issuer: &str, asked_as: AskedAs) -> Result<Vec<String>, IssuerFault> {
    let after_scheme = issuer.strip_prefix("https://").or_else(|| issuer.strip_prefix("http://"));
    let after_scheme = after_scheme.ok_or(IssuerFault::Scheme)?;
    if issuer.contains(['?', '#']) {
        return Err(IssuerFault::QueryOrFragment);
    }
    if !issuer.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'"' | b'<' | b'>')) {
        return Err(IssuerFault::Character);
    }
    let host = after_scheme.split('/').next().unwrap_or_default();
    if host.is_empty() || host.starts_with(':') || host.contains('@') {
        return Err(IssuerFault::Host);
    }
    // RFC 8414 §3.1, OpenID Connect Discovery §4: a slash at the end is removed first.
    let whole = issuer.strip_suffix('/').unwrap_or(issuer);
    let path = after_scheme.strip_prefix(host).unwrap_or_default();
    let path = path.strip_suffix('/').unwrap_or(path);
    let origin = whole.strip_suffix(path).unwrap_or(whole);

    let mut places = vec![
        format!("{origin}/.well-known/oauth-authorization-server{path}"),
        format!("{origin}/.well-known/openid-configuration{path}"),
    ];
    if !path.is_empty() {
        places.push(format!("{whole}/.well-known/openid-configuration"));
    }
    if asked_as == AskedAs::OpenIdClient {
        places.reverse();
    }
    Ok(places)
}
