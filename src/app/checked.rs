//! Reports what a start would refuse, and what will probably fail soon: `portcullis check`.

use std::{io, net::SocketAddr, sync::Arc};

use tokio::{net::TcpSocket, runtime};

use super::{
    build::{Builder, BuiltParts},
    outgoing_certificates,
};
use crate::{
    authorization_server::{
        embedded::evicts,
        settings::{EmbeddedSettings, StoreSettings},
        store::{Store, usable},
    },
    base::clock::Clock,
    config::{ListenTls, Settings},
    inbound::accept::tls::{Certificates, Concern},
    observe::Observe,
    outbound::{acme::keep, fetch::Roots},
};

/// Reports what a start with `settings` would refuse: certificates, trust roots, routes, stores.
/// Nothing is served, because a check runs beside a gateway in use. Returns warnings about what
/// works now but will probably fail soon, or may fail on this host alone.
///
/// # Errors
/// One sentence for each problem.
pub fn check(settings: &Settings, observe: &Arc<Observe>, clock: &Arc<dyn Clock>) -> Result<Vec<String>, Vec<String>> {
    let (mut warnings, mut wrong) = (addresses(settings), Vec::new());
    match files(settings, clock) {
        Ok(concerns) => warnings.extend(concerns),
        Err(problems) => wrong = problems,
    }
    warnings.extend(caches(settings));
    warnings.extend(outgoing_certificates::concerns(settings, clock.now().wall));
    for embedded in &settings.embedded {
        if let StoreSettings::File(path) = &embedded.store
            && let Err(why) = usable(path)
        {
            wrong.push(format!("authorization_servers.{}.embedded.store: {why}", embedded.name));
        }
    }
    match Builder::new(Arc::clone(observe), Arc::clone(clock)) {
        Ok(builder) => {
            let shared = settings.embedded.iter().filter(|embedded| matches!(embedded.store, StoreSettings::Redis(_)));
            wrong.extend(shared.filter_map(|embedded| refused(embedded, builder.roots(), clock)));
            // A check does not create a store.
            let settings = &settings.clone().without_stores();
            wrong.extend(builder.build(settings, &BuiltParts::default()).err().unwrap_or_default());
        }
        Err(fault) => wrong.push(fault.to_string()),
    }
    if wrong.is_empty() { Ok(warnings) } else { Err(wrong) }
}

/// What is wrong with the certificates of listeners that come from files, or soon will be.
fn files(settings: &Settings, clock: &Arc<dyn Clock>) -> Result<Vec<String>, Vec<String>> {
    let (mut warnings, mut wrong) = (Vec::new(), Vec::new());
    for (index, listen) in settings.listen.iter().enumerate() {
        let Some(ListenTls::Files(files)) = &listen.tls else { continue };
        match Certificates::load(&files.certificate, &files.key) {
            Ok(certificates) => {
                let path = certificates.path().display();
                let concerns = certificates.news(settings.public_url.host(), clock.now().wall);
                let warning = |concern: Concern| format!("listen[{index}].tls.certificate: {path}: {concern}");
                warnings.extend(concerns.into_iter().map(warning));
            }
            Err(why) => wrong.push(format!("listen[{index}].tls: {why}")),
        }
    }
    if wrong.is_empty() { Ok(warnings) } else { Err(wrong) }
}

/// Caches of ACME that this user could not use. A check creates none, and may run as another user
/// than the gateway.
fn caches(settings: &Settings) -> Vec<String> {
    let said = settings.listen.iter().enumerate().filter_map(|(index, listen)| {
        let Some(ListenTls::Acme(acme)) = &listen.tls else { return None };
        let why = keep::cache_trouble(acme)?;
        Some(format!(
            "listen[{index}].tls.acme.cache: {why}; without a certificate there, the gateway does not start where its own user cannot write"
        ))
    });
    said.collect()
}

/// Why the Redis of an embedded server must not be used; `None` if it does not answer.
fn refused(embedded: &EmbeddedSettings, roots: &Roots, clock: &Arc<dyn Clock>) -> Option<String> {
    let key = format!("authorization_servers.{}.embedded", embedded.name);
    let store = match Store::open(&embedded.store, roots.clone(), Arc::clone(clock)) {
        Ok(store) => store,
        Err(why) => return Some(format!("{key}: {why}")),
    };
    if embedded.allow_eviction {
        return None;
    }
    let asked = runtime::Builder::new_current_thread().enable_all().build();
    let why = asked.ok()?.block_on(evicts(&store))?;
    Some(format!("{key}.{why}"))
}

/// Addresses on which this host does not let this user listen. The configuration may be for another
/// host, or for another user, so these are warnings. A port in use is not reported: a gateway may
/// be running.
fn addresses(settings: &Settings) -> Vec<String> {
    let listen =
        settings.listen.iter().enumerate().map(|(index, one)| (format!("listen[{index}].address"), one.address));
    let all = listen.chain([("admin.address".to_owned(), settings.admin)]);
    let refused = all.filter_map(|(key, address)| Some((key, address, tried(address).err()?)));
    let refused = refused.filter(|(_, _, cause)| cause.kind() != io::ErrorKind::AddrInUse);
    refused
        .map(|(key, address, cause)| format!("{key}: on this host the gateway could not listen on {address}: {cause}"))
        .collect()
}

/// Binds `address` for a moment.
fn tried(address: SocketAddr) -> io::Result<()> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)
}
