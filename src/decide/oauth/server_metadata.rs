//! Reads an authorization server's metadata (RFC 8414, OpenID Connect Discovery), and where to look for it.
