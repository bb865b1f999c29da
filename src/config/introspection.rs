//! Reads `introspection` of an authorization server.

use crate::{
    config::{
        issuer_url::web_url,
        keys::introspection::CACHE,
        place::Place,
        reader::{Field, Fields},
        secret, value,
    },
    outbound::introspect::IntrospectionSettings,
};

/// `introspection` as written.
#[derive(Default)]
pub(super) struct WrittenIntrospection {
    /// The place of the section.
    pub(super) place: Option<Place>,
    /// The reference of `client_secret`.
    pub(super) secret: Option<Box<str>>,
    /// Whether the issuer signs no tokens.
    pub(super) only: bool,
}

/// `introspection`; `None` in `Some` place if it has a mistake.
pub(super) fn introspection(
    fields: &mut Fields<'_>,
    allow_http: bool,
    written: &mut WrittenIntrospection,
) -> Option<Option<IntrospectionSettings>> {
    let field = fields.get("introspection")?;
    written.place = Some(field.place.clone());
    Some(field.section("authorization_servers.*.introspection", |fields| settings(fields, allow_http, written)))
}

/// Asks for all keys before the first `?`, so that every mistake is reported.
fn settings(
    fields: &mut Fields<'_>,
    allow_http: bool,
    written: &mut WrittenIntrospection,
) -> Option<IntrospectionSettings> {
    let url = fields.get("url").map(|field| web_url(&field, allow_http).map(Box::from));
    let id = fields.need("client_id", "the gateway's client id at the authorization server");
    let id = id.and_then(|field| client_id(&field));
    let secret = fields.need("client_secret", "a reference to the gateway's secret there: env:NAME or file:PATH");
    let secret = secret.and_then(|field| secret::secret(&field));
    let cache = value::duration(fields, &CACHE);
    written.only = fields.flag("only");
    let url = match url {
        Some(url) => Some(url?),
        None => None,
    };
    let secret = secret?;
    written.secret = Some(secret.reference);
    Some(IntrospectionSettings { url, client_id: id?, client_secret: secret.secret, cache })
}

fn client_id(field: &Field<'_>) -> Option<Box<str>> {
    field.text("a client id").map(Box::from)
}
