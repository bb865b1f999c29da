//! The one client for control traffic: small documents over HTTPS, bounded in bytes and time, no redirects.
