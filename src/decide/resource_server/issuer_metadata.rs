//! Reads an authorization server's metadata (RFC 8414, OpenID Connect Discovery).

use serde::Deserialize;
use serde_json::Value;

use crate::base::limits::fetch::METADATA_BYTES_MAX;

#[cfg(test)]
mod tests;

/// How many characters of a wrong issuer a fault repeats.
const FOUND_CHARS_MAX: usize = 256;

/// The members that the gateway uses. Clients get the document unchanged.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
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
    /// `code_challenge_methods_supported`: MCP clients refuse a server that does not list `S256`.
    pub code_challenge_methods_supported: Option<Vec<String>>,
    /// `token_endpoint_auth_methods_supported`; if absent, `client_secret_basic`.
    pub token_endpoint_auth_methods_supported: Option<Vec<String>>,
    /// `introspection_endpoint`.
    pub introspection_endpoint: Option<String>,
    /// `introspection_endpoint_auth_methods_supported`; if absent, `client_secret_basic`.
    pub introspection_endpoint_auth_methods_supported: Option<Vec<String>>,
    /// `authorization_response_iss_parameter_supported` (RFC 9207 §3).
    #[serde(default)]
    pub authorization_response_iss_parameter_supported: bool,
}

/// Why a document is not this issuer's metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetadataFault {
    /// Over [`METADATA_BYTES_MAX`].
    TooLarge,
    /// Not one JSON object with these members, each once.
    Unreadable,
    /// `issuer` is not the expected issuer.
    Issuer {
        /// The issuer in the document, shortened.
        found: Box<str>,
    },
}

/// Reads `document`, which was fetched for `expected_issuer`.
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
    // A derived reader accepts an array as an object with its members in order, so an array is
    // refused first.
    if document.trim_ascii_start().first() != Some(&b'{') {
        return Err(MetadataFault::Unreadable);
    }
    let metadata: ServerMetadata = serde_json::from_slice(document).map_err(|_| MetadataFault::Unreadable)?;
    if metadata.issuer != expected_issuer {
        return Err(MetadataFault::Issuer { found: metadata.issuer.chars().take(FOUND_CHARS_MAX).collect() });
    }
    Ok(metadata)
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
