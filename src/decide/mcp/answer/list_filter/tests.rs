//! What is removed from lists, what stays byte for byte, and what is refused.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::base::limits::messages::{JSON_VALUES_MAX, LIST_JSON_DEPTH_MAX};

/// Removes every item whose name has an `x`.
fn cut(text: &str, lists: Lists) -> Result<String, &'static str> {
    let mut keep = |item: ListedItem<'_>| {
        let (ListedItem::Tool(name)
        | ListedItem::Prompt(name)
        | ListedItem::Resource(name)
        | ListedItem::Template(name)
        | ListedItem::Task(name)) = item;
        !name.contains('x')
    };
    filter(&Bytes::copy_from_slice(text.as_bytes()), lists, &mut keep)
        .map(|bytes| String::from_utf8(bytes.to_vec()).unwrap())
}

fn tools(result: &str) -> Result<String, &'static str> {
    cut(&format!(r#"{{"jsonrpc":"2.0","id":1,"result":{result}}}"#), Lists::Tools)
}

fn result(result: &str) -> Result<String, &'static str> {
    Ok(format!(r#"{{"jsonrpc":"2.0","id":1,"result":{result}}}"#))
}

#[test]
fn c94_items_go_and_every_other_byte_stays() {
    let cases = [
        (r#"{"tools":[{"name":"x"}]}"#, r#"{"tools":[]}"#),
        (r#"{"tools":[ {"name":"x"} , {"name":"x"} ],"nextCursor":"c"}"#, r#"{"tools":[  ],"nextCursor":"c"}"#),
        (r#"{"tools":[{"name":"a"},{"name":"x"},{"name":"b"}]}"#, r#"{"tools":[{"name":"a"},{"name":"b"}]}"#),
        (r#"{"tools":[{"name":"x"}, {"name":"a"} ,{"name":"x"} ]}"#, r#"{"tools":[{"name":"a"} ]}"#),
        (r#"{"tools":[{"name":"x"},{"name":"xx"},{"name":"b"}]}"#, r#"{"tools":[{"name":"b"}]}"#),
        (
            r#"{"tools":[{"name":"a"} , {"name":"x"} , {"name":"x"} , {"name":"b"}]}"#,
            r#"{"tools":[{"name":"a"} , {"name":"b"}]}"#,
        ),
        (
            r#"{ "b" : 1.0e+2, "a":-0, "tools" : [{"z":["x",{"name":"x"}],"name":"\u0061"},{"title":"a","name":"\u0078"}], "é":"\/" }"#,
            r#"{ "b" : 1.0e+2, "a":-0, "tools" : [{"z":["x",{"name":"x"}],"name":"\u0061"}], "é":"\/" }"#,
        ),
        (
            r#"{"tools":[{"name":"a","description":"x \ud83d cut"}]}"#,
            r#"{"tools":[{"name":"a","description":"x \ud83d cut"}]}"#,
        ),
        (
            r#"{"tools":[{"name":"a","inputSchema":{"maximum":1e400,"x":[-1E+999,1e-999]}},{"a":1e400,"name":"x"}],"ttlMs":1e999,"cacheScope":"private"}"#,
            r#"{"tools":[{"name":"a","inputSchema":{"maximum":1e400,"x":[-1E+999,1e-999]}}],"ttlMs":1e999,"cacheScope":"private"}"#,
        ),
        (r#"{"tools":null}"#, r#"{"tools":null}"#),
        (r#"{"tools":[],"nextCursor":"x"}"#, r#"{"tools":[],"nextCursor":"x"}"#),
        (
            r#"{"other":[{"name":"x"}],"prompts":[{"name":"x"}]}"#,
            r#"{"other":[{"name":"x"}],"prompts":[{"name":"x"}]}"#,
        ),
        (r#"[{"tools":[{"name":"x"}]}]"#, r#"[{"tools":[{"name":"x"}]}]"#),
        (r#"{"a":{"tools":[{"name":"x"}]}}"#, r#"{"a":{"tools":[{"name":"x"}]}}"#),
    ];
    for (given, expected) in cases {
        assert_eq!(tools(given), result(expected), "{given}");
    }
}

#[test]
fn c55_each_list_is_judged_by_what_names_its_items() {
    let all = r#"{"id":1,"result":{"tools":[{"name":"x"}],"prompts":[{"name":"x"}],"resources":[{"name":"a","uri":"x:"}],"resourceTemplates":[{"name":"a","uriTemplate":"x{"}],"tasks":[{"taskId":"x"}]}}"#;
    let cases = [
        (Lists::Tools, r#""tools":[{"name":"x"}]"#, r#""tools":[]"#),
        (Lists::Prompts, r#""prompts":[{"name":"x"}]"#, r#""prompts":[]"#),
        (Lists::Resources, r#""resources":[{"name":"a","uri":"x:"}]"#, r#""resources":[]"#),
        (Lists::Templates, r#""resourceTemplates":[{"name":"a","uriTemplate":"x{"}]"#, r#""resourceTemplates":[]"#),
        (Lists::Tasks, r#""tasks":[{"taskId":"x"}]"#, r#""tasks":[]"#),
    ];
    let mut none = all.to_owned();
    for (lists, from, to) in cases {
        assert_eq!(cut(all, lists).unwrap(), all.replace(from, to), "{lists:?}");
        none = none.replace(from, to);
    }
    assert_eq!(cut(all, Lists::Any).unwrap(), none);
    let mut seen = Vec::new();
    let mut keep = |item: ListedItem<'_>| {
        seen.push(format!("{item:?}"));
        true
    };
    filter(&Bytes::from(all), Lists::Any, &mut keep).unwrap();
    let expected = [r#"Tool("x")"#, r#"Prompt("x")"#, r#"Resource("x:")"#, r#"Template("x{")"#, r#"Task("x")"#];
    assert_eq!(seen, expected);
}

#[test]
fn c55_attack_146_a_body_is_an_answer_and_a_list_is_in_a_result() {
    let body = |text: &str| filter_body(&Bytes::copy_from_slice(text.as_bytes()), Lists::Tools, &mut |_| true);
    for text in [
        r#"{"result":{"tools":[]}}"#,
        r#"{"id":1,"error":{"code":1,"message":"no"}}"#,
        r#"[{"id":1,"result":{}},{"method":"notifications/message"},{"error":{}}]"#,
        r#"{"result":{},"prompts":[{"name":"a"}]}"#,
    ] {
        assert_eq!(body(text), Ok(Bytes::copy_from_slice(text.as_bytes())), "{text}");
    }
    for text in [
        "{}",
        r#"{"jsonrpc":"2.0","id":1}"#,
        r#"{"detail":"Not Found"}"#,
        r#"{"method":"tools/list","id":1}"#,
        r#"[{"id":1,"result":{}},{}]"#,
    ] {
        assert!(body(text).is_err(), "{text}");
        assert!(cut(text, Lists::Tools).is_ok(), "{text} in a stream");
    }
    for text in [
        r#"{"tools":[{"name":"a"}]}"#,
        r#"{"id":1,"result":{},"tools":[]}"#,
        r#"{"id":1,"result":{},"Tools":[]}"#,
        r#"[{"method":"x","tools":[]}]"#,
    ] {
        assert!(cut(text, Lists::Tools).is_err(), "{text}");
    }
}

#[test]
fn c30_c55_each_answer_to_a_batch_is_cut() {
    let batch = r#" [{"id":1,"result":{"tools":[{"name":"x"}]}}, {"id":2,"error":{"code":1,"tools":[{"name":"x"}]}},{"result":{"prompts":[{"name":"a"},{"name":"x"}]},"id":3}] "#;
    let expected = r#" [{"id":1,"result":{"tools":[]}}, {"id":2,"error":{"code":1,"tools":[{"name":"x"}]}},{"result":{"prompts":[{"name":"a"}]},"id":3}] "#;
    assert_eq!(cut(batch, Lists::Any).unwrap(), expected);
    assert_eq!(cut("[]", Lists::Any).unwrap(), "[]");
}

#[test]
fn attack_023_a_number_of_any_size_hides_no_item() {
    let (long, point) = ("9".repeat(100_000), format!("-0.{}", "0".repeat(100_000)));
    for number in ["1e400", "-1e400", "1E+99999999999999999999", "1e-99999", "0e999", &long, &point] {
        let numbered =
            |items: &str| format!(r#"{{"z":{number},"tools":[{items}],"ttlMs":{number},"cacheScope":"private"}}"#);
        let kept = format!(r#"{{"n":{number},"name":"a","s":{{"maximum":{number},"enum":[{number} ,{number}]}}}}"#);
        let gone = kept.replace(r#""a""#, r#""x""#);
        for (given, expected) in [
            (format!("{kept},{gone}"), kept.clone()),
            (format!("{gone},{kept}"), kept.clone()),
            (gone.clone(), String::new()),
        ] {
            assert_eq!(tools(&numbered(&given)), result(&numbered(&expected)), "{:.40}", number);
        }
        // A number in a place that decides is neither a name nor a list nor an item.
        for other in [format!(r#"{{"name":{number}}}"#), number.to_owned()] {
            assert!(tools(&numbered(&other)).is_err(), "{:.40}", number);
        }
        assert!(tools(&format!(r#"{{"tools":{number}}}"#)).is_err(), "{:.40}", number);
    }
    // Text that other readers would end elsewhere is not a number.
    for wrong in [
        "1e",
        "1e+",
        "1.",
        "1.e5",
        "01",
        "-",
        "-01",
        "+1",
        "1e4.5",
        "0x10",
        "1_000",
        "1e400f",
        "Infinity",
        "-Infinity",
        ".5",
    ] {
        assert!(tools(&format!(r#"{{"tools":[{{"name":"a","n":{wrong}}}]}}"#)).is_err(), "{wrong}");
    }
}

#[test]
fn a72_attack_149_a_list_that_was_judged_is_private() {
    let cases = [
        (r#"{"tools":[],"cacheScope":"public","ttlMs":5}"#, r#"{"tools":[],"cacheScope":"private","ttlMs":5}"#),
        (r#"{"cacheScope" : "public" ,"tools":[{"name":"x"}]}"#, r#"{"cacheScope" : "private" ,"tools":[]}"#),
        (r#"{"tools":[{"name":"x"}],"cacheScope":"shared"}"#, r#"{"tools":[],"cacheScope":"private"}"#),
        (r#"{"tools":[],"cacheScope":null}"#, r#"{"tools":[],"cacheScope":"private"}"#),
        (r#"{"tools":[],"cacheScope":{"a":[1]},"b":1}"#, r#"{"tools":[],"cacheScope":"private","b":1}"#),
        (r#"{"tools":[],"cacheScope":"\ud800"}"#, r#"{"tools":[],"cacheScope":"private"}"#),
        (r#"{"tools":[],"cacheScope":"privat\u0065"}"#, r#"{"tools":[],"cacheScope":"privat\u0065"}"#),
        (r#"{ "tools":[],"ttlMs":60000}"#, r#"{"cacheScope":"private", "tools":[],"ttlMs":60000}"#),
        (r#"{"tools":[]}"#, r#"{"tools":[]}"#),
        (r#"{"prompts":[],"cacheScope":"public"}"#, r#"{"prompts":[],"cacheScope":"public"}"#),
        (r#"{"contents":[],"ttlMs":1}"#, r#"{"contents":[],"ttlMs":1}"#),
    ];
    for (given, expected) in cases {
        assert_eq!(tools(given), result(expected), "{given}");
    }
}

#[test]
fn c55_what_holds_no_list_stays() {
    for text in [
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"x","data":{"tools":[{"name":"x"}]}}}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"result":{"tools":[{"name":"x"}]}}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"x"}]}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":[]}"#,
        "{}",
        " {\r\n\t} ",
    ] {
        let given = Bytes::copy_from_slice(text.as_bytes());
        let kept = filter(&given, Lists::Any, &mut |_| false).unwrap();
        assert_eq!((kept.as_ptr(), kept.len()), (given.as_ptr(), given.len()), "{text}");
    }
}

#[test]
fn c94_nothing_is_copied_where_nothing_is_cut() {
    let text = Bytes::from_static(br#"{"id":1,"result":{"tools":[{"name":"a"}],"cacheScope":"private"}}"#);
    let kept = filter(&text, Lists::Tools, &mut |_| true).unwrap();
    assert_eq!((kept.as_ptr(), kept.len()), (text.as_ptr(), text.len()));
}

#[test]
fn c55_attack_146_what_has_two_meanings_or_none_is_refused() {
    let inside = [
        // Duplicate or look-alike names in places that decide.
        r#"{"tools":[],"tools":[{"name":"x"}]}"#,
        r#"{"tools":[],"t\u006fols":[{"name":"x"}]}"#,
        r#"{"tools":[],"Tools":[{"name":"x"}]}"#,
        "{\"tool\u{17F}\":[{\"name\":\"x\"}]}",
        r#"{"tools":[],"TOOLS ":[{"name":"x"}]}"#,
        r#"{"tools":[],"cacheScope":"private","cacheScope":"public"}"#,
        r#"{"tools":[],"cachescope":"public"}"#,
        r#"{"tools":[{"name":"a","name":"x"}]}"#,
        r#"{"tools":[{"name":"a","n\u0061me":"x"}]}"#,
        r#"{"tools":[{"name":"a","Name":"x"}]}"#,
        "{\"tools\":[{\"name\":\"a\",\"name\u{200B}\":\"x\"}]}",
        // Items that cannot be judged.
        r#"{"tools":[{"title":"x"}]}"#,
        r#"{"tools":[{}]}"#,
        r#"{"tools":[{"name":null}]}"#,
        r#"{"tools":[{"name":["x"]}]}"#,
        r#"{"tools":[{"name":"\ud800x"}]}"#,
        r#"{"tools":[{"name":"a","\udc00":1}]}"#,
        r#"{"tools":["x"]}"#,
        r#"{"tools":[[{"name":"x"}]]}"#,
        r#"{"tools":[null]}"#,
        r#"{"tools":{"x":{"name":"x"}}}"#,
        r#"{"tools":"x"}"#,
        r#"{"\ud800":1}"#,
        // Not JSON.
        r#"{"tools":[{"name":"x"},]}"#,
        r#"{"tools":[{"name":"x"}"#,
        r#"{"tools":[{"name":"x"]}"#,
        r#"{"tools":[{'name':"x"}]}"#,
        r#"{"tools":[{"name":"a","n":NaN}]}"#,
        r#"{"tools":[{"name":"a","n":01}]}"#,
        r#"{"tools":[{"name":"a","s":{"a":[1,2}}]}"#,
        r#"{"tools":[{"name":"a","s":{"a" 1}}]}"#,
        r#"{"tools":[{"name":"a","s":[,]}]}"#,
        "{\"tools\":[{\"name\":\"a\nb\"}]}",
        r#"{"tools":[]}} {"#,
        r#"{"tools":[]}, // x"#,
    ];
    for result in inside {
        assert!(tools(result).is_err(), "{result}");
    }
    let whole = [
        "",
        " ",
        "null",
        "\"x\"",
        "7",
        "[1]",
        r#"[[{"result":{"tools":[{"name":"x"}]}}]]"#,
        r#"{"result":{"tools":[]},"result":{"tools":[{"name":"x"}]}}"#,
        r#"{"Result":{"tools":[{"name":"x"}]}}"#,
        r#"{"result":{}}{"result":{"tools":[{"name":"x"}]}}"#,
        "\u{FEFF}{\"result\":{\"tools\":[]}}",
        "event: message\ndata: {\"result\":{\"tools\":[{\"name\":\"x\"}]}}\n\n",
    ];
    for text in whole {
        assert!(cut(text, Lists::Any).is_err(), "{text:?}");
    }
    assert!(filter(&Bytes::from_static(b"{\"a\":\"\xff\"}"), Lists::Any, &mut |_| true).is_err());
    let utf16: Vec<u8> = r#"{"result":{}}"#.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert!(filter(&Bytes::from(utf16), Lists::Any, &mut |_| true).is_err());
}

#[test]
fn p09_depth_and_count_are_bounded() {
    let nested = |levels: u32| {
        let levels = levels as usize;
        format!(r#"{{"id":1,"result":{{"tools":[{{"name":"a","s":{}{}}}]}}}}"#, "[".repeat(levels), "]".repeat(levels))
    };
    assert!(cut(&nested(LIST_JSON_DEPTH_MAX - 4), Lists::Tools).is_ok());
    assert_eq!(cut(&nested(LIST_JSON_DEPTH_MAX - 3), Lists::Tools), Err("nested too deep"));
    let many = format!("[{}{{}}]", "{},".repeat(JSON_VALUES_MAX));
    assert_eq!(cut(&many, Lists::Tools), Err("too many values"));
}

fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![Just(json!(null)), Just(json!(1.5e3)), "[a-c\"\\\\]{0,3}".prop_map(Value::from)];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec(("[a-c]{1,2}", inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn c94_what_is_left_is_the_list_without_what_was_cut(
        items in proptest::collection::vec((any::<bool>(), anything()), 0..6),
        beside in anything(),
        pretty in any::<bool>(),
    ) {
        let name = |hidden: bool, at: usize| format!("{}{at}", if hidden { "x" } else { "a" });
        let listed = |hidden_too: bool| -> Vec<Value> {
            items.iter().enumerate().filter(|(_, (hidden, _))| hidden_too || !hidden)
                .map(|(at, (hidden, more))| json!({"a": more, "name": name(*hidden, at), "z": more})).collect()
        };
        let message = |tools| json!({"id": 1, "result": {"a": beside, "nextCursor": "x", "tools": Value::Array(tools), "z": beside}});
        let given = message(listed(true));
        let text = if pretty { serde_json::to_string_pretty(&given) } else { serde_json::to_string(&given) }.unwrap();
        let kept: Value = serde_json::from_str(&cut(&text, Lists::Tools).unwrap()).unwrap();
        prop_assert_eq!(kept, message(listed(false)));
    }
}
