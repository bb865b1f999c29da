//! Lists in answers that must not have a list: found in every form, without false alarms.

use bytes::Bytes;
use proptest::{collection::vec, prelude::*};
use serde_json::{Map, Value};

use super::*;
use crate::decide::mcp::answer::sse::Events;

/// The number of the piece that a list starts in.
fn met_in<'a>(lists: Lists, is_stream: bool, pieces: impl IntoIterator<Item = &'a [u8]>) -> Option<usize> {
    let mut guard = Guard::new(lists, is_stream);
    pieces.into_iter().position(|piece| guard.meets(piece))
}

/// Whether a list starts in these bytes, in pieces of every size.
fn meets(lists: Lists, is_stream: bool, bytes: &[u8]) -> bool {
    let whole = met_in(lists, is_stream, [bytes]).is_some();
    for len in [1, 2, 3, 7, 64] {
        assert_eq!(met_in(lists, is_stream, bytes.chunks(len)).is_some(), whole, "in pieces of {len}");
    }
    whole
}

#[test]
fn c55_a_list_is_met_wherever_a_client_would_read_one() {
    let list = r#"{"jsonrpc":"2.0","id":7,"result":{"tools":[{"name":"x"}]}}"#;
    let cases = [
        list.to_owned(),
        format!("[{list}]"),
        format!(" [ {{\"id\":1}} , {list} ] "),
        format!(r#"[{{"id":1,"result":{{"a":[1]}}}},{list}]"#),
        list.replace(":[", " \t\r\n:\n[\n"),
        list.replace("tools", r"t\u006f\u006Fls"),
        list.replace("result", r"\u0072esult"),
        list.replace("tools", "prompts"),
        list.replace("tools", "resources"),
        list.replace("tools", "resourceTemplates"),
        list.replace(
            "tools",
            r"\u0072\u0065\u0073\u006f\u0075\u0072\u0063\u0065\u0054\u0065\u006d\u0070\u006c\u0061\u0074\u0065\u0073",
        ),
        list.replace("tools", "tasks"),
        list.replace("[{", "[]").replace("}]}}", "}}"),
        list.replace(r#""tools""#, r#""a":{"b":[[1,"]}"],{}]},"c":"\\\"","tools":null,"tools""#),
        list.replace(r#""result""#, r#""result":null,"params":{"result":[{}]},"result""#),
        list.replace(r#""id":7"#, r#""id":"\u005c\"{\\""#),
        // Several messages, and text before them.
        format!("\u{FEFF}{list}"),
        format!("{{\"id\":1}}\n{list}"),
        format!("1 null \"{{\" ]}} [] {list}"),
        // An event stream with another label.
        format!("data: {list}\n\n"),
        format!(": c\r\ndata: {}\r\n\r\n", list.replace(":[", "\r\ndata::\r\ndata:[")),
    ];
    for case in &cases {
        assert!(meets(Lists::Any, false, case.as_bytes()), "{case}");
    }
    // A list is reported at its bracket, not before.
    let (before, behind) = list.split_at(list.find("[{").unwrap());
    assert_eq!(met_in(Lists::Any, false, [before, behind].map(str::as_bytes)), Some(1));
}

#[test]
fn p1_what_is_no_list_of_a_result_passes() {
    let cases = [
        r#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"{\"result\":{\"tools\":[]}}"}]}}"#,
        r#"{"result":{"content":[{"tools":[1]}],"structuredContent":{"tools":[],"result":{"tools":[]}},"_meta":{"tasks":[]}}}"#,
        r#"{"result":{"capabilities":{"tools":{"listChanged":true},"tasks":{"list":{}}},"tools":{},"prompts":null}}"#,
        r#"{"result":{"tools":"[","a":"tools","b":["tools"],"c":[[]],"d":[{"tools":[]}]}}"#,
        r#"{"method":"sampling/createMessage","params":{"tools":[{"name":"x"}],"result":{"tools":[]}}}"#,
        r#"{"error":{"data":{"tools":[]}},"tools":[],"result":[{"tools":[]}]}"#,
        r#"{"result":{},"x":{"tools":[]},"y":"result","z":{"tools":[]}}"#,
        r#"{"result":"result","x":{"tools":[]}}"#,
        r#"[[{"result":{"tools":[]}}],{"a":{"result":{"tools":[]}}}]"#,
        r#"{"result":{"Tools":[],"tools ":[],"tool":[],"toolss":[],"tools\u0000":[],"t\\u006fols":[],"tools\n":[],"ŧools":[]}}"#,
        r#"{"Result":{"tools":[]},"results":{"tools":[]},"resultresultresultresult":{"tools":[]},"\"result":{"tools":[]}}"#,
        r#"{"result":{"\ud83d\ude00ls":[],"\u0174ools":[],"\u1074ools":[]}}"#,
        r#"{"result":{"a":1},"id":[{"tools":[]}]}"#,
        r#"{"result":{"next":{"a":[]}}} {"tools":[]}"#,
        "<html>result tools [</html>",
        "data: \"result\": {\"tools\": [\n\n",
        "",
    ];
    for case in cases {
        assert!(!meets(Lists::Any, false, case.as_bytes()), "{case}");
        assert!(!meets(Lists::Any, true, format!("data: {case}\n\n").as_bytes()), "{case}");
    }
}

#[test]
fn c55_only_the_lists_that_are_looked_for_are_met() {
    let names = ["tools", "prompts", "resources", "resourceTemplates", "tasks"];
    let lists = [Lists::Tools, Lists::Prompts, Lists::Resources, Lists::Templates, Lists::Tasks];
    for (name, own) in names.iter().zip(lists) {
        let text = format!(r#"{{"result":{{"{name}":[]}}}}"#);
        for list in lists {
            assert_eq!(meets(list, false, text.as_bytes()), list == own, "{name} {list:?}");
        }
    }
}

#[test]
fn c50_attack_147_lists_are_met_in_events_of_every_shape() {
    let list = r#"{"result":{"tools":[]}}"#;
    let met = [
        "data: {L}\n\n",
        "data:{L}\r\n\r\n",
        "data:  {L}\r\r",
        "data: {L}",
        "\u{FEFF}data: {L}\n\n",
        "id: 1\nevent: message\ndata: {L}\n\n",
        ": {\"result\n\ndata: {\"\n\ndata: {L}\n\n",
        "data: {\"id\":1}\rdata:{L}\r\r",
        "data\n\n\r\n\rdata: {L}\n",
        // Some clients look at the bytes.
        "{L}",
        "\n\n {L}\r\n\r\n",
        "{\"id\":1}\ndata: {L}\n\n",
    ];
    for stream in met {
        assert!(meets(Lists::Any, true, stream.replace("{L}", list).as_bytes()), "{stream:?}");
    }
    let split = "data: {\"result\"\rdata:\ndata: :{\r\ndata:\"tools\":\r\n: c\r\nid: 1\r\ndata:[]}}\n\n";
    assert!(meets(Lists::Any, true, split.as_bytes()));
    let passed = [
        ": {L}\n\n",
        "datas: {L}\n\n",
        "Data: {L}\n\n",
        " data: {L}\n\n",
        "data : {L}\n\n",
        "\u{FEFF}\u{FEFF}data: {L}\n\n",
        "\u{FEFE}data: {L}\n\n",
        "id: {L}\nda\n\nta: {L}",
        "data: {\"result\":\n\ndata: {\"tools\":[]}\n\n",
        "data: {\"result\":\r\rdata: {\"tools\":[]}\r\r",
        "data: {\"result\":\r\n\r\ndata: {\"tools\":[]}\r\n",
        "data: x\n\n{L}\n\n",
    ];
    for stream in passed {
        assert!(!meets(Lists::Any, true, stream.replace("{L}", list).as_bytes()), "{stream:?}");
    }
}

#[test]
fn no_nesting_and_no_length_is_too_much() {
    let deep = format!("{{\"result\":{{\"a\":{}", "[{\"tools\":".repeat(200_000));
    assert!(met_in(Lists::Any, false, [deep.as_bytes()]).is_none());
    let closed = format!("{deep}1{},\"tools\":[]}}}}", "}]".repeat(200_000));
    assert!(met_in(Lists::Any, false, [closed.as_bytes()]).is_some());
    let long =
        format!(r#"{{"result":{{"{}":[],"a":"{}","tools":[]}}}}"#, "tools".repeat(200_000), r"\\".repeat(200_000));
    assert_eq!(met_in(Lists::Any, false, long.as_bytes().chunks(1000)), Some(long.len() / 1000));
}

/// Whether a reader of the whole message finds a list.
fn holds_list(message: &Value) -> bool {
    let messages = message.as_array().map_or(std::slice::from_ref(message), Vec::as_slice);
    messages.iter().filter_map(|message| message.get("result")).any(|result| {
        ["tools", "prompts", "resources", "resourceTemplates", "tasks"]
            .iter()
            .any(|name| result.get(name).is_some_and(Value::is_array))
    })
}

fn value() -> impl Strategy<Value = Value> {
    let name = prop_oneof![
        3 => Just("result"),
        4 => prop_oneof![Just("tools"), Just("prompts"), Just("resources"), Just("resourceTemplates"), Just("tasks")],
        2 => prop_oneof![Just("id"), Just("tool\"s"), Just("\\"), Just(""), Just("resourceTemplatesx"), Just("tööls")],
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<i32>().prop_map(Value::from),
        name.clone().prop_map(Value::from),
        Just(Value::from("{\"result\":{\"tools\":[")),
        Just(Value::from("\\")),
    ];
    leaf.prop_recursive(5, 40, 5, move |inner| {
        prop_oneof![
            2 => vec(inner.clone(), 0..4).prop_map(Value::from),
            5 => vec((name.clone(), inner), 0..5)
                .prop_map(|members| Value::from(members.into_iter().map(|(k, v)| (k.to_owned(), v)).collect::<Map<_, _>>())),
        ]
    })
}

/// The text with some letters of its strings as escapes, and with additional white space.
fn written(value: &Value, escaped: Option<char>, is_pretty: bool) -> String {
    let text = if is_pretty { serde_json::to_string_pretty(value) } else { serde_json::to_string(value) }.unwrap();
    match escaped {
        // A letter after a backslash, or of `null`, must not be escaped.
        Some(letter) if !text.contains(&format!("\\{letter}")) && !"nul".contains(letter) => {
            text.replace(letter, &format!("\\u{:04X}", u32::from(letter)))
        }
        _ => text,
    }
}

/// `bytes`, split at `cuts`.
fn cut<'a>(bytes: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut at: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    at.extend([0, bytes.len()]);
    at.sort_unstable();
    at.windows(2).map(|ends| &bytes[ends[0]..ends[1]]).collect()
}

proptest! {
    #[test]
    fn c55_a_list_is_met_exactly_where_serde_finds_one(
        message in value(),
        escaped in proptest::option::of(proptest::sample::select(vec!['t', 'o', 'r', 'e', 's', 'T', 'p'])),
        is_pretty in any::<bool>(),
        cuts in vec(any::<usize>(), 0..6),
    ) {
        let text = written(&message, escaped, is_pretty);
        prop_assert_eq!(&serde_json::from_str::<Value>(&text).unwrap(), &message);
        let met = met_in(Lists::Any, false, cut(text.as_bytes(), &cuts)).is_some();
        prop_assert_eq!(met, holds_list(&message), "{}", text);
        prop_assert_eq!(meets(Lists::Any, false, text.as_bytes()), met);
    }

    #[test]
    fn c55_a_list_is_met_exactly_in_the_events_that_hold_one(
        messages in vec(value(), 1..5),
        is_pretty in any::<bool>(),
        end in prop_oneof![Just("\n"), Just("\r"), Just("\r\n")],
        start in prop_oneof![Just(""), Just("\u{FEFF}"), Just(": c\n\n"), Just("id: 1\r"), Just("data\r\n")],
        field in prop_oneof![Just("data:"), Just("data: "), Just("data:  ")],
        cuts in vec(any::<usize>(), 0..6),
    ) {
        let mut stream = start.to_owned();
        for message in &messages {
            let text = written(message, None, is_pretty);
            stream.extend(text.lines().flat_map(|line| [field, line, end]));
            stream.push_str(end);
        }
        let mut events = Events::new(usize::MAX);
        events.push(Bytes::from(stream.clone()));
        events.end();
        let read = std::iter::from_fn(|| events.next());
        let holds = read.filter_map(|event| event.unwrap().data().map(|data| holds_list(&serde_json::from_slice(&data).unwrap())));
        let holds = holds.fold(false, |any, one| any | one);
        prop_assert_eq!(holds, messages.iter().any(holds_list));
        let met = met_in(Lists::Any, true, cut(stream.as_bytes(), &cuts)).is_some();
        prop_assert_eq!(met, holds, "{:?}", stream);
        prop_assert_eq!(meets(Lists::Any, true, stream.as_bytes()), met);
    }
}
