//! A server that redirects to its path with or without a slash is followed once; no other redirect is (C1).

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::time::{Duration, Instant, sleep};

use crate::e2e::world::{
    Ask, Plan, Seen, Step, Upstream, World, call, request,
    server::{chunk, full, json, polite, sse_head},
};

const URL: &str = "url: \"@UPSTREAM@/inner/mcp\"";

/// As Starlette answers at a mount: a redirect to the path with a slash, with the query of the request.
fn mounted(status: u16, origin: &str) -> impl Fn(&Seen) -> Vec<Step> + Send + Sync + 'static {
    let origin = origin.to_owned();
    move |seen| {
        let (path, query) = seen.target.split_once('?').unwrap_or((&seen.target, ""));
        if path.ends_with('/') {
            return polite(seen);
        }
        let query = if query.is_empty() { String::new() } else { format!("?{query}&added=by-server") };
        full(status, &[("Location", &format!("{origin}{path}/{query}"))], "")
    }
}

fn targets(world: &World) -> Vec<String> {
    world.upstream.take().into_iter().map(|seen| seen.target).collect()
}

async fn status(world: &World, query: &str) -> u16 {
    world.send(&Ask::post(&format!("/mcp{query}"), call("safe")).token(&world.token())).await.status
}

#[tokio::test]
async fn people_c1_a_server_that_adds_a_slash_is_followed_once_and_remembered_until_a_reload() {
    for code in [307, 308] {
        let world = World::standard().await;
        world.upstream.answer_with(mounted(code, &world.upstream.url()));
        assert_eq!(status(&world, "").await, 200);
        let seen = world.upstream.take();
        assert_eq!((seen[0].target.as_str(), seen[1].target.as_str()), ("/inner/mcp", "/inner/mcp/"));
        assert_eq!((&seen[0].method, &seen[0].body, seen.len()), (&seen[1].method, &seen[1].body, 2));
        assert_eq!(seen[0].headers, seen[1].headers, "the same request");
        assert_eq!(status(&world, "").await, 200);
        assert_eq!(targets(&world), ["/inner/mcp/"], "it is remembered");
        let line = world.gateway.line(|line| line.contains("redirects /inner/mcp to /inner/mcp/")).await;
        assert!(line.contains(&format!("write the URL {}/inner/mcp/ into", world.upstream.url())), "{line}");
        assert_eq!(world.gateway.output().matches("requests go there until").count(), 1);

        world.gateway.signal("HUP");
        let deadline = Instant::now() + Duration::from_secs(12);
        loop {
            assert_eq!(status(&world, "").await, 200);
            if targets(&world).first().is_some_and(|first| first == "/inner/mcp") {
                break;
            }
            assert!(Instant::now() < deadline, "a reload does not forget the redirect");
            sleep(Duration::from_millis(30)).await;
        }
        world.close().await;
    }
}

#[tokio::test]
async fn people_c1_get_and_delete_follow_and_so_do_other_forms_of_location() {
    for location in ["/inner/mcp/", "mcp/", "@/inner/mcp/", "@/inner/mcp/#part"] {
        let world = World::standard().await;
        let location = location.replace('@', &world.upstream.url());
        world.upstream.answer_with(move |seen| match seen.target.as_str() {
            "/inner/mcp" => full(307, &[("Location", &location), ("Content-Type", "text/html")], "<p>Moved</p>"),
            _ => polite(seen),
        });
        let token = world.token();
        let get = world.send(&Ask::get("/mcp").token(&token).with("Accept", "text/event-stream")).await;
        assert_eq!((get.status, get.header("allow")), (405, Some("POST")), "the server's own answer");
        assert_eq!(targets(&world), ["/inner/mcp", "/inner/mcp/"]);
        assert_eq!(world.send(&Ask::new("DELETE", "/mcp").token(&token)).await.status, 200);
        assert_eq!(targets(&world), ["/inner/mcp", "/inner/mcp/"], "only a POST is remembered");
        world.close().await;
    }
}

#[tokio::test]
async fn people_c1_a_server_that_removes_the_slash_and_one_that_changes_its_mind() {
    let plan = Plan::standard_but(URL, "url: \"@UPSTREAM@/inner/mcp/?key=1\"");
    let world = plan.start().await;
    world.secret("hidden-word");
    world.upstream.answer_with(|seen| match seen.target.starts_with("/inner/mcp/") {
        true => full(308, &[("Location", "/inner/mcp?key=other&x=hidden-word")], ""),
        false => polite(seen),
    });
    assert_eq!(status(&world, "?x=hidden-word").await, 200);
    assert_eq!(targets(&world), ["/inner/mcp/?key=1&x=hidden-word", "/inner/mcp?key=1&x=hidden-word"]);
    assert_eq!(status(&world, "?y=2").await, 200);
    assert_eq!(targets(&world), ["/inner/mcp?key=1&y=2"], "no query of another request");

    // Back again, after a restart: its connections are new.
    world.upstream.answer_with(|_| full(200, &[("Connection", "close")], ""));
    assert_eq!(status(&world, "").await, 200);
    world.upstream.take();
    world.upstream.answer_with(mounted(307, ""));
    assert_eq!(status(&world, "").await, 200);
    assert_eq!(targets(&world), ["/inner/mcp?key=1", "/inner/mcp/?key=1"]);
    assert_eq!(status(&world, "").await, 200);
    assert_eq!(targets(&world), ["/inner/mcp/?key=1"]);
    world.close().await;
}

