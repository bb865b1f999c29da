//! Which version this is.

/// The version of the package and, where the build knows it, the commit: `0.1.0 (1a2b3c4d5e6f)`.
pub const VERSION: &str = env!("PORTCULLIS_VERSION");
