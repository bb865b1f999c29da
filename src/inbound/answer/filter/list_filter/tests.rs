//! Which items of a list one caller sees.

use serde_json::Value;

use super::*;
use crate::{
    decide::{
        mcp::answer::task::Task,
        policy::rule::{Access, Subject},
        token::caller::Caller,
    },
    inbound::testing::{TestGateway, caller, rule},
};

const TOOLS: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"safe"},{"name":"danger"},{"name":"x"}]}}"#;
const TASKS: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"tasks":[{"taskId":"a"},{"taskId":"b"},{"taskId":"c"}]}}"#;

/// The values of `member` in the filtered list.
fn seen(world: &TestGateway, scopes: &[&str], lists: Lists, message: &'static str) -> Vec<String> {
    let filter = ListFilter {
        gateway: Arc::clone(&world.gateway),
        server: Arc::clone(&world.server),
        who: Requester::Verified(caller(scopes)),
        lists,
    };
    let kept = filter.message(&Bytes::from_static(message.as_bytes())).unwrap();
    assert_eq!(filter.body(&Bytes::from_static(message.as_bytes())).unwrap(), kept, "a body is one message");
    let kept: Value = serde_json::from_slice(&kept).unwrap();
    let list = kept["result"].as_object().unwrap().values().find_map(Value::as_array).unwrap();
    list.iter().map(|item| item.as_object().unwrap().values().next().unwrap().as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn c55_a_caller_sees_the_tools_that_it_may_use() {
    let cases: [(Hide, &[&str], &[&str]); 6] = [
        (Hide::Unauthorized, &[], &["safe"]),
        (Hide::Unauthorized, &["danger"], &["safe", "danger"]),
        // `danger` is shown, because a client can ask for the scope that it needs.
        (Hide::Forbidden, &[], &["safe", "danger"]),
        (Hide::Forbidden, &["danger"], &["safe", "danger"]),
        (Hide::Never, &[], &["safe", "danger", "x"]),
        (Hide::Never, &["danger"], &["safe", "danger", "x"]),
    ];
    for (hide, scopes, expected) in cases {
        let world = TestGateway::with(|server| server.hide = hide).await;
        assert_eq!(seen(&world, scopes, Lists::Tools, TOOLS), expected, "{hide:?} {scopes:?}");
        assert_eq!(seen(&world, scopes, Lists::Any, TOOLS), expected, "{hide:?} {scopes:?}");
    }
}

#[tokio::test]
async fn p7_a_list_is_filtered_by_the_rules_in_force() {
    let world = TestGateway::new().await;
    world.reload(Some(|server| server.policy.access = Access::Rules(vec![rule("x", &[])])));
    assert_eq!(seen(&world, &[], Lists::Tools, TOOLS), ["x"]);
    world.reload(Some(|server| server.policy.connect = vec!["mcp".into()]));
    assert_eq!(seen(&world, &[], Lists::Tools, TOOLS), [""; 0]);
    world.reload(None);
    assert_eq!(seen(&world, &[], Lists::Tools, TOOLS), ["safe"], "a server that is gone keeps its rules");
}

#[tokio::test]
async fn c89_a_caller_sees_its_own_tasks_whose_tools_it_may_still_use() {
    fn own_rule(server: &mut Server) {
        let methods = Subject::Methods(vec![crate::decide::policy::glob::Glob::new("tasks/list")]);
        let with_methods = crate::decide::policy::rule::Rule { subject: methods, ..rule("", &[]) };
        server.policy.access = Access::Rules(vec![with_methods]);
    }
    let world = TestGateway::new().await;
    let (tasks, server, now) = (&world.gateway.tasks, &world.server.series.name, world.now());
    let task = |id: &str| Task { id: id.to_owned(), ttl: None };
    let other = Caller::for_tests("bob", &[], serde_json::json!({}));
    tasks.remember(server, &caller(&[]), &"safe".into(), &task("a"), now);
    tasks.remember(server, &other, &"safe".into(), &task("b"), now);
    tasks.remember(server, &caller(&[]), &"danger".into(), &task("c"), now);
    assert_eq!(seen(&world, &[], Lists::Tasks, TASKS), ["a"]);
    assert_eq!(seen(&world, &["danger"], Lists::Tasks, TASKS), ["a", "c"]);
    world.reload(Some(own_rule));
    assert_eq!(seen(&world, &[], Lists::Tasks, TASKS), ["a", "b", "c"], "the upstream separates its users");
}