#[tokio::test]
async fn people_c1_a_redirect_between_two_answers_on_one_connection_costs_one_call() {
    let world = World::standard().await;
    assert_eq!(status(&world, "").await, 200);
    world.upstream.answer_with(mounted(307, ""));
    let reply = world.send(&world.post(call("safe"))).await;
    let text = reply.text();
    assert!(reply.status == 502 && text.contains("redirects to another path from now on; try again"), "{reply:?}");
    assert_eq!(status(&world, "").await, 200);
    assert_eq!(targets(&world), ["/inner/mcp", "/inner/mcp", "/inner/mcp", "/inner/mcp/"]);
    world.close().await;
}

#[tokio::test]
async fn people_c1_where_a_get_is_redirected_says_nothing_about_a_post() {
    let world = World::standard().await;
    world.upstream.answer_with(|seen| match (seen.method.as_str(), seen.target.as_str()) {
        ("POST", "/inner/mcp") => polite(seen),
        ("GET", "/inner/mcp") => full(307, &[("Location", "/inner/mcp/")], ""),
        ("GET", _) => full(405, &[("Allow", "POST")], ""),
        _ => full(404, &[], ""),
    });
    let get = Ask::get("/mcp").token(&world.token()).with("Accept", "text/event-stream");
    for _ in 0..3 {
        assert_eq!(status(&world, "").await, 200);
        assert_eq!(world.send(&get).await.status, 405, "on a connection that has answered, too");
    }
    let (get, post) = (["/inner/mcp", "/inner/mcp/"], ["/inner/mcp"]);
    assert_eq!(targets(&world), [&post[..], &get, &post, &get, &post, &get].concat());
    world.close().await;
}

#[tokio::test]
async fn people_c1_a_server_that_stops_redirecting_is_found_again_without_a_reload() {
    let world = World::standard().await;
    world.upstream.answer_with(mounted(307, ""));
    assert_eq!(status(&world, "").await, 200);
    world.upstream.take();
    // Another release of the server has only the path that is configured.
    world.upstream.answer_with(|seen| match seen.target.as_str() {
        "/inner/mcp" => polite(seen),
        _ => full(404, &[], ""),
    });
    assert_eq!((status(&world, "").await, status(&world, "").await), (404, 200));
    assert_eq!(targets(&world), ["/inner/mcp/", "/inner/mcp"]);
    // A 404 that means something else costs one redirect, and no line of the log.
    world.upstream.answer_with(mounted(307, ""));
    assert_eq!(status(&world, "").await, 502, "on a connection that has answered");
    assert_eq!((status(&world, "").await, status(&world, "").await), (200, 200));
    assert_eq!(world.gateway.output().matches("requests go there until").count(), 1);
    world.close().await;
}

#[tokio::test]
async fn people_c1_the_servers_other_names_and_what_it_is_told_are_its_own() {
    let plan = Plan::standard_but(URL, &format!("{URL}, aliases: [\"https://mcp.internal\"]")).tls();
    let world = plan.start().await;
    world.upstream.answer_with(mounted(307, "https://mcp.internal"));
    assert_eq!(status(&world, "").await, 200);
    world.close().await;

    for told in ["https://@UPSTREAM@", "https://@PUBLIC@", "http://@PUBLIC@"] {
        let world = Plan::standard().tls().start().await;
        let public = world.authority.clone();
        let origin = told.replace("@UPSTREAM@", &own_of(&world)).replace("@PUBLIC@", &public);
        world.upstream.answer_with(mounted(307, &origin));
        assert_eq!(status(&world, "").await, 200, "{told}");
        assert_eq!(targets(&world), ["/inner/mcp", "/inner/mcp/"], "{told}");
        world.close().await;
    }
}

fn own_of(world: &World) -> String {
    world.upstream.address().to_string()
}

