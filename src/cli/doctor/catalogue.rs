//! What each finding means: its title, what users see in which client, its cause and its fix.

/// The words of one kind of finding.
#[derive(Debug)]
pub(super) struct Known {
    /// Its id, which never changes.
    pub id: &'static str,
    /// What is wrong, in a few words.
    pub title: &'static str,
    /// The words that users see, by client.
    pub seen: &'static [(&'static str, &'static str)],
    /// Why it happens.
    pub cause: &'static str,
    /// What to do.
    pub fix: &'static str,
}

const fn known(id: &'static str, title: &'static str) -> Known {
    Known { id, title, seen: &[], cause: "", fix: "" }
}

/// All kinds of findings.
pub(super) const KNOWN: &[Known] = &[
    // Reach.
    known("name-unresolved", "The host name has no address"),
    known("connection-refused", "The port is closed"),
    known("host-unreachable", "The host cannot be reached"),
    known("address-forbidden", "The name leads to an address that is not a service's"),
    known("forward-proxy", "The forward proxy of the environment opens no tunnel"),
    known("tls-name", "The certificate is for another host"),
    known("tls-expired", "The certificate has expired"),
    known("tls-not-yet-valid", "The certificate is not valid yet"),
    known("tls-unknown-issuer", "The certificate's issuer is not trusted, or the chain is incomplete"),
    known("tls-client-certificate", "The server wants a certificate of the client"),
    known("tls-failed", "The TLS handshake fails"),
    known("certificate-ends-soon", "The certificate expires soon"),
    known("not-http", "What answers does not speak HTTP"),
    known("no-answer", "The server takes the connection and does not answer"),
    known("slow-answer", "The server answers slowly"),
    known("url-unusable", "A URL cannot be asked"),
    known("url-not-https", "The URL is http:// on a network"),
    known("redirect-to-https", "The URL is redirected from http:// to https://"),
    known("redirect-from-endpoint", "The URL of the MCP server is redirected"),
    known("clock-skew", "The clocks of this host and of the server differ"),
    // The first answer.
    known("no-authorization", "The server asks for no token"),
    known("mcp-not-found", "There is no MCP server at this path"),
    known("mcp-method-refused", "The path takes no POST"),
    known("mcp-host-refused", "The server refuses its own host name"),
    known("mcp-forbidden", "The server answers 403 in place of 401"),
    known("mcp-server-error", "The server fails before it asks for a token"),
    known("mcp-bad-gateway", "A proxy in front cannot reach the server"),
    known("mcp-sign-in-page", "The server shows a sign-in page in place of 401"),
    known("mcp-unexpected-status", "The server answers neither 401 nor a result"),
    known("get-not-challenged", "GET is answered otherwise than POST"),
    known("bad-token-not-401", "A token that is not valid is not answered with 401"),
    known("user-agent-required", "Requests without a User-Agent are refused"),
    // The challenge.
    known("challenge-missing", "A 401 without WWW-Authenticate"),
    known("challenge-unreadable", "WWW-Authenticate cannot be read"),
    known("challenge-not-bearer", "WWW-Authenticate names another scheme than Bearer"),
    known("challenge-without-metadata", "The challenge does not say where the metadata is"),
    known("challenge-metadata-relative", "resource_metadata is not an absolute URL"),
    known("challenge-metadata-http", "resource_metadata is http:// although the server is https://"),
    known("challenge-metadata-host", "resource_metadata is at another host"),
    known("challenge-html", "The 401 is an HTML page"),
    // Protected resource metadata.
    known("metadata-missing", "There is no protected resource metadata"),
    known("metadata-not-found", "The metadata that the challenge names is not there"),
    known("metadata-path-form-missing", "The metadata is not at the form with the path"),
    known("metadata-needs-token", "The metadata needs a token"),
    known("metadata-redirected", "The metadata is redirected"),
    known("metadata-server-error", "The metadata fails with an error of the server"),
    known("metadata-content-type", "The metadata is not labelled as JSON"),
    known("metadata-unreadable", "The metadata is not a JSON object"),
    known("metadata-forms-differ", "Two forms of the metadata say different things"),
    known("resource-missing", "The metadata names no resource"),
    known("resource-slash", "The resource differs from the URL in a slash at the end"),
    known("resource-http", "The resource is http:// although the server is https://"),
    known("resource-host", "The resource names another host"),
    known("resource-differs", "The resource is another URL"),
    known("issuers-missing", "The metadata names no authorization server"),
    // Authorization servers.
    known("issuer-not-url", "An authorization server is not a usable URL"),
    known("issuer-is-document", "A metadata document is named in place of the issuer"),
    known("issuer-http", "An authorization server is http:// on a network"),
    known("issuer-unreachable", "An authorization server cannot be reached"),
    known("issuer-private-address", "An authorization server is on a private network"),
    known("issuer-metadata-missing", "An authorization server has no metadata"),
    known("issuer-metadata-unreadable", "An authorization server's metadata cannot be read"),
    known("issuer-differs", "The issuer in the metadata is another one"),
    known("issuer-slash", "The issuer in the metadata differs in a slash at the end"),
    known("issuer-endpoint-missing", "An endpoint is missing from the issuer's metadata"),
    known("issuer-endpoint-http", "An endpoint of the issuer is http://"),
    known("pkce-missing", "The issuer does not announce PKCE"),
    known("pkce-without-s256", "The issuer announces PKCE without S256"),
    known("code-flow-missing", "The issuer does not announce the authorization code flow"),
    known("registration-missing", "Clients cannot register at the issuer"),
    known("public-clients-refused", "The issuer's token endpoint takes no public clients"),
    known("jwks-unreachable", "The issuer's keys cannot be fetched"),
    known("jwks-unreadable", "The issuer's keys cannot be read"),
    known("jwks-empty", "The issuer has no keys"),
    known("issuer-cors", "A browser may not read the issuer's metadata"),
    // Browsers.
    known("cors-preflight-refused", "The preflight is refused"),
    known("cors-origin-not-allowed", "The preflight allows no origin"),
    known("cors-authorization-not-allowed", "The preflight does not allow Authorization by name"),
    known("cors-headers-not-allowed", "The preflight does not allow headers of MCP"),
    known("cors-missing-on-401", "The 401 cannot be read by a page"),
    known("cors-challenge-not-exposed", "WWW-Authenticate is hidden from pages"),
    known("cors-session-not-exposed", "Mcp-Session-Id is hidden from pages"),
    known("cors-missing-on-metadata", "The metadata cannot be read by a page"),
    known("origin-refused", "The server refuses pages of this origin"),
    known("origin-not-checked", "A local server answers pages of any origin"),
    // Spelling.
    known("slash-redirected", "The URL with the other ending is redirected"),
    known("slash-differs", "The URL with the other ending is answered otherwise"),
    // Token.
    known("token-empty", "The token file is empty, or holds more than a token"),
    known("token-expired", "The token has expired"),
    known("token-not-yet-valid", "The token is not valid yet"),
    known("token-audience", "The token is for another resource"),
    known("token-issuer", "The token is from another issuer"),
    known("token-is-id-token", "The token is an ID token"),
    known("token-refused", "The server refuses the token"),
    known("token-scope", "The token has too few scopes"),
    // MCP.
    known("initialize-failed", "The server answers initialize with an error"),
    known("not-mcp", "The answer is not MCP"),
    known("session-lost", "The server does not know the session that it began"),
    known("tools-list-failed", "The server answers tools/list with an error"),
    known("stream-buffered", "Something in front holds back the event stream"),
];
