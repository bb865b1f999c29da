//! What commands ask web servers with: the trust roots and the forward proxies of the environment.

use std::{
    env::split_paths,
    path::{Path, PathBuf},
};

use rustls::pki_types::CertificateDer;

use crate::{
    app::forward_proxy::forward_proxies,
    config::environment::process_environment,
    outbound::{
        ask::Asker,
        fault::Fault,
        fetch::{Roots, native_roots, tls_roots},
    },
};

/// The public roots, and those of `SSL_CERT_FILE` and `SSL_CERT_DIR`.
///
/// # Errors
/// There is no usable certificate in these.
pub fn trust_roots() -> Result<Roots, Fault> {
    let file = process_environment("SSL_CERT_FILE");
    let directories: Vec<PathBuf> =
        process_environment("SSL_CERT_DIR").map(|list| split_paths(&list).collect()).unwrap_or_default();
    tls_roots(&native_roots(file.as_deref().map(Path::new), &directories)?)
}

/// An asker that trusts [`trust_roots`], and perhaps `ca`.
///
/// # Errors
/// The roots or the forward proxies cannot be used.
pub fn asker(ca: Option<&[CertificateDer<'static>]>) -> Result<Asker, Fault> {
    let asker = Asker::new(trust_roots()?, forward_proxies()?)?;
    ca.map_or(Ok(asker.clone()), |ca| asker.trusting(ca))
}
