//! When a lease ends: by expiry, by revocation, by a reload that takes the permission away.

use std::task::Waker;

use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
use tokio::time::advance;

use super::*;
use crate::{
    base::limits::tokens::TOKEN_BYTES,
    decide::{
        mcp::answer::lists::Hide,
        policy::rule::{Access, Policy},
        token::presented::Presented,
    },
    inbound::testing::{self, Change, TestGateway, caller, policy},
};

fn lease(world: &TestGateway, lists: Option<Lists>) -> Lease {
    Lease::new(&world.gateway, &world.server, caller(&[]), &Target::Tool("safe".into()), lists)
}

fn has_ended(lease: &Lease) -> bool {
    lease.poll_ended(&mut Context::from_waker(Waker::noop())).is_ready()
}

#[tokio::test]
async fn p7_a_reload_ends_a_stream_that_it_takes_the_permission_for_away() {
    let deny: Change = |server| server.policy = Policy { access: Access::Rules(vec![]), ..policy() };
    let cases: [(&str, Option<Change>, bool); 7] = [
        ("nothing changed", Some(|_| ()), false),
        ("other rules", Some(|server| server.policy.access = Access::Authenticated), false),
        ("no rule permits it", Some(deny), true),
        ("another scope to connect", Some(|server| server.policy.connect = vec!["mcp".into()]), true),
        ("another resource", Some(|server| server.resource = "https://gw.example/other".into()), true),
        ("another issuer", Some(|server| server.issuers.clear()), true),
        ("the server is gone", None, true),
    ];
    for (what, change, ends) in cases {
        let world = TestGateway::new().await;
        let lease = lease(&world, None);
        assert!(!has_ended(&lease), "{what}");
        world.reload(change);
        assert_eq!(has_ended(&lease), ends, "{what}");
        assert_eq!(has_ended(&lease), ends, "{what}: it stays so");
    }
}

#[tokio::test]
async fn p7_a_reload_between_the_decision_and_the_answer_counts() {
    let world = TestGateway::new().await;
    world.reload(None);
    assert!(has_ended(&lease(&world, None)));
}

#[tokio::test]
async fn p7_a_stream_whose_lists_pass_uncut_ends_when_they_must_be_cut() {
    let uncut = |server: &mut Server| server.hide = Hide::Never;
    for (lists, ends) in [(Some(Lists::Tools), true), (Some(Lists::Any), true), (None, false)] {
        let world = TestGateway::with(uncut).await;
        let lease = lease(&world, lists);
        assert!(!has_ended(&lease));
        world.reload(Some(|server| server.hide = Hide::Unauthorized));
        assert_eq!(has_ended(&lease), ends, "{lists:?}");
    }
    // A stream that was filtered goes on when lists need no filter any more.
    let world = TestGateway::new().await;
    let lease = lease(&world, Some(Lists::Any));
    world.reload(Some(|server| server.hide = Hide::Never));
    assert!(!has_ended(&lease));
}

#[tokio::test]
async fn p7_a_stream_of_2024_11_05_ends_with_any_change_of_the_rules() {
    fn sse(server: &mut Server) {
        server.transport = Transport::Sse { messages: "/mcp/messages".into() };
    }
    let world = TestGateway::with(sse).await;
    let lease = lease(&world, Some(Lists::Any));
    world.reload(Some(sse));
    assert!(!has_ended(&lease), "the same rules");
    world.reload(Some(|server| {
        sse(server);
        server.policy.access = Access::Rules(vec![testing::rule("safe", &[]), testing::rule("more", &[])]);
    }));
    assert!(has_ended(&lease));
}

#[tokio::test]
async fn p7_a_revoked_token_ends_its_stream() {
    for (revoked, ends) in [("family", true), ("family.1", true), ("family.2", false), ("other", false)] {
        let world = TestGateway::new().await;
        let lease = lease(&world, None);
        assert!(!has_ended(&lease));
        world.local.revoke(&[revoked.into()]);
        assert_eq!(has_ended(&lease), ends, "{revoked}");
    }
}

#[tokio::test(start_paused = true)]
async fn p7_a_stream_ends_with_its_token_and_its_clock_skew() {
    let world = TestGateway::new().await;
    let bearer = HeaderValue::try_from(format!("Bearer {}", world.token("mcp:read"))).unwrap();
    let headers = HeaderMap::from_iter([(AUTHORIZATION, bearer)]);
    let presented = Presented::find(&headers, None, TOKEN_BYTES as u64).unwrap();
    let gateway = &world.gateway;
    let caller = world.server.verify(&gateway.verifier, presented, None, world.now()).await.unwrap();
    let lease = Lease::new(gateway, &world.server, caller, &Target::Tool("safe".into()), None);
    assert!(!has_ended(&lease));
    // The token is good for 300 s, and the skew is 30 s.
    for (passed, ends) in [(299, false), (30, false), (2, true)] {
        world.clock.turn(Duration::from_secs(passed));
        advance(LOOK_EVERY).await;
        assert_eq!(has_ended(&lease), ends, "after {passed} s more");
    }
}
