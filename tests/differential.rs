//! Do other JSON readers see in a body what the gateway saw when it let the body pass?
//!
//! Bodies are generated from a seed: messages of every method, and mutations of them. `cargo test` asks `serde_json` and `rmcp`;
//! `tests/differential/run` asks Python and Node as well, with the readers that the SDKs call.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a test may stop the moment something is not as expected"
)]
#![allow(unreachable_pub, missing_docs, reason = "nobody imports a test")]

use std::collections::BTreeMap;

use bytes::Bytes;
use http::HeaderMap;
use portcullis::{
    base::limits::messages::JSON_DEPTH,
    decide::mcp::request::{batch, parse, target},
};
use rmcp::model::ClientJsonRpcMessage;

mod differential {
    pub mod corpus;
    pub mod halves;
    pub mod methods;
    pub mod mutate;
    pub mod reader;
    pub mod rng;
    pub mod tree;
    pub mod view;
}

use differential::{
    corpus::{self, Body},
    halves::mended,
    mutate, reader,
    view::View,
};

/// What the gateway makes of a body: what it saw, where it would go on to ask the rules.
fn permitted(body: &[u8]) -> Option<View> {
    let body = Bytes::copy_from_slice(body);
    let view = |message: &_| Some(View::of_gateway(message, &target::of(message).ok()?));
    if batch::is_batch(&body) {
        // As a server with `batches: 2025-03-26` reads it; others refuse every array.
        let messages = batch::read(&body, &HeaderMap::new(), JSON_DEPTH).ok()?;
        return messages.iter().map(view).collect::<Option<_>>().map(View::of_batch);
    }
    view(&parse::read(&body, JSON_DEPTH).ok()?)
}

/// What one reader made of a body: nothing where it refused it.
type Reading = Option<View>;

/// Whether a reader may refuse what the gateway lets pass. A JSON reader may not, unless there is half a surrogate pair in the arguments;
/// an SDK's types may. Then nothing runs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum MayRefuse {
    No,
    Yes,
}

/// Compares, prints the counts, and fails with every body that somebody read otherwise.
fn compare(bodies: &[Body], readers: &[(String, MayRefuse, Vec<Reading>)]) {
    let gateway: Vec<_> = bodies.iter().map(|body| permitted(&body.bytes)).collect();
    let passed = gateway.iter().flatten().count();
    println!("{} bodies generated, {passed} permitted, {} refused by the gateway", bodies.len(), bodies.len() - passed);

    let mut kinds: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for (body, seen) in bodies.iter().zip(&gateway) {
        let counts = kinds.entry(body.kind).or_default();
        counts.0 += 1;
        counts.1 += usize::from(seen.is_some());
    }
    let kinds: Vec<_> = kinds.iter().map(|(kind, (all, passed))| format!("{kind} {passed}/{all}")).collect();
    println!("permitted by kind: {}", kinds.join(", "));

    let mut wrong = Vec::new();
    for (name, may_refuse, readings) in readers {
        assert_eq!(readings.len(), bodies.len(), "{name} read as many as there are");
        let (mut agreed, mut refused, mut alone) = (0, 0, 0);
        for ((body, seen), reading) in bodies.iter().zip(&gateway).zip(readings) {
            match (seen, reading) {
                (Some(seen), Some(reading)) if reading.agrees(seen) => agreed += 1,
                (Some(_), None) if *may_refuse == MayRefuse::Yes || mended(&body.bytes) != body.bytes => refused += 1,
                (Some(seen), reading) => wrong.push(format!(
                    "{name}, {}: {}\n  gateway {seen:?}\n  {name} {reading:?}",
                    body.kind,
                    body.shown()
                )),
                (None, Some(_)) => alone += 1,
                (None, None) => {}
            }
        }
        println!(
            "{name}: agrees on {agreed} of {passed}, refuses {refused} of them; reads {alone} that the gateway refuses"
        );
    }
    assert!(wrong.is_empty(), "{} disagreements:\n{}", wrong.len(), wrong.join("\n"));
}

