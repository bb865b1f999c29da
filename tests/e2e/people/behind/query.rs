//! The query of a client's URL reaches the upstream, and nothing that the operator set can be changed by it (C2).

use crate::e2e::world::{
    Ask, Plan, Step, Want, World, call, request, row,
    server::{chunk, full, sse_head},
};

const URL: &str = "url: \"@UPSTREAM@/inner/mcp\"";
const PINNED: Want = Want::Error(400, 40005);
const TOKEN: Want = Want::Error(400, 40002);

async fn world(upstream: &str) -> World {
    Plan::standard_but(URL, upstream).start().await
}

fn post(world: &World, query: &str) -> Ask {
    Ask::post(&format!("/mcp{query}"), call("safe")).token(&world.token())
}

#[tokio::test]
async fn people_c2_the_query_of_the_clients_url_is_appended_byte_for_byte() {
    let world = world(URL).await;
    world.secret("hidden-word");
    for query in [
        "?read_only=true",
        "?toolsets=repos,issues&x=%2e%2E%zz&&y",
        "?a=b;c=d+e&u=https%3A%2F%2Fx%3Fa%3Db",
        "?key=hidden-word",
        "?_='(a)*!$,:@/?~",
    ] {
        assert_eq!(world.send(&post(&world, query)).await.status, 200, "{query}");
        assert_eq!(world.upstream.take_one().target, format!("/inner/mcp{query}"));
    }
    for nothing in ["", "?"] {
        assert_eq!(world.send(&post(&world, nothing)).await.status, 200);
        assert_eq!(world.upstream.take_one().target, "/inner/mcp");
    }
    for method in ["GET", "DELETE"] {
        let ask = Ask::new(method, "/mcp?read_only=true").token(&world.token()).with("Accept", "text/event-stream");
        world.send(&ask).await;
        let seen = world.upstream.take_one();
        assert_eq!((seen.method.as_str(), seen.target.as_str()), (method, "/inner/mcp?read_only=true"));
    }
    let metadata = world.send(&Ask::get("/.well-known/oauth-protected-resource/mcp?read_only=true")).await;
    assert_eq!(metadata.json()["resource"], world.resource(), "the resource has no query");
    world.close().await;
}

#[tokio::test]
async fn people_c2_attack_271_a_client_cannot_change_what_the_operator_set() {
    let world = world("url: \"@UPSTREAM@/inner/mcp?read_only=true&team=a\"").await;
    world.secret("hidden-word");
    let cases = [
        ("plain", "?read_only=hidden-word"),
        ("after another", "?x=1&read_only=0"),
        ("after a semicolon", "?x=1;read_only=0"),
        ("in capitals", "?Read_Only=0"),
        ("escaped", "?read%5fonly=0"),
        ("escaped twice", "?read%255fonly=0"),
        ("behind an escaped separator", "?x=1%26read_only=0"),
        ("behind an escaped semicolon", "?x=1%3bread_only%3D0"),
        ("with a plus", "?read+only=0"),
        ("with a plus in front", "?+read_only=0"),
        ("as PHP reads it", "?read.only=0"),
        ("as a list", "?read_only[]=0"),
        ("as a list, escaped", "?read_only%5B%5D=0"),
        ("without a value", "?read_only"),
        ("the other", "?team=b"),
    ];
    let rows = cases.map(|(name, query)| row(name, post(&world, query), PINNED));
    world.verdicts(rows.into()).await;
    let other = |method: &str| Ask::new(method, "/mcp?team=b").token(&world.token());
    world.verdicts(vec![row("GET", other("GET"), PINNED), row("DELETE", other("DELETE"), PINNED)]).await;
    let reply = world.send(&post(&world, "?team=b")).await;
    assert!(reply.text().contains("set by the gateway's configuration; remove it"), "{reply:?}");
    let unknown = Ask::post("/mcp?team=b", call("safe"));
    assert_eq!(world.send(&unknown).await.status, 401, "who has no token learns nothing");
    assert_eq!(world.upstream.count(), 0);

    assert_eq!(world.send(&post(&world, "?steam=b&teams=c")).await.status, 200);
    assert_eq!(world.upstream.take_one().target, "/inner/mcp?read_only=true&team=a&steam=b&teams=c");
    world.close().await;
}

