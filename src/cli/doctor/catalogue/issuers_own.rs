//! Faults between the gateway and the authorization servers of its configuration.

use super::{
    client::LOG,
    known_fault::{FaultGroup, KnownFault, YamlPart},
};

pub(super) const GROUP: FaultGroup = FaultGroup {
    title: "The gateway and its authorization servers",
    about: "The gateway cannot use an authorization server of its configuration.",
    faults: FAULTS,
};

const FAULTS: &[KnownFault] = &[
    KnownFault {
        id: "issuer-tls",
        title: "The gateway does not trust the authorization server",
        seen: &[(LOG, "keys_unavailable")],
        cause: "The certificate is expired, for another name, or of an authority that is not trusted.",
        fix: "Renew the certificate, or name the private authority.",
        yaml: Some(YamlPart::Issuer("issuer: https://login.example.com\nca: ca.pem")),
    },
    KnownFault {
        id: "jwks-unreachable",
        title: "The issuer's keys cannot be fetched",
        seen: &[(LOG, "keys_unavailable")],
        cause: "`jwks_uri` does not answer, answers with an error, or may not be fetched.",
        fix: "Correct `jwks_uri` at the authorization server, or name the key set.",
        yaml: Some(YamlPart::Issuer(
            "issuer: https://login.example.com\njwks: {url: \"https://login.example.com/keys\"}",
        )),
    },
    KnownFault {
        id: "jwks-empty",
        title: "The issuer has no keys",
        seen: &[(LOG, "token_unknown_key")],
        cause: "The set is empty, or all of its keys are symmetric, for encryption, or of a kind that \
                `algorithms` leaves out.",
        fix: "Have the authorization server sign with RS256 or ES256, and publish the key.",
        yaml: Some(YamlPart::Issuer("issuer: https://login.example.com\nalgorithms: [RS256, PS256, ES256, EdDSA]")),
    },
    KnownFault {
        id: "introspection-missing",
        title: "The authorization server has no introspection endpoint",
        seen: &[(LOG, "introspection_unavailable")],
        cause: "`introspection` is configured, and the metadata has no `introspection_endpoint`.",
        fix: "Name the endpoint, or remove `introspection`.",
        yaml: Some(YamlPart::Issuer(
            "issuer: https://login.example.com\nintrospection: {url: \"https://login.example.com/introspect\", client_id: gateway, client_secret: \"env:INTROSPECTION_SECRET\"}",
        )),
    },
    KnownFault {
        id: "introspection-refused",
        title: "The introspection endpoint refuses the gateway",
        seen: &[(LOG, "introspection_unavailable")],
        cause: "`client_id` or `client_secret` is wrong, or this client may not introspect.",
        fix: "Correct the credential, and allow introspection for the client at the authorization server.",
        yaml: Some(YamlPart::Issuer(
            "issuer: https://login.example.com\nintrospection: {client_id: gateway, client_secret: \"env:INTROSPECTION_SECRET\"}",
        )),
    },
    KnownFault {
        id: "introspection-unreachable",
        title: "The introspection endpoint does not answer",
        seen: &[(LOG, "introspection_unavailable")],
        cause: "The endpoint does not answer from where the gateway runs, or answers with an error.",
        fix: "Open the network, or correct `introspection.url`.",
        yaml: None,
    },
    KnownFault {
        id: "refresh-tokens-missing",
        title: "Users get no refresh token, and sign in every hour",
        seen: &[(LOG, "token_expired")],
        cause: "Clients ask for the scope `offline_access` only where `scopes_supported` of the authorization server \
                has it, and some servers give refresh tokens for this scope alone. Without `refresh_token` among \
                `grant_types_supported`, they give none at all.",
        fix: "At the authorization server, allow the grant `refresh_token` and the scope `offline_access` for MCP \
              clients, and publish both in its metadata.",
        yaml: None,
    },
    KnownFault {
        id: "idp-unreachable",
        title: "The identity provider of the embedded server cannot be used",
        seen: &[],
        cause: "The discovery document of `login.oidc.issuer` does not answer, names another issuer, or lacks an \
                endpoint.",
        fix: "Write the issuer as its document at `/.well-known/openid-configuration` writes it.",
        yaml: Some(YamlPart::Embedded(
            "login: {oidc: {issuer: \"https://login.example.com\", client_id: gateway, client_secret: \"env:IDP_SECRET\"}}",
        )),
    },
    KnownFault {
        id: "idp-client-refused",
        title: "The identity provider refuses the gateway's client",
        seen: &[],
        cause: "The token endpoint of the provider answers `invalid_client`: `client_id` or `client_secret` is \
                wrong, or the secret has expired.",
        fix: "Make a new secret at the provider, and put it where `client_secret` refers to.",
        yaml: None,
    },
    KnownFault {
        id: "idp-redirect-uri",
        title: "The identity provider does not know the gateway's redirect URI",
        seen: &[],
        cause: "The provider compares the redirect URI byte by byte with those of its client.",
        fix: "Register `public_url` + `path` of the embedded server + `/callback` at the provider.",
        yaml: None,
    },
];
