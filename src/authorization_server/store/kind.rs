//! The kinds of entries in a store; keys of one kind mean nothing in another.

/// A kind of entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EntryKind {
    /// A flow: an authorization request between the authorize endpoint and the code.
    Flow,
    /// A browser's sign-in session.
    Login,
    /// An authorization code. A used code stays, marked, until it would have expired.
    Code,
    /// The refresh tokens of one consent.
    Family,
    /// A client from dynamic registration.
    Client,
    /// What a user has allowed a client.
    Consent,
    /// The signing keys, in one entry.
    Keys,
    /// Access tokens and families that were revoked before they expired.
    Revoked,
    /// `jti` of client assertions.
    Assertion,
    /// The last good document, or key set, of a client in use.
    Document,
    /// Which replica asks the company IdP about a family.
    Lease,
    /// Calls of one client for one user that were refused for lack of scope.
    StepUp,
    /// Which caller owns an MCP session that began without a token.
    SessionOwner,
    /// About the store itself: its id, and the replicas that use it.
    Store,
}

impl EntryKind {
    /// All kinds.
    pub(crate) const ALL: [Self; 14] = [
        Self::Flow,
        Self::Login,
        Self::Code,
        Self::Family,
        Self::Client,
        Self::Consent,
        Self::Keys,
        Self::Revoked,
        Self::Assertion,
        Self::Document,
        Self::Lease,
        Self::StepUp,
        Self::SessionOwner,
        Self::Store,
    ];

    /// Its name in files and in Redis. A changed name would lose the entries of this kind.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Flow => "flow",
            Self::Login => "login",
            Self::Code => "code",
            Self::Family => "family",
            Self::Client => "client",
            Self::Consent => "consent",
            Self::Keys => "keys",
            Self::Revoked => "revoked",
            Self::Assertion => "assertion",
            Self::Document => "document",
            Self::Lease => "lease",
            Self::StepUp => "step_up",
            Self::SessionOwner => "session_owner",
            Self::Store => "store",
        }
    }

    /// Whether [`Store::list`](super::Store::list) accepts it.
    pub(super) fn is_listed(self) -> bool {
        matches!(self, Self::Keys | Self::Revoked | Self::Store)
    }

    /// Whether the store seals its values. The signing keys are encrypted as a whole; the values of
    /// revocations and assertions are empty; a lease names its holder alone; a replica with other
    /// keys must read what is about the store.
    pub(crate) fn is_sealed(self) -> bool {
        match self {
            Self::Flow
            | Self::Login
            | Self::Code
            | Self::Family
            | Self::Client
            | Self::Consent
            | Self::Document
            | Self::StepUp
            | Self::SessionOwner => true,
            Self::Keys | Self::Revoked | Self::Assertion | Self::Lease | Self::Store => false,
        }
    }
}