#[tokio::test]
async fn people_c2_attack_272_a_token_in_the_query_is_refused_in_every_spelling() {
    let world = world(URL).await;
    let token = world.token();
    let spellings = [
        ("plain", "access_token="),
        ("in capitals", "x=1&Access_Token="),
        ("after a semicolon", "x=1;access_token="),
        ("escaped", "access%5Ftoken="),
        ("escaped twice", "access%255Ftoken="),
        ("behind an escaped separator", "x=1%26access_token="),
        ("with a plus", "access+token="),
        ("as a list", "access_token[]="),
    ];
    let rows = spellings.map(|(name, query)| row(name, post(&world, &format!("?{query}{token}")), TOKEN));
    world.verdicts(rows.into()).await;
    world.close().await;
}

#[tokio::test]
async fn people_c2_the_query_can_be_dropped_or_restricted_to_names() {
    let dropping = world(&format!("{URL}, query: drop")).await;
    assert_eq!(dropping.send(&post(&dropping, "?read_only=true")).await.status, 200);
    assert_eq!(dropping.upstream.take_one().target, "/inner/mcp");
    let token = dropping.token();
    let ask = post(&dropping, &format!("?access_token={token}"));
    dropping.verdicts(vec![row("a token", ask, TOKEN)]).await;
    dropping.close().await;

    let naming = world("url: \"@UPSTREAM@/inner/mcp?key=1\", query: [toolsets, read_only]").await;
    for (query, target) in [
        ("?toolsets=a%2Cb&admin=1&read_only=1", "/inner/mcp?key=1&toolsets=a%2Cb&read_only=1"),
        ("?admin=1", "/inner/mcp?key=1"),
        ("?Toolsets=a", "/inner/mcp?key=1"),
    ] {
        assert_eq!(naming.send(&post(&naming, query)).await.status, 200, "{query}");
        assert_eq!(naming.upstream.take_one().target, target);
    }
    let rows = vec![
        row("pinned", post(&naming, "?toolsets=a&key=2"), PINNED),
        row("hidden after a semicolon", post(&naming, "?toolsets=a;admin=1"), Want::Error(400, 40001)),
    ];
    naming.verdicts(rows).await;
    naming.close().await;
}

#[tokio::test]
async fn people_c2_the_old_transports_stream_has_the_query_and_its_messages_have_the_upstreams_own() {
    let plan = Plan::standard().servers(
        "
  main:
    path: /mcp
    upstream: {url: \"@UPSTREAM@/inner/mcp?key=1\"}
    legacy_sse: {path: /old, upstream: \"@UPSTREAM@/sse?pin=1\"}
    access: authenticated
",
    );
    let world = plan.start().await;
    let token = world.issuer.mint(&format!("{}/old", world.public)).token();
    world.upstream.answer_with(|seen| match seen.method.as_str() {
        "GET" => vec![sse_head(&[]), chunk("event: endpoint\ndata: /messages?session_id=7\n\n"), Step::Hang],
        _ => full(202, &[], ""),
    });
    let mut live = world.open(&Ask::get("/old?toolsets=a&key=2").token(&token)).await;
    live.until("\n\n").await;
    assert_eq!(world.upstream.take_one().target, "/sse?pin=1&toolsets=a&key=2");
    let text = live.reply().text();
    let endpoint = text.split_once("data: ").unwrap().1.trim_end().to_owned();
    let message = Ask::post(&endpoint, request("ping", "{}")).token(&token);
    assert_eq!(world.send(&message).await.status, 202);
    assert_eq!(world.upstream.take_one().target, "/messages?session_id=7");
    let more = Ask::post(&format!("{endpoint}&toolsets=b"), request("ping", "{}")).token(&token);
    let pinned = Ask::get("/old?PIN=2").token(&token);
    world.verdicts(vec![row("a longer endpoint", more, Want::Error(404, 40402)), row("pinned", pinned, PINNED)]).await;
    drop(live);
    world.close().await;
}
