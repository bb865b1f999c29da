//! Header fields that only a proxy before the gateway may send: from a client they are forged.

use std::str;

#[cfg(test)]
mod tests;

/// One table for the look-up and for `explain`.
macro_rules! names {
    ($($name:literal)*) => {
        /// The exact names, in their most common spelling.
        pub const NAMES: &[&[u8]] = &[$($name),*];

        /// Whether `name` is one of [`NAMES`]. The compiler turns the match into a search tree.
        fn is_named(name: &[u8]) -> bool {
            matches!(name, $($name)|*)
        }
    };
}

names! {
    // A CGI server turns it into the variable HTTP_PROXY, which HTTP clients use (httpoxy,
    // CVE-2016-5385).
    b"proxy"
    // The caller's identity: Apache and CGI, Authelia, LemonLDAP::NG, CAS, WebSEAL, SiteMinder,
    // Oracle Access Manager.
    b"remote-user" b"remote-name" b"remote-email" b"remote-groups" b"remote-ident" b"remote-addr" b"remote-host"
    b"auth-user" b"auth-mail" b"auth-groups" b"auth-type" b"cas-user"
    b"iv-user" b"iv-user-l" b"iv-groups" b"iv-creds" b"iv-server-name" b"iv-remote-address"
    b"sm-user" b"sm-userdn" b"sm-universalid" b"sm-userloginname" b"sm-usergroups" b"sm-serversessionid"
    b"sm-serversessionspec" b"oam-remote-user" b"oam-identity-domain"
    // Louketo and similar proxies.
    b"x-auth-audience" b"x-auth-email" b"x-auth-expiresin" b"x-auth-groups" b"x-auth-name" b"x-auth-roles"
    b"x-auth-scopes" b"x-auth-subject" b"x-auth-token" b"x-auth-user" b"x-auth-userid" b"x-auth-user-id"
    b"x-auth-username"
    // oauth2-proxy under its old name, caddy-security, Kong and kong-oidc, ContextForge, Keystone.
    b"gap-auth" b"gap-signature"
    b"x-token-subject" b"x-token-user-name" b"x-token-user-email" b"x-token-user-roles"
    b"x-consumer-id" b"x-consumer-custom-id" b"x-consumer-username" b"x-consumer-groups"
    b"x-credential-identifier" b"x-credential-username" b"x-anonymous-consumer" b"x-userinfo"
    b"x-access-token" b"x-id-token"
    b"x-authenticated-user" b"x-authenticated-userid" b"x-authenticated-email" b"x-authenticated-groups"
    b"x-authenticated-scope" b"x-identity-status"
    // The caller's tenant: Loki, Mimir, Tempo.
    b"x-scope-orgid"
    // Clouds and tunnels: IAP and API Gateway, Verified Access, Lambda Web Adapter, App Service and
    // Front Door, Teleport, WSO2, Vercel.
    b"x-goog-iap-jwt-assertion" b"x-endpoint-api-userinfo" b"x-apigateway-api-userinfo" b"x-amzn-ava-user-context"
    b"x-amzn-request-context" b"x-amzn-lambda-context"
    b"x-arr-clientcert" b"x-arr-ssl" b"x-azure-clientip" b"x-azure-socketip" b"x-azure-fdid"
    b"teleport-jwt-assertion" b"x-jwt-assertion" b"x-vercel-oidc-token"
    // Client certificates that a proxy has checked.
    b"x-client-verify" b"x-client-dn" b"x-client-cn"
    // The address of the caller.
    b"forwarded" b"x-real-ip" b"x-real-port" b"x-client-ip" b"client-ip" b"true-client-ip" b"x-cluster-client-ip"
    b"x-originating-ip" b"cf-connecting-ip" b"cf-connecting-ipv6" b"cf-pseudo-ipv4" b"fastly-client-ip"
    b"fly-client-ip" b"do-connecting-ip" b"wl-proxy-client-ip" b"x-nf-client-connection-ip" b"x-vercel-forwarded-for"
    b"x-vercel-proxied-for" b"x-appengine-remote-addr"
    // Overrides of the judged request: path, method, scheme or mount point.
    b"x-rewrite-url" b"x-http-method" b"x-http-method-override" b"x-method-override" b"x-scheme" b"x-url-scheme"
    b"front-end-https" b"script-name" b"x-script-name" b"path-info"
    // Messages of a proxy to its own server about files, and of a framework to itself
    // (CVE-2025-61780, CVE-2025-29927).
    b"x-sendfile-type" b"x-accel-mapping" b"x-middleware-subrequest"
}

/// Prefixes of header families.
pub const PREFIXES: &[&[u8]] = &[
    b"x-forwarded",
    b"x-auth-request-",
    b"x-original-",
    b"x-remote-",
    b"x-webauth-",
    b"x-authentik-",
    b"x-pomerium-",
    b"x-vouch-",
    b"x-envoy-",
    b"x-ssl-",
    b"x-client-cert",
    b"x-amzn-oidc-",
    b"x-amzn-mtls-",
    b"x-amzn-lattice-",
    b"x-goog-authenticated-user-",
    b"x-appengine-user-",
    b"x-appengine-inbound-",
    b"x-ms-client-principal",
    b"x-ms-token-",
    b"cf-access-",
    b"client-cert",
    // The user that the Kubernetes API impersonates.
    b"impersonate-",
    b"l5d-",
    b"mellon-",
    b"ms-aspnetcore-",
    b"ngrok-auth-user-",
    b"oidc-",
    b"shib-",
    b"ssl-client-",
    b"tailscale-",
    b"ynh-user",
];

/// Whether only a proxy may send `name`. It is in lower case, and any other sign is written as `-`.
pub(super) fn is_outside(name: &[u8]) -> bool {
    is_named(name) || PREFIXES.iter().any(|prefix| prefix.first() == name.first() && name.starts_with(prefix))
}

/// All names for `explain`, in alphabetical order; a family ends with `*`.
#[must_use]
pub fn listed() -> Vec<String> {
    let word = |name: &&[u8]| str::from_utf8(name).unwrap_or_default().to_owned();
    let families = PREFIXES.iter().map(|prefix| word(prefix) + "*");
    let mut all: Vec<String> = NAMES.iter().map(word).chain(families).collect();
    all.sort_unstable();
    all
}