fn in_rust(bodies: &[Body]) -> Vec<(String, MayRefuse, Vec<Reading>)> {
    let value = |body: &Body| serde_json::from_slice(&body.bytes).ok().map(|value| View::of_json(&value));
    let typed = |body: &Body| {
        let message: ClientJsonRpcMessage = serde_json::from_slice(&body.bytes).ok()?;
        Some(View::of_json(&serde_json::to_value(message).ok()?).of_types())
    };
    vec![
        ("serde_json".to_owned(), MayRefuse::No, bodies.iter().map(value).collect()),
        ("rmcp's types".to_owned(), MayRefuse::Yes, bodies.iter().map(typed).collect()),
    ]
}

#[test]
fn every_message_as_it_should_be_is_permitted() {
    let bodies = corpus::all();
    assert!(bodies.len() >= 5_000, "{} bodies", bodies.len());
    let refused: Vec<_> = bodies
        .iter()
        .filter(|body| body.kind == corpus::VALID && permitted(&body.bytes).is_none())
        .map(|body| format!("{}: {:?}", body.shown(), parse::read(&Bytes::copy_from_slice(&body.bytes), JSON_DEPTH)))
        .collect();
    assert!(refused.is_empty(), "{} refused:\n{}", refused.len(), refused.join("\n"));
}

#[test]
fn people_c5_halves_in_arguments_and_bare_params_are_permitted_and_only_there() {
    let bodies = corpus::all();
    let of = |kind: &str| bodies.iter().filter(|body| body.kind == kind).map(|body| &body.bytes).collect::<Vec<_>>();
    let halves: Vec<_> = of(mutate::HALF).into_iter().filter(|body| permitted(body).is_some()).collect();
    assert!(halves.len() >= 50, "{} bodies with a half are permitted", halves.len());
    for body in halves {
        assert_eq!(permitted(body), permitted(&mended(body)), "{}", body.escape_ascii());
    }
    let bare = of(mutate::BARE);
    let (passed, refused): (Vec<_>, Vec<_>) = bare.into_iter().partition(|body| permitted(body).is_some());
    assert!(passed.len() >= 50 && refused.len() >= 50, "{} pass, {} do not", passed.len(), refused.len());
    for body in passed {
        assert!(permitted(body).unwrap().target.is_empty(), "{}", body.escape_ascii());
    }
}

#[test]
fn the_corpus_is_the_same_every_time() {
    let (one, other) = (corpus::all(), corpus::all());
    assert!(one.iter().map(|body| &body.bytes).eq(other.iter().map(|body| &body.bytes)));
}

#[test]
fn a_disagreement_is_found() {
    let read = |text: &str| View::of_json(&serde_json::from_str(text).unwrap());
    let seen = read(r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"safe"}}"#);
    for other in [
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"danger"}}"#,
        r#"{"jsonrpc":"2.0","id":"1","method":"tools/call","params":{"name":"safe"}}"#,
        r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"safe"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"name":"safe"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":["safe"]}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"safe","uri":"file:///a"}}"#,
    ] {
        assert!(!read(other).agrees(&seen), "{other}");
        let batch = |second| View::of_batch(vec![seen.clone(), second]);
        assert!(!batch(read(other)).agrees(&batch(seen.clone())), "{other} in a batch");
    }
    assert!(!View::of_batch(vec![seen.clone()]).agrees(&seen), "a batch of one");
}

#[test]
fn serde_json_and_rmcp_read_what_is_permitted_as_the_gateway_does() {
    let bodies = corpus::all();
    compare(&bodies, &in_rust(&bodies));
}

#[test]
#[ignore = "needs Python and Node with the SDKs: tests/differential/run"]
fn python_and_node_read_what_is_permitted_as_the_gateway_does() {
    let bodies = corpus::all();
    let mut readers = in_rust(&bodies);
    for command in ["DIFFERENTIAL_PYTHON", "DIFFERENTIAL_NODE"] {
        let command = std::env::var(command).unwrap_or_else(|_| panic!("{command} is the reader's command line"));
        for (name, typed, readings) in reader::ask(&command, &bodies) {
            readers.push((name, if typed { MayRefuse::Yes } else { MayRefuse::No }, readings));
        }
    }
    compare(&bodies, &readers);
}
