//! Names that must not be mistaken for one another, each a type.

use std::{borrow::Borrow, fmt, ops::Deref, sync::Arc};

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name as written.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(Arc::from(text))
            }
        }

        impl Deref for $name {
            type Target = str;

            fn deref(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, out)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str(&self.0)
            }
        }
    };
}

name!(
    /// A key of `servers:`; labels logs and metrics.
    ServerName
);
name!(
    /// A key of `authorization_servers:`.
    AuthorizationServerName
);
name!(
    /// An issuer identifier, compared code point by code point (RFC 8414 §3.3).
    Issuer
);
name!(
    /// One scope token (RFC 6749 §3.3): case-sensitive, no spaces.
    Scope
);

name!(
    /// A resource identifier (RFC 8707 §2): `public_url` + path, scheme and host in lower case, no default port, no slash at the end.
    Resource
);

impl Scope {
    /// Whether `text` may stand in a `scope` value: `%x21 / %x23-5B / %x5D-7E`, one or more (RFC 6749 §3.3).
    #[must_use]
    pub fn is_valid(text: &str) -> bool {
        !text.is_empty() && text.bytes().all(|b| matches!(b, 0x21 | 0x23..=0x5B | 0x5D..=0x7E))
    }
}
