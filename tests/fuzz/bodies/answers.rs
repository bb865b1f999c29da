//! What must hold for the answers of upstreams: lists, and the events that carry them.

use bytes::Bytes;
use portcullis::{
    base::limits::messages::EVENT_ID_BYTES_MAX,
    decide::mcp::answer::{
        event_ids::EventIds,
        list_filter,
        lists::{ListedItem, Lists},
        sse::{Event, Events, TooLong},
        task_search::TaskSearch,
    },
};
use serde_json::{Value, json};

/// The lists of a result, and the member that names an item of each.
const LISTS: [(&str, &str); 5] = [
    ("tools", "name"),
    ("prompts", "name"),
    ("resources", "uri"),
    ("resourceTemplates", "uriTemplate"),
    ("tasks", "taskId"),
];

/// A list loses what is hidden, here all that has an `x` in its name, and nothing else, in `serde_json`'s eyes too.
pub(crate) fn list(input: &[u8]) -> bool {
    let message = Bytes::copy_from_slice(input);
    let hidden = |item: ListedItem<'_>| {
        let (ListedItem::Tool(name)
        | ListedItem::Prompt(name)
        | ListedItem::Resource(name)
        | ListedItem::Template(name)
        | ListedItem::Task(name)) = item;
        name.contains('x')
    };
    let Ok(cut) = list_filter::filter(&message, Lists::Any, &mut |item| !hidden(item)) else {
        assert!(
            list_filter::filter(&message, Lists::Any, &mut |_| true).is_err(),
            "whether it is read depends on who asks"
        );
        return false;
    };
    let all = list_filter::filter(&message, Lists::Any, &mut |_| true).expect("what was read before");
    let mut value: Value = match serde_json::from_slice(input) {
        Ok(value) => value,
        // It gives up earlier, computes numbers less exactly, and has no place for half a surrogate pair.
        Err(error) => {
            let why = error.to_string();
            let its_own = ["recursion limit", "number out of range", "surrogate", "hex escape"];
            assert!(its_own.iter().any(|known| why.contains(known)), "accepted by us alone: {why}");
            return true;
        }
    };
    let read = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).expect("what we write is no JSON");
    each_result(&mut value, &mut make_private);
    assert_eq!(read(&all), value, "nothing was hidden");
    each_result(&mut value, &mut |result| {
        for (list, name) in LISTS {
            if let Some(Value::Array(items)) = result.get_mut(list) {
                items.retain(|item| !item[name].as_str().expect("an item without a name").contains('x'));
            }
        }
    });
    assert_eq!(read(&cut), value);
    assert!(cut.len() <= all.len());
    assert_eq!(list_filter::filter(&cut, Lists::Any, &mut |item| !hidden(item)), Ok(cut), "cut twice");
    true
}

fn each_result(message: &mut Value, change: &mut dyn FnMut(&mut Value)) {
    let messages = match message {
        Value::Array(messages) => messages.iter_mut().collect(),
        message => vec![message],
    };
    messages
        .into_iter()
        .filter_map(|message| message.get_mut("result"))
        .filter(|result| result.is_object())
        .for_each(change);
}

fn make_private(result: &mut Value) {
    let has_list = LISTS.iter().any(|(list, _)| result.get(list).is_some());
    if has_list && (result.get("cacheScope").is_some() || result.get("ttlMs").is_some()) {
        result["cacheScope"] = json!("private");
    }
}

type Read = (Vec<Result<Event, TooLong>>, Bytes);

fn events(stream: &[u8], len: usize, event_bytes_max: usize) -> Read {
    let mut events = Events::new(event_bytes_max);
    let mut all = Vec::new();
    for piece in stream.chunks(len.max(1)) {
        events.push(Bytes::copy_from_slice(piece));
        all.extend(std::iter::from_fn(|| events.next()));
    }
    events.end();
    all.extend(std::iter::from_fn(|| events.next()));
    (all, events.rest())
}

