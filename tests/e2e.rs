//! Runs the real binary against a pretend world and holds it to the specification, topic by topic.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::large_futures,
    reason = "a test may stop the moment something is not as expected"
)]
#![allow(unreachable_pub, missing_docs, reason = "nobody imports a test")]

mod e2e {
    mod world;

    mod abandoned;
    mod admin;
    mod audit;
    mod batch;
    mod certificate;
    mod challenge;
    mod cors;
    mod discovery;
    mod era;
    mod explain;
    mod first;
    mod identity;
    mod issuer;
    mod json;
    mod keys;
    mod legacy_endpoint;
    mod legacy_sse;
    mod limits;
    mod lists;
    mod login;
    mod media;
    mod message;
    mod modern;
    mod operate;
    mod outage;
    mod outside;
    mod people;
    mod proxied;
    mod ready;
    mod real;
    mod relay;
    mod reload;
    mod resume;
    mod room;
    mod rotation;
    mod routing;
    mod session;
    mod stream;
    mod task_list;
    mod tasks;
    mod tls;
    mod token;
    mod upload;
    mod upstream;
    mod upstream_h2;
    mod upstream_nginx;
    mod uris;
    mod vanished;
    mod violations;
    mod wire;
    mod wire_h2;
    mod zero_window;
}
