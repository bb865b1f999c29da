//! Does a changed file take effect whole, and a broken one not at all (promise P11)?

use std::sync::Arc;

use serde_json::Value;
use tokio::{
    sync::Semaphore,
    time::{Duration, Instant, sleep},
};

use super::world::{Ask, Plan, Step, World, call, certificate, server};

const FAILURES: &str = "portcullis_config_reload_failures_total";

pub(super) fn rewrite(world: &World, change: impl FnOnce(String) -> String) {
    let yaml = std::fs::read_to_string(world.config_path()).unwrap();
    std::fs::write(world.config_path(), change(yaml)).unwrap();
}

pub(super) async fn until_status(world: &World, ask: &Ask, status: u16) {
    let deadline = Instant::now() + Duration::from_secs(12);
    loop {
        let reply = world.send(ask).await;
        if reply.status == status {
            return;
        }
        assert!(Instant::now() < deadline, "{status} never came: {reply:?}\n{}", world.gateway.tail());
        sleep(Duration::from_millis(30)).await;
    }
}

#[tokio::test]
async fn p11_sighup_takes_the_new_rules_for_remembered_tokens_too() {
    let world = World::standard().await;
    let ask = world.post(call("safe"));
    assert_eq!(world.send(&ask).await.status, 200);
    rewrite(&world, |yaml| yaml.replace("tools: [safe,", "tools: [other,"));
    world.gateway.signal("HUP");
    until_status(&world, &ask, 403).await;
    rewrite(&world, |yaml| yaml.replace("tools: [other,", "tools: [safe,"));
    world.gateway.signal("HUP");
    until_status(&world, &ask, 200).await;
    assert_eq!(world.issuer.key_fetches(), 1, "keys outlive the snapshot");
    world.close().await;
}

#[tokio::test]
async fn p11_a_changed_file_is_noticed_without_a_signal() {
    let world = World::standard().await;
    let ask = world.post(call("safe"));
    assert_eq!(world.send(&ask).await.status, 200);
    rewrite(&world, |yaml| yaml.replace("tools: [safe,", "tools: [other,"));
    until_status(&world, &ask, 403).await;
    world.close().await;
}

