//! Does a number that readers disagree about hide a list from its caller, or an item from the rules (SPEC C-55, C-94, attack 23)?

use super::*;

#[tokio::test]
async fn c55_c94_attack_023_numbers_of_any_size_pass_in_lists_and_never_in_requests() {
    let world = World::standard().await;
    let long = "9".repeat(200);
    for number in ["1e400", "-1E+400", long.as_str()] {
        let of = |names: &[&str]| listed(names, ", \"ttl\":1.0").replace("1.0", number);
        let (given, expected) = (of(&["forbidden", "safe", "unknown"]), of(&["safe"]));
        let (whole, event) = (given.clone(), format!("data: {}\n\n", given.replace("\r\n", "").trim_end()));
        assert_eq!(shown(&world, move || json(200, whole.as_str())).await, expected, "{number}");
        let text = shown(&world, move || vec![sse_head(&[]), chunk(&event), last_chunk()]).await;
        assert_eq!(text, format!("data: {}\n\n", expected.replace("\r\n", "").trim_end()), "{number}");
        world.upstream.take();

        let asked = world.send(&world.post(request("tools/list", &format!(r#"{{"n":{number}}}"#)))).await;
        assert_eq!((asked.status, world.upstream.count()), (400, 0), "{number}: {asked:?}");
    }
    for wrong in ["1e", "01", "Infinity", "NaN", "1e400x"] {
        let body = listed(&["safe"], "").replace("1.0", wrong);
        is_not_shown(&world, wrong, move || json(200, body.as_str())).await;
    }
    world.close().await;
}