#[tokio::test]
async fn people_c1_attack_273_no_other_redirect_is_followed_and_the_log_names_its_target() {
    let plan = Plan::standard_but(URL, &format!("{URL}, aliases: [\"http://alias.example\"]"));
    let world = plan.start().await;
    world.secret("hidden-word");
    let elsewhere = Upstream::start(None).await;
    let own = world.upstream.url();
    let other_port = elsewhere.url();
    let cases: Vec<(u16, String)> = vec![
        (307, format!("{other_port}/inner/mcp/?q=hidden-word")),
        (308, "http://evil.example/inner/mcp/".into()),
        (307, own.replace("http:", "https:") + "/inner/mcp/x"),
        (307, format!("{own}/inner/other/")),
        (307, format!("{own}/inner/mcp//")),
        (307, format!("{own}/inner/MCP/")),
        (307, format!("{own}/inner/mcp")),
        (307, "/login?next=hidden-word".into()),
        (307, "https://alias.example/inner/mcp/".into()),
        (307, "//evil.example/inner/mcp/".into()),
        (307, format!("http://{}@evil.example/inner/mcp/", own_of(&world))),
        (301, "/inner/mcp/".into()),
        (302, "/inner/mcp/".into()),
        (303, "/inner/mcp/".into()),
        (307, String::new()),
    ];
    for (code, location) in cases {
        let named = location.clone();
        world.upstream.answer_with(move |_| full(code, &[("Location", &named)], ""));
        let reply = world.send(&world.post(call("safe"))).await;
        assert_eq!((reply.status, reply.header("location")), (502, None), "{code} {location}");
        assert_eq!(targets(&world), ["/inner/mcp"], "{code} {location}");
    }
    assert_eq!(elsewhere.connections(), 0);
    let told =
        format!("it redirects to {other_port}/inner/mcp/, which is not followed: it is neither at the upstream nor");
    world.gateway.line(|line| line.contains(&told)).await;
    world.close().await;

    for (code, location, told) in [
        (307, "/login?next=hidden-word", "it redirects to /login, which is not followed: its path differs"),
        (302, "/inner/mcp/", "it redirects to /inner/mcp/; only a 307 or 308 is followed, and only once"),
    ] {
        let world = World::standard().await;
        world.secret("hidden-word");
        world.upstream.answer_with(move |_| full(code, &[("Location", location)], ""));
        assert_eq!(status(&world, "").await, 502);
        world.gateway.line(|line| line.contains(told)).await;
        world.close().await;
    }
}

#[tokio::test]
async fn people_c1_attack_273_a_loop_is_left_after_one_step_and_nothing_is_remembered() {
    let world = World::standard().await;
    world.upstream.answer_with(|seen| {
        let next = match seen.target.strip_suffix('/') {
            Some(without) => without.to_owned(),
            None => format!("{}/", seen.target),
        };
        full(307, &[("Location", &next)], "")
    });
    for _ in 0..3 {
        assert_eq!(status(&world, "").await, 502);
        assert_eq!(targets(&world), ["/inner/mcp", "/inner/mcp/"]);
    }
    world.upstream.answer_with(|_| json(200, r#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#));
    assert_eq!(status(&world, "").await, 200);
    assert_eq!(targets(&world), ["/inner/mcp"]);
    world.close().await;
}

#[tokio::test]
async fn people_c1_servers_behind_one_address_that_differ_cost_one_call_in_all() {
    let world = World::standard().await;
    let count = AtomicUsize::new(0);
    // One of two servers redirects, and the other does not know the new path; they take turns.
    world.upstream.answer_with(move |seen| {
        let is_new = count.fetch_add(1, Ordering::SeqCst) % 2 == 1;
        match (is_new, seen.target.ends_with('/')) {
            (true, false) => full(307, &[("Location", "/inner/mcp/")], ""),
            (false, true) => full(404, &[], ""),
            _ => polite(seen),
        }
    });
    let mut failed = 0;
    for _ in 0..20 {
        failed += usize::from(status(&world, "").await == 502);
    }
    assert!(failed <= 1, "{failed} of 20 calls failed");
    world.close().await;
}

#[tokio::test]
async fn people_c1_c6_a_relative_endpoint_is_relative_to_the_path_that_answered() {
    let servers = "
  main:
    path: /mcp
    upstream: {url: \"@UPSTREAM@/mcp\"}
    legacy_sse: {path: /old, upstream: \"@UPSTREAM@/sse?key=k\"}
    access: authenticated
";
    let world = Plan::standard().servers(servers).start().await;
    let token = world.issuer.mint(&format!("{}/old", world.public)).token();
    for (redirects, endpoint, expected) in [
        (true, "messages?s=1", "/sse/messages?s=1"),
        (true, "../messages?s=1", "/messages?s=1"),
        (true, "?s=1", "/sse/?s=1"),
        (true, "/messages?s=1", "/messages?s=1"),
        (false, "messages?s=1", "/messages?s=1"),
    ] {
        world.upstream.answer_with(move |seen| match (seen.method.as_str(), seen.target.as_str()) {
            ("GET", "/sse?key=k") if redirects => full(307, &[("Location", "/sse/?key=k")], ""),
            ("GET", _) => vec![sse_head(&[]), chunk(format!("event: endpoint\ndata: {endpoint}\n\n")), Step::Hang],
            _ => full(202, &[], ""),
        });
        let mut live = world.open(&Ask::get("/old").token(&token)).await;
        live.until("data: ").await;
        live.until("\n\n").await;
        let text = live.reply().text();
        let ours = text.split_once("data: ").unwrap().1.trim_end().to_owned();
        world.upstream.take();
        assert_eq!(world.send(&Ask::post(&ours, request("ping", "{}")).token(&token)).await.status, 202);
        assert_eq!(targets(&world), [expected], "{endpoint}");
        drop(live);
    }
    world.close().await;
}
