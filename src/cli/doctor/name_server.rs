//! Tells a name server that does not answer from a name that has no address.

use crate::outbound::{
    ask::{AskFault, AskFaultKind},
    dial::DialFaultKind,
};

/// Why a name has no address on a machine whose name server is silent.
pub(super) const NO_NAME_SERVER: &str =
    "The name server of this machine does not answer, so nothing is known of the name.";

/// What to do where the name server of this machine does not answer, so that nothing is known of
/// the name: glibc and musl say so in their own words.
pub(super) fn of_silent_dns(fault: &AskFault) -> Option<&'static str> {
    let is_silent = match fault.kind {
        AskFaultKind::Dial(DialFaultKind::ResolveTimeout) => true,
        AskFaultKind::Dial(DialFaultKind::Resolve) => {
            ["Temporary failure in name resolution", "Try again"].iter().any(|words| fault.cause.contains(words))
        }
        _ => false,
    };
    is_silent.then_some(
        "let this machine reach its name server: it does not answer (/etc/resolv.conf names it; in a container, see its \
         network), and `getent hosts` of the name fails as well",
    )
}
