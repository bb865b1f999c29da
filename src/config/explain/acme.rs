//! Prints `listen[].tls.acme`.

use crate::{
    config::yaml::{Out, flow, map, text, texts},
    outbound::acme::settings::AcmeSettings,
};

/// Its keys, the secret by its reference.
pub(super) fn acme(settings: &AcmeSettings) -> Out {
    let path = |path: &std::path::Path| text(&path.display().to_string());
    let ca = settings.ca.as_ref().map(|ca| ("ca", path(&ca.path)));
    let bound = settings
        .external_account
        .as_ref()
        .map(|bound| ("external_account", flow([("key_id", text(&bound.key_id)), ("key", text(&bound.reference))])));
    let always = [
        ("email", text(&settings.email)),
        ("domains", texts(&settings.domains)),
        ("cache", path(&settings.cache)),
        ("directory", text(&settings.directory)),
    ];
    map(always.into_iter().chain(ca).chain(bound))
}
