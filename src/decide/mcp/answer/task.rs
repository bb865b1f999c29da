//! Reads the task that the answer to a `tools/call` has created.

use std::{borrow::Cow, time::Duration};

use memchr::memmem;
use serde::{Deserialize, de::IgnoredAny};

use crate::base::limits::messages::NAME_BYTES_MAX;

/// A task, as described by the answer that creates it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// Its id.
    pub id: String,
    /// How long the server keeps the task; `None` if it does not say, or keeps the task for ever.
    pub ttl: Option<Duration>,
}

/// The task that `answer` has created (SPEC C-87).
///
/// 2025-11-25 has the task in `result.task`. The extension of 2026-07-28 has it in `result` itself,
/// with `resultType` `task`; a server may do both for old clients. A task in an answer that can be
/// read in two ways is ignored, so no caller may touch it.
#[must_use]
pub fn made_by(answer: &[u8]) -> Option<Task> {
    // Most answers create no task, and cost only this search. An escaped member name is ignored.
    memmem::find(answer, br#""taskId""#)?;
    let answer: Answer<'_> = serde_json::from_slice(answer).ok()?;
    if answer.method.is_some() || answer.error.is_some() {
        return None;
    }
    let CallResult { result_type, task_id, ttl_ms, task } = answer.result?;
    let (id, ttl) = match (result_type.as_deref(), task_id, task) {
        (None, None, Some(task)) => (task.task_id, task.ttl),
        (Some("task"), Some(id), None) => (id, ttl_ms),
        (Some("task"), Some(id), Some(task)) if task.task_id == id => (id, ttl_ms.or(task.ttl)),
        _ => return None,
    };
    // A longer id could not be requested.
    if id.is_empty() || id.len() > NAME_BYTES_MAX {
        return None;
    }
    let ttl = match ttl {
        None => None,
        Some(millis) if millis >= 0.0 => Some(Duration::try_from_secs_f64(millis / 1_000.0).unwrap_or(Duration::MAX)),
        Some(_) => return None,
    };
    Some(Task { id: id.into_owned(), ttl })
}

// The derived readers of these types refuse a duplicate member, and a member of another type.

#[derive(Deserialize)]
struct Answer<'a> {
    method: Option<IgnoredAny>,
    error: Option<IgnoredAny>,
    #[serde(borrow)]
    result: Option<CallResult<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CallResult<'a> {
    #[serde(borrow)]
    result_type: Option<Cow<'a, str>>,
    #[serde(borrow)]
    task_id: Option<Cow<'a, str>>,
    ttl_ms: Option<f64>,
    #[serde(borrow)]
    task: Option<LegacyTask<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LegacyTask<'a> {
    #[serde(borrow)]
    task_id: Cow<'a, str>,
    ttl: Option<f64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(result: &str) -> Option<(String, Option<u64>)> {
        let answer = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{result}}}"#);
        let task = made_by(answer.as_bytes())?;
        Some((task.id, task.ttl.map(|ttl| u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX))))
    }

    #[test]
    fn c87_a_task_is_found_in_the_answers_of_both_versions() {
        let cases = [
            (r#"{"task":{"taskId":"t","status":"working","ttl":60000}}"#, "t", Some(60_000)),
            (r#"{"task":{"taskId":"t","ttl":null,"pollInterval":5},"_meta":{}}"#, "t", None),
            (r#"{"task":{"taskId":"t"}}"#, "t", None),
            (r#"{"task":{"ttl":6e4,"taskId":"t"}}"#, "t", Some(60_000)),
            (r#"{"task":{"ttl":0,"taskId":"t"}}"#, "t", Some(0)),
            (r#"{"task":{"ttl":1e300,"taskId":"t"}}"#, "t", Some(u64::MAX)),
            (r#"{"task":{"taskId":"\u0074\"\\"}}"#, "t\"\\", None),
            (r#"{"resultType":"task","taskId":"t","status":"working","ttlMs":60000}"#, "t", Some(60_000)),
            (r#"{"ttlMs":null,"taskId":"t","resultType":"task"}"#, "t", None),
            (r#"{"resultType":"task","taskId":"t","ttlMs":7,"task":{"taskId":"t","ttl":9}}"#, "t", Some(7)),
            (r#"{"resultType":"task","taskId":"t","task":null,"x":{"taskId":"u"}}"#, "t", None),
        ];
        for (result, id, ttl) in cases {
            assert_eq!(made(result), Some((id.to_owned(), ttl)), "{result}");
        }
    }

    #[test]
    fn c87_what_can_be_read_in_two_ways_is_no_task() {
        let long = format!(r#"{{"task":{{"taskId":"{}"}}}}"#, "x".repeat(NAME_BYTES_MAX + 1));
        let cases = [
            r#"{"content":[]}"#,
            r#"{"taskId":"t"}"#,
            r#"{"taskId":"t","task":{"taskId":"t"}}"#,
            r#"{"resultType":"complete","taskId":"t"}"#,
            r#"{"resultType":"complete","task":{"taskId":"t"}}"#,
            r#"{"resultType":"Task","taskId":"t"}"#,
            r#"{"resultType":"task","task":{"taskId":"t"}}"#,
            r#"{"resultType":"task","taskId":"t","task":{"taskId":"u"}}"#,
            r#"{"resultType":"task","taskId":"t","taskId":"u"}"#,
            r#"{"resultType":"task","taskId":"t","ttlMs":-1}"#,
            r#"{"resultType":"task","taskId":"t","ttlMs":"9"}"#,
            r#"{"resultType":"task","taskId":7}"#,
            r#"{"task":{"taskId":"t"},"task":{"taskId":"u"}}"#,
            r#"{"task":{"taskId":"t","taskId":"t"}}"#,
            r#"{"task":{"taskId":""}}"#,
            r#"{"task":{"taskId":null}}"#,
            r#"{"task":["t"],"taskId":"t"}"#,
            r#"{"structuredContent":{"task":{"taskId":"t"}}}"#,
            r#"{"content":[{"type":"text","text":"{\"result\":{\"task\":{\"taskId\":\"t\"}}}"}]}"#,
            long.as_str(),
        ];
        for result in cases {
            assert_eq!(made(result), None, "{result}");
        }
        for answer in [
            "",
            "[]",
            r#"{"result":{"task":{"taskId":"t"}}"#,
            r#"{"result":{"task":{"taskId":"t"}}} {}"#,
            r#"{"result":{"task":{"taskId":"t"}},"result":{"task":{"taskId":"u"}}}"#,
            r#"{"result":{"task":{"taskId":"t"}},"method":"x"}"#,
            r#"{"result":{"task":{"taskId":"t"}},"error":{}}"#,
            r#"{"method":"notifications/tasks/status","params":{"taskId":"t"}}"#,
            r#"[{"result":{"task":{"taskId":"t"}}}]"#,
        ] {
            assert_eq!(made_by(answer.as_bytes()), None, "{answer}");
        }
    }
}
