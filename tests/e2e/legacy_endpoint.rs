//! Is the endpoint that the old transport's stream names ours, and its caller's alone (SPEC C-96, C-97, C-99, attacks 152, 153)?

use super::{
    legacy_sse::{NAMED, STRANGE, opened, plan, stream, upstream},
    world::{
        Ask, Plan, Step, Want, call, request, row,
        server::{chunk, full, last_chunk, sse_head},
    },
};

#[tokio::test]
async fn c97_c99_attack_153_an_endpoint_is_its_callers_alone() {
    let world = plan().start().await;
    upstream(&world, &[NAMED]);
    let token = world.token();
    let (live, endpoint) = opened(&world, &token).await;
    let sealed = endpoint.split_once('=').unwrap().1.to_owned();
    let (text, seal) = sealed.split_once('.').unwrap();
    let by = |subject: &str| world.mint().claim("sub", subject.into()).token();
    let post = |target: &str| Ask::post(target, call("safe")).token(&token);
    let at = |query: &str| post(&format!("/old/sse/messages{query}"));
    world.upstream.take();
    world
        .verdicts(vec![
            row("B", post(&endpoint).token(&by("bob")), STRANGE),
            row("A with another token", post(&endpoint).token(&by("alice")), Want::Passes),
            row("no session", at(""), STRANGE),
            row("an empty one", at("?session="), STRANGE),
            row("the upstream's own", at("?sessionId=0a-1b"), STRANGE),
            row("made up", at("?session=abc"), STRANGE),
            row("made up and sealed so", at(&format!("?session=L3VwL21lc3NhZ2Vz.{seal}")), STRANGE),
            row("without its seal", at(&format!("?session={text}")), STRANGE),
            row("cut", at(&format!("?session={}", &sealed[..sealed.len() - 1])), STRANGE),
            row("twice", at(&format!("?session={sealed}&session={sealed}")), STRANGE),
            row("with company", at(&format!("?session={sealed}&x=1")), STRANGE),
            row("behind company", at(&format!("?x=1&session={sealed}")), STRANGE),
            row("escaped", at(&format!("?session={text}%2E{seal}")), STRANGE),
            row("another case", at(&format!("?Session={sealed}")), STRANGE),
            row(
                "as the header of the other transport",
                world.post(call("safe")).with("Mcp-Session-Id", &sealed),
                STRANGE,
            ),
            row("the upstream's path", post("/up/messages?sessionId=0a-1b"), Want::Error(404, 40401)),
            row("a path below", post(&format!("/old/sse/messages/x?session={sealed}")), Want::Error(404, 40401)),
        ])
        .await;
    // A session of the other transport is no endpoint.
    world.upstream.answer_with(|_| full(200, &[("Mcp-Session-Id", "s1"), ("Content-Type", "application/json")], "{}"));
    let session = world.send(&world.post(request("initialize", "{}"))).await;
    let session = session.header("mcp-session-id").unwrap().to_owned();
    world.verdicts(vec![row("a session", at(&format!("?session={session}")), STRANGE)]).await;
    drop(live);
    world.close().await;
}

#[tokio::test]
async fn c97_an_endpoint_of_one_server_opens_nothing_at_another() {
    let server = |name: &str| {
        format!(
            "\n  {name}:\n    path: /{name}/mcp\n    upstream: {{url: \"@UPSTREAM@/{name}\"}}\n    \
             legacy_sse: {{path: /{name}/sse, upstream: \"@UPSTREAM@/{name}/sse\"}}\n    access: authenticated\n"
        )
    };
    let world = Plan::standard().servers(&(server("a") + &server("b"))).start().await;
    upstream(&world, &[NAMED]);
    let token = |path: &str| world.issuer.mint(&format!("{}{path}", world.public)).token();
    let mut live = world.open(&Ask::get("/a/sse").token(&token("/a/sse"))).await;
    live.until("\n\n").await;
    let text = live.reply().text();
    let sealed = text.split_once("session=").unwrap().1.trim_end();
    let at = |server: &str| {
        Ask::post(&format!("/{server}/sse/messages?session={sealed}"), call("x"))
            .token(&token(&format!("/{server}/sse")))
    };
    world
        .verdicts(vec![
            row("a", at("a"), Want::Passes),
            row("a, by the other door's token", at("a").token(&token("/a/mcp")), Want::Passes),
            row(
                "the other door, by this one's token",
                Ask::post("/a/mcp", call("x")).token(&token("/a/sse")),
                Want::Passes,
            ),
            row("b", at("b"), STRANGE),
            row("a, by a token for b", at("a").token(&token("/b/sse")), Want::Status(401)),
            row("the stream of b, by a token for a", Ask::get("/b/sse").token(&token("/a/sse")), Want::Status(401)),
        ])
        .await;
    drop(live);
    world.close().await;
}

