//! Finds URLs that no token has as its issuer: of metadata, of endpoints, of known vendors.

use crate::config::{
    reader::Field,
    reading::WrittenFinding,
    value::{self, WrittenUrl},
};

/// The issuer whose metadata is at this URL; `None` if it is no such URL.
pub(super) fn of_metadata(text: &str) -> Option<String> {
    let (base, document) = text.split_once("/.well-known/")?;
    // RFC 8414 §3.1 puts the path of the issuer after the document's name.
    let path = document.split(['?', '#']).next().unwrap_or_default().split_once('/').map_or("", |(_, path)| path);
    let slash = if base.ends_with(".auth0.com") { "/" } else { "" };
    Some(if path.is_empty() { format!("{base}{slash}") } else { format!("{base}/{path}") })
}

/// Warns of an issuer that cannot be one at its vendor. `profile` is the written one; `is_direct`
/// says that its own tokens reach the gateway.
pub(super) fn look(field: &Field<'_>, profile: Option<&str>, is_direct: bool) {
    let Some(text) = field.scalar_text() else { return };
    let Ok(url) = value::url(text) else { return };
    if let Some((expected, meant)) = unlike(text, &url, profile.unwrap_or_default(), is_direct) {
        let found = crate::config::problem::quoted(text);
        field.reading.warn(WrittenFinding::new(&field.place, &found, expected).near(meant));
    }
}

type Unlike = (&'static str, Option<String>);

fn unlike(text: &str, url: &WrittenUrl<'_>, profile: &str, is_direct: bool) -> Option<Unlike> {
    let host = &*url.host;
    let path = &*url.path_and_query;
    let bare = text.trim_end_matches('/');
    if let Some((realm, _)) = text.split_once("/protocol/openid-connect") {
        return Some(("the realm's URL: this is an endpoint of Keycloak", Some(realm.to_owned())));
    }
    let last = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    // WSO2 calls itself by its token endpoint.
    if ["authorize", "userinfo", "introspect", "jwks", "jwks.json", "certs"].contains(&last) {
        return Some(("the issuer, as tokens name it in `iss`: this looks like one of its endpoints", None));
    }
    if profile == "keycloak" && !path.contains("/realms/") {
        return Some(("the URL of a realm, such as https://login.example.com/realms/main", None));
    }
    if host.ends_with(".auth0.com") && !text.ends_with('/') {
        return Some(("the issuer with a slash at its end, as Auth0 writes it into tokens", Some(format!("{bare}/"))));
    }
    if host == "login.microsoftonline.com" {
        let mut segments = path.trim_matches('/').split('/');
        let (tenant, version) = (segments.next().unwrap_or_default(), segments.next());
        if matches!(tenant, "" | "common" | "organizations" | "consumers") {
            return Some((
                "the id of the tenant, as in https://login.microsoftonline.com/TENANT/v2.0: tokens name the tenant of \
                 their user",
                None,
            ));
        }
        if version != Some("v2.0") || text.ends_with('/') {
            let meant = format!("https://login.microsoftonline.com/{tenant}/v2.0");
            return Some(("the issuer as Entra writes it into tokens of version 2.0", Some(meant)));
        }
    }
    if host == "sts.windows.net" && !text.ends_with('/') {
        return Some((
            "the issuer with a slash at its end, as Entra writes it into tokens of version 1.0",
            Some(format!("{bare}/")),
        ));
    }
    if host.ends_with(".amazoncognito.com") {
        return Some((
            "the issuer of the user pool, https://cognito-idp.REGION.amazonaws.com/POOL_ID: this is the domain of its \
             sign-in page",
            None,
        ));
    }
    if host == "accounts.google.com" && text.ends_with('/') {
        return Some(("the issuer without a slash at its end, as Google writes it into tokens", Some(bare.to_owned())));
    }
    let is_org = is_direct && [".okta.com", ".oktapreview.com"].iter().any(|end| host.ends_with(end)) && path == "/";
    is_org.then_some((
        "a custom authorization server, such as https://TENANT.okta.com/oauth2/default: tokens of the org server are for \
         Okta alone",
        None,
    ))
}

#[cfg(test)]
mod tests {
    use super::of_metadata;

    #[test]
    fn first_8_a_discovery_url_names_its_issuer() {
        for (text, issuer) in [
            ("https://a.example/.well-known/openid-configuration", Some("https://a.example")),
            ("https://a.example/realms/x/.well-known/openid-configuration", Some("https://a.example/realms/x")),
            ("https://a.example/.well-known/oauth-authorization-server/x/y", Some("https://a.example/x/y")),
            ("https://t.eu.auth0.com/.well-known/openid-configuration", Some("https://t.eu.auth0.com/")),
            ("https://a.example/.well-known/openid-configuration?x=1", Some("https://a.example")),
            ("https://a.example/well-known", None),
        ] {
            assert_eq!(of_metadata(text).as_deref(), issuer, "{text}");
        }
    }
}
