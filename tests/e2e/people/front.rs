//! Long tokens, slashes, host names, probes, HTTP/2 without TLS and browsers (A1, B1 to B3, B5, B6).

mod browsers;
mod hosts;
mod long_tokens;
mod prior_knowledge;
mod refused_uploads;
mod slash;
mod uploads;