#[tokio::test]
async fn attack_152_an_endpoint_elsewhere_ends_the_stream_before_it_is_seen() {
    let world = plan().start().await;
    let other_port = format!("http://127.0.0.1:{}/x", world.upstream.address().port().wrapping_add(1));
    for foreign in [
        "http://internal:9000/x",
        "//evil/x",
        "https://evil.example/x",
        other_port.as_str(),
        "/\\evil/x",
        "/%2e%2e/x",
        "",
        "/a\ndata: /b",
    ] {
        let named = format!(": hello\n\nevent: endpoint\ndata: {foreign}\n\n");
        world.upstream.answer_with(move |_| vec![sse_head(&[]), chunk(&named), chunk("data: after\n\n"), Step::Hang]);
        let reply = world.send(&stream(&world.token())).await;
        assert_eq!((reply.status, reply.text().as_str()), (200, ": hello\n\n"), "{foreign:?}");
        world.upstream.take();
    }
    world.upstream.until_hung_up(8).await;
    world.close().await;
}

#[tokio::test]
async fn c96_an_endpoint_of_two_kilobytes_serves_and_a_longer_one_ends_the_stream() {
    let world = plan().start().await;
    let token = world.token();
    let named = |length: usize| format!("/up/messages?token={}", "x".repeat(length - "/up/messages?token=".len()));
    let event = |length: usize| format!("event: endpoint\ndata: {}\n\n", named(length));
    upstream(&world, &[&event(2_048)]);
    let (live, endpoint) = opened(&world, &token).await;
    assert!(endpoint.len() < 3_000, "{} bytes", endpoint.len());
    world.upstream.take();
    let reply = world.send(&Ask::post(&endpoint, call("safe")).token(&token)).await;
    assert_eq!(reply.status, 202, "{reply:?}");
    assert_eq!(world.upstream.take_one().target, named(2_048));
    let by_bob = world.mint().claim("sub", "bob".into()).token();
    world.verdicts(vec![row("B", Ask::post(&endpoint, call("safe")).token(&by_bob), STRANGE)]).await;
    drop(live);
    let longer = event(2_049);
    world.upstream.answer_with(move |_| vec![sse_head(&[]), chunk(&longer), chunk("data: after\n\n"), Step::Hang]);
    let reply = world.send(&stream(&token)).await;
    assert_eq!((reply.status, reply.text().as_str()), (200, ""));
    world.close().await;
}

#[tokio::test]
async fn c96_each_form_of_an_endpoint_is_rewritten_and_nothing_else_of_its_event() {
    let world = plan().start().await;
    let own = format!("http://{}/up/m?x", world.upstream.address());
    let same = own.strip_prefix("http:").unwrap();
    for (named, target, around) in [
        ("messages/?session_id=1", "/up/messages/?session_id=1", "event: endpoint\ndata: @\n\n"),
        ("../m#x", "/m", "id: 1\r\nevent:endpoint\r\nretry: 5\r\ndata:@\r\n\r\n"),
        (own.as_str(), "/up/m?x", "data: @\nevent: endpoint\n: c\n\n"),
        (same, "/up/m?x", "\u{feff}event: endpoint\rdata: @\r\r"),
        ("?id=1", "/up/sse?id=1", "event: message\nevent: endpoint\ndata: @\n\n"),
    ] {
        let sent = around.replace('@', named);
        world.upstream.answer_with(move |seen| match seen.method.as_str() {
            "GET" => vec![sse_head(&[]), chunk(&sent), last_chunk()],
            _ => full(202, &[], ""),
        });
        let text = world.send(&stream(&world.token())).await.text();
        let (before, after) = around.split_once('@').unwrap();
        let endpoint = text.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
        let endpoint = endpoint.unwrap_or_else(|| panic!("{named}: {text:?}")).to_owned();
        world.upstream.take();
        assert_eq!(world.send(&Ask::post(&endpoint, call("safe")).token(&world.token())).await.status, 202, "{named}");
        assert_eq!(world.upstream.take_one().target, target, "{named}");
    }
    world.close().await;
}
