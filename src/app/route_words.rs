//! Tells an operator why the paths of the configuration cannot be served together.

use crate::{
    config::Settings,
    decide::routing::{Owner, RouteFault},
};

/// Why the routes cannot be built, with the names that the configuration gives to their owners.
/// `server` gives the name of the server with this index.
pub(super) fn in_words<'s>(
    fault: &RouteFault,
    settings: &Settings,
    server: impl Fn(usize) -> Option<&'s str>,
) -> String {
    let named = |owner: Option<Owner>| match owner {
        Some(Owner::Server(index)) => server(index).map(|name| format!("servers.{name}")),
        Some(Owner::Issuer(index)) => {
            settings.embedded.get(index).map(|of| format!("authorization_servers.{}.embedded", of.name))
        }
        None => None,
    };
    let key = |owner| named(owner).unwrap_or_else(|| "the gateway".to_owned());
    match fault {
        RouteFault::Path { of } => {
            let expected = "a path of letters, digits, / and -._~@:+, outside /.well-known/";
            format!("{}.path: not a path that the gateway can serve; expected {expected}", key(Some(*of)))
        }
        RouteFault::Taken { path, by, of } => {
            format!("{}.path: {path} is also a path of {}; expected each path once", key(*of), key(*by))
        }
    }
}