/// Whether it is a comment before an event, which has no blank line.
fn is_comment(event: &Event, is_first: bool) -> bool {
    let lead: &[u8] = if is_first { b"\xEF\xBB\xBF" } else { b"\n" };
    event.raw().strip_prefix(lead).unwrap_or(event.raw()).starts_with(b":")
}

/// The events of a stream do not depend on how it is cut, hold every byte of it, and keep what they say when their data is
/// replaced.
pub(crate) fn sse(input: &[u8]) -> bool {
    let (read, rest) = events(input, input.len(), usize::MAX);
    for len in [1, 2, 3, 7, input.first().map_or(1, |first| usize::from(*first) + 1)] {
        assert_eq!(events(input, len, usize::MAX), (read.clone(), rest.clone()), "in pieces of {len}");
        let bounded = events(input, len, 16).0;
        assert!(bounded.iter().flatten().all(|event| event.raw().len() <= 16));
        let whole = read.iter().flatten().filter(|event| event.raw().len() <= 16);
        assert!(bounded.iter().flatten().eq(whole), "a long event takes another with it");
    }
    let mut joined: Vec<u8> = read.iter().flatten().flat_map(|event| event.raw().to_vec()).collect();
    joined.extend_from_slice(&rest);
    assert_eq!(joined, input);
    for data in [&b""[..], b" a", b"{\n}\n"] {
        let edited: Vec<u8> =
            read.iter().flatten().flat_map(|event| event.with_data(data)).chain(rest.clone()).collect();
        let again = events(&edited, 5, usize::MAX).0;
        assert_eq!(again.len(), read.len(), "{read:?} became {again:?}");
        for (at, (event, again)) in read.iter().flatten().zip(again.iter().flatten()).enumerate() {
            if is_comment(event, at == 0) {
                assert_eq!(again.data(), None);
                continue;
            }
            assert_eq!(
                (again.data().as_deref(), again.kind(), again.id()),
                (Some(data), event.kind(), event.id()),
                "{event:?} became {again:?}"
            );
        }
    }
    read.iter().flatten().any(|event| event.data().is_some())
}

/// Each id of an event is noted, however the stream is cut, and no id is noted twice or as another. Input: a stream.
pub(crate) fn event_ids(input: &[u8]) -> bool {
    let noted = |len: usize| {
        let (mut ids, mut noted) = (EventIds::default(), Vec::new());
        for piece in input.chunks(len.max(1)) {
            ids.see(piece, |id| noted.push(id.to_vec()));
        }
        noted
    };
    let whole = noted(input.len());
    for len in [1, 2, 3, 7] {
        assert_eq!(noted(len), whole, "in pieces of {len}");
    }
    let (read, _) = events(input, input.len(), usize::MAX);
    let mut sent =
        read.iter().flatten().filter_map(Event::id).filter(|id| !id.is_empty() && id.len() < EVENT_ID_BYTES_MAX);
    let is_noted = |id: &[u8]| whole.iter().any(|noted| noted.strip_prefix(b" ").unwrap_or(noted) == id);
    assert!(sent.all(is_noted), "an id that a client would send back is not noted: {whole:?}");
    !whole.is_empty()
}

/// The task in an answer does not depend on how the answer is cut. Input: a byte that says whether it is a stream, and the answer.
pub(crate) fn task_search(input: &[u8]) -> bool {
    let Some((first, answer)) = input.split_first() else { return false };
    let mut headers = http::HeaderMap::new();
    let kind = if first % 2 == 0 { "application/json" } else { "text/event-stream" };
    headers.insert("content-type", http::HeaderValue::from_static(kind));
    let found = |len: usize| {
        let mut search = TaskSearch::of(&headers);
        let mut found = Vec::new();
        for piece in answer.chunks(len.max(1)) {
            found.extend(search.see(&Bytes::copy_from_slice(piece)));
        }
        found.extend(search.end());
        assert!(found.len() <= 1, "one call makes one task");
        found
    };
    let whole = found(answer.len());
    for len in [1, 2, 3, 7] {
        assert_eq!(found(len), whole, "in pieces of {len}");
    }
    !whole.is_empty()
}
