//! Reads an authorization server's metadata (RFC 8414, OpenID Connect Discovery).

use serde::Deserialize;

use crate::base::limits::fetch::METADATA_BYTES_MAX;

#[cfg(test)]
mod tests;

/// Characters of a foreign issuer that a fault repeats.
const FOUND_CHARS_MAX: usize = 256;

/// What the gateway uses of the document. Clients get the document as it came.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ServerMetadata {
    /// `issuer`, equal to the one that was asked for.
    pub issuer: String,
    /// `jwks_uri`; the fetcher checks where it points.
    pub jwks_uri: Option<String>,
    /// `authorization_endpoint`.
    pub authorization_endpoint: Option<String>,
    /// `token_endpoint`.
    pub token_endpoint: Option<String>,
    /// `registration_endpoint`: clients without one need to be registered beforehand.
    pub registration_endpoint: Option<String>,
    /// `code_challenge_methods_supported`: MCP clients refuse a server that does not list `S256`.
    pub code_challenge_methods_supported: Option<Vec<String>>,
    /// `token_endpoint_auth_methods_supported`; `client_secret_basic` where it is absent.
    pub token_endpoint_auth_methods_supported: Option<Vec<String>>,
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
    /// `issuer` is another's; what it says, shortened.
    Issuer {
        /// The issuer in the document.
        found: Box<str>,
    },
}

/// Reads `document`, which was fetched for `expected_issuer`.
///
/// RFC 8414 §3.3: the issuers must be identical, code point by code point, or one tenant could pass
/// for another.
///
/// # Errors
/// [`MetadataFault`].
pub fn read(document: &[u8], expected_issuer: &str) -> Result<ServerMetadata, MetadataFault> {
    if document.len() > METADATA_BYTES_MAX {
        return Err(MetadataFault::TooLarge);
    }
    // A derived reader takes an array for an object with its members in order; a document is an
    // object.
    if document.trim_ascii_start().first() != Some(&b'{') {
        return Err(MetadataFault::Unreadable);
    }
    let metadata: ServerMetadata = serde_json::from_slice(document).map_err(|_| MetadataFault::Unreadable)?;
    if metadata.issuer != expected_issuer {
        return Err(MetadataFault::Issuer { found: metadata.issuer.chars().take(FOUND_CHARS_MAX).collect() });
    }
    Ok(metadata)
}

/// Why an issuer has no metadata to look for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IssuerFault {
    /// Neither `https://` nor `http://`.
    Scheme,
    /// No host, or one with userinfo.
    Host,
    /// RFC 8414 §2: an issuer has no query and no fragment.
    QueryOrFragment,
    /// A character that stands in no URL.
    Character,
}

/// Where `issuer`'s metadata may be, in the order to try: RFC 8414 (inserted before the path),
/// OpenID Connect inserted the same way, OpenID Connect appended. Cut and joined as text: a URL
/// library would normalise what must stay as it is.
///
/// # Errors
/// [`IssuerFault`].
pub fn places(issuer: &str) -> Result<Vec<String>, IssuerFault> {
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
    // RFC 8414 §3.1, OpenID Connect Discovery §4: a slash at the end goes before anything is
    // inserted or appended.
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
    Ok(places)
}