#[tokio::test]
async fn p11_d58_a_broken_file_keeps_the_old_rules_and_says_so() {
    let world = World::standard().await;
    let ask = world.post(call("safe"));
    let good = std::fs::read_to_string(world.config_path()).unwrap();
    type Break = fn(String) -> String;
    let breaks: [(&str, Break); 4] = [
        ("not YAML", |yaml| format!("{yaml}\n  - [")),
        ("an unknown key", |yaml| format!("{yaml}nonsense: 1\n")),
        ("no rule", |yaml| yaml.replace("    rules:", "    rulez:")),
        ("empty", |_| String::new()),
    ];
    for (number, (name, change)) in breaks.into_iter().enumerate() {
        let before = world.metric(FAILURES).await.unwrap_or(0.0);
        rewrite(&world, change);
        world.gateway.signal("HUP");
        let deadline = Instant::now() + Duration::from_secs(10);
        while world.metric(FAILURES).await.unwrap_or(0.0) <= before {
            assert!(Instant::now() < deadline, "{name}: no failure counted\n{}", world.gateway.tail());
            sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(world.send(&ask).await.status, 200, "{name}: the old one serves");
        let ready = world.admin("/readyz").await;
        assert_eq!(ready.status, 200, "{name}: {ready:?}");
        let json: Value = ready.json();
        assert_eq!(json["ready"], Value::Bool(true), "{name}");
        assert!(json["notes"].to_string().contains("reload"), "{name}: {json}");
        if number == 1 {
            world.gateway.line(|line| line.contains("nonsense")).await;
        }
        std::fs::write(world.config_path(), &good).unwrap();
        world.gateway.signal("HUP");
        let deadline = Instant::now() + Duration::from_secs(10);
        while world.admin("/readyz").await.json()["notes"].to_string().contains("reload") {
            assert!(Instant::now() < deadline, "{name}: the note stays");
            sleep(Duration::from_millis(20)).await;
        }
    }
    world.close().await;
}

fn stream_script(world: &World) {
    world.upstream.answer_with(|seen| match seen.method.as_str() {
        "GET" => vec![server::sse_head(&[]), server::chunk("data: one\n\n"), Step::Hang],
        _ => server::polite(seen),
    });
}

#[tokio::test]
async fn p07_a_reload_that_leaves_the_right_keeps_the_stream() {
    let world = World::standard().await;
    stream_script(&world);
    let mut live = world.open(&Ask::get("/mcp").token(&world.token()).with("Accept", "text/event-stream")).await;
    live.until("one").await;
    let probe = world.post(call("safe"));
    rewrite(&world, |yaml| yaml.replace("tools: [safe,", "tools: [other,"));
    world.gateway.signal("HUP");
    until_status(&world, &probe, 403).await;
    let still = tokio::time::timeout(Duration::from_millis(300), live.piece()).await;
    assert!(still.is_err(), "the stream ended although its right remained: {still:?}");
    drop(live);
    world.upstream.until_hung_up(1).await;
    world.close().await;
}

#[tokio::test]
async fn p07_a_reload_that_takes_the_right_away_ends_the_stream() {
    let world = World::standard().await;
    stream_script(&world);
    let mut live = world.open(&Ask::get("/mcp").token(&world.token()).with("Accept", "text/event-stream")).await;
    live.until("one").await;
    rewrite(&world, |yaml| yaml.replace("    scopes: [\"mcp:connect\"]", "    scopes: [\"mcp:else\"]"));
    world.gateway.signal("HUP");
    let reply = live.rest().await;
    assert_eq!(reply.text(), "data: one\n\n", "nothing is made up");
    world.upstream.until_hung_up(1).await;
    world.close().await;
}

#[tokio::test]
async fn p07_a_reload_while_the_upstream_is_awaited_ends_the_stream_as_it_begins() {
    let world = World::standard().await;
    let gate = Arc::new(Semaphore::new(0));
    let script_gate = Arc::clone(&gate);
    world.upstream.answer_with(move |seen| match seen.method.as_str() {
        "GET" => vec![
            Step::Await(Arc::clone(&script_gate)),
            server::sse_head(&[]),
            server::chunk("data: one\n\n"),
            Step::Hang,
        ],
        _ => server::polite(seen),
    });
    let mut live = world.connect().await;
    let ask = Ask::get("/mcp").token(&world.token()).with("Accept", "text/event-stream");
    live.write(&ask.bytes(&world.authority)).await;
    world.upstream.until_seen(1).await;
    rewrite(&world, |yaml| yaml.replace("    scopes: [\"mcp:connect\"]", "    scopes: [\"mcp:else\"]"));
    world.gateway.signal("HUP");
    until_status(&world, &world.post(call("safe")), 403).await;
    gate.add_permits(1);
    live.head(false).await;
    let reply = live.rest().await;
    assert_eq!((reply.status, reply.text().as_str()), (200, ""), "{reply:?}");
    world.upstream.until_hung_up(1).await;
    world.close().await;
}

#[tokio::test]
async fn p07_c55_a_list_on_an_open_stream_is_cut_by_the_rules_in_force() {
    let event = |names: &[&str]| {
        let names = names.iter().map(|name| format!(r#"{{"name":"{name}"}}"#)).collect::<Vec<_>>().join(",");
        format!("data: {{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{{\"tools\":[{names}]}}}}\n\n")
    };
    let world = World::standard().await;
    let gate = Arc::new(Semaphore::new(0));
    let script_gate = Arc::clone(&gate);
    let given = event(&["get_a", "safe"]);
    world.upstream.answer_with(move |seen| match seen.method.as_str() {
        "GET" => vec![
            server::sse_head(&[]),
            server::chunk("data: one\n\n"),
            Step::Await(Arc::clone(&script_gate)),
            server::chunk(&given),
            server::last_chunk(),
        ],
        _ => server::polite(seen),
    });
    let ask = Ask::get("/mcp").token(&world.token()).with("Accept", "text/event-stream");
    let mut live = world.open(&ask).await;
    live.until("one").await;
    rewrite(&world, |yaml| yaml.replace("tools: [safe,", "tools: [other,"));
    world.gateway.signal("HUP");
    until_status(&world, &world.post(call("safe")), 403).await;
    gate.add_permits(1);
    let reply = live.rest().await;
    assert_eq!(reply.text(), format!("data: one\n\n{}", event(&["get_a"])), "{reply:?}");
    world.close().await;
}

#[tokio::test]
async fn p07_c55_a_reload_that_begins_to_hide_ends_the_streams_that_hid_nothing() {
    let trusting = "    hide: never\n    rules:\n      - {methods: [\"tasks/*\"]}\n";
    let world = Plan::standard_but("    rules:\n", trusting).start().await;
    stream_script(&world);
    let mut live = world.open(&Ask::get("/mcp").token(&world.token()).with("Accept", "text/event-stream")).await;
    live.until("one").await;
    rewrite(&world, |yaml| yaml.replace("hide: never", "hide: forbidden"));
    world.gateway.signal("HUP");
    assert!(!live.rest().await.cut, "the client opens it again, under the new rules");
    world.upstream.until_hung_up(1).await;
    world.close().await;
}

#[tokio::test]
async fn certificates_are_read_again_and_a_mismatched_pair_is_not_taken() {
    let world = Plan::standard().tls().start().await;
    let first = shown(&world).await;
    let other = certificate::leaf();
    std::fs::write(world.folder.path().join("tls.crt"), &other.certificate).unwrap();
    // The pair does not match until the key follows: whoever connects in between is served with the old one.
    assert_eq!(shown(&world).await, first);
    std::fs::write(world.folder.path().join("tls.key"), &other.key).unwrap();
    let deadline = Instant::now() + Duration::from_secs(12);
    while shown(&world).await != other.der() {
        assert!(Instant::now() < deadline, "the new certificate is not shown\n{}", world.gateway.tail());
        sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(world.send(&world.post(call("safe"))).await.status, 200);
    world.close().await;
}

async fn shown(world: &World) -> Vec<u8> {
    world.connect().await.certificate.expect("a certificate")
}
