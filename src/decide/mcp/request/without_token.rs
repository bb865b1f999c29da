//! Which messages may come without a token, where a rule of the server is public.

use crate::decide::mcp::{
    method::{self, WithoutTokenColumn},
    request::message::{Message, MessageKind},
};

/// Proof that every message of a request may come without a token. What they touch must be public
/// as well: `evaluate_public` needs both. Only this file makes it.
///
/// ```compile_fail,E0423
/// let forged = portcullis::decide::mcp::request::without_token::WithoutToken(());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WithoutToken(());

/// The proof for `messages`: for one of them, or for all of a batch.
#[must_use]
pub fn of<'m>(messages: impl IntoIterator<Item = &'m Message>) -> Option<WithoutToken> {
    messages.into_iter().all(may_come).then_some(WithoutToken(()))
}

/// A response to the server, and a call that asks for a task, belong to a caller.
fn may_come(message: &Message) -> bool {
    let is_known = method::find(&message.method).is_some_and(|row| row.without_token != WithoutTokenColumn::Never);
    is_known && message.kind != MessageKind::Response && !message.params.task
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::decide::mcp::{method::METHODS, request::parse};

    fn proof(body: &str) -> Option<WithoutToken> {
        of([&parse::read(&Bytes::from(body.to_owned()), 64).unwrap()])
    }

    #[test]
    fn b02_only_these_messages_may_come_without_a_token() {
        let passes: Vec<&str> =
            METHODS.iter().filter(|row| row.without_token != WithoutTokenColumn::Never).map(|row| row.name).collect();
        let expected = [
            "tools/call",
            "tools/list",
            "initialize",
            "server/discover",
            "ping",
            "prompts/get",
            "prompts/list",
            "resources/read",
            "resources/list",
            "resources/templates/list",
            "notifications/initialized",
            "notifications/cancelled",
        ];
        assert_eq!(passes, expected);
        for name in expected {
            assert!(proof(&format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{name}","params":{{}}}}"#)).is_some());
        }
        for task in ["{}", r#"{"ttl":1}"#, "[]", "true", "false", "1", r#""x""#] {
            let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","task":@}}"#;
            assert_eq!(proof(&call.replace('@', task)), None, "{task}");
            assert!(proof(&call.replace('@', "null")).is_some());
        }
        for (body, why) in [
            (r#"{"jsonrpc":"2.0","id":1,"result":{}}"#, "a response"),
            (r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"m"}}"#, "an error"),
            (r#"{"jsonrpc":"2.0","id":1,"method":"acme/custom"}"#, "an unknown method"),
            (r#"{"jsonrpc":"2.0","id":1,"method":"logging/setLevel","params":{"level":"debug"}}"#, "a level"),
        ] {
            assert_eq!(proof(body), None, "{why}");
        }
    }
}
