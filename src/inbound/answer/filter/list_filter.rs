//! Filters lists to the items that one caller may use.

use std::sync::Arc;

use bytes::Bytes;

use super::plan::judges_tasks;
use crate::{
    base::text::Text,
    decide::{
        mcp::{
            answer::{
                list_filter,
                lists::{Hide, ListedItem, Lists},
            },
            request::target::Target,
        },
        policy::evaluate::{advertised::security_schemes, evaluate, public::judge_without_scopes},
        refusal::Refusal,
        token::requester::Requester,
    },
    inbound::state::{gateway::Gateway, server::Server},
};

/// [`list_filter::edit`], or [`list_filter::edit_body`].
type EditList = fn(&Bytes, Lists, list_filter::Edit<'_>) -> Result<Bytes, &'static str>;

/// Decides which items one caller sees.
pub(in crate::inbound) struct ListFilter {
    /// Knows the rules in force and the owners of tasks.
    pub(in crate::inbound) gateway: Arc<Gateway>,
    /// The server as it was when the answer began.
    pub(in crate::inbound) server: Arc<Server>,
    /// Who asked for the list.
    pub(in crate::inbound) who: Requester,
    /// The lists to filter.
    pub(in crate::inbound) lists: Lists,
}

impl ListFilter {
    /// A message without the items that the caller may not see.
    pub(super) fn message(&self, message: &Bytes) -> Result<Bytes, &'static str> {
        self.filter_by(list_filter::edit, message)
    }

    /// The whole body of an answer without the items that the caller may not see.
    pub(super) fn body(&self, body: &Bytes) -> Result<Bytes, &'static str> {
        self.filter_by(list_filter::edit_body, body)
    }

    /// Filters by the rules in force: the stream may have begun under older rules (P7).
    fn filter_by(&self, edit: EditList, message: &Bytes) -> Result<Bytes, &'static str> {
        let snapshot = self.gateway.snapshot.load();
        // If a reload removed the server, its stream ends. Until then its old rules apply.
        let server = snapshot.successor(&self.server).unwrap_or(&self.server);
        edit(message, self.lists, &mut |item| {
            let schemes = match item {
                ListedItem::Tool(name) if server.advertise_scopes => {
                    Some(security_schemes(&server.policy, &Target::Tool(Text::from(name))))
                }
                _ => None,
            };
            self.keep(server, item).then_some(schemes)
        })
    }

    /// Whether the caller owns the task and may still use its tool, as for `tasks/get`.
    fn may_touch_task(&self, server: &Server, id: &str) -> bool {
        let Requester::Verified(caller) = &self.who else { return false };
        let tool = self.gateway.tasks.tool_of(&server.series.name, caller, id, self.gateway.clock.now());
        tool.is_some_and(|tool| evaluate(&server.policy, caller, &Target::Tool(tool)).is_ok())
    }

    /// Whether the caller sees an item: decided by the rules for its use.
    fn keep(&self, server: &Server, item: ListedItem<'_>) -> bool {
        let Server { policy, hide, .. } = server;
        let target = match item {
            ListedItem::Tool(name) => Target::Tool(Text::from(name)),
            ListedItem::Prompt(name) => Target::Prompt(Text::from(name)),
            ListedItem::Resource(uri) => Target::Resources(vec![Text::from(uri)]),
            ListedItem::Template(template) => Target::Template(Text::from(template)),
            ListedItem::Task(id) if judges_tasks(policy) => return self.may_touch_task(server, id),
            ListedItem::Task(_) => return matches!(self.who, Requester::Verified(_)),
        };
        let verdict = match &self.who {
            Requester::Verified(caller) => evaluate(policy, caller, &target).map(drop),
            Requester::Anonymous(_) => judge_without_scopes(policy, &target).map(drop),
        };
        if let (Hide::Forbidden | Hide::Unauthorized, Err(Refusal::EmailUnverified { rule })) = (hide, &verdict) {
            self.gateway.observe.email_unverified(&server.series.name, *rule);
        }
        match (hide, verdict) {
            (Hide::Never, _) | (_, Ok(_)) => true,
            // A hidden item can never trigger step-up.
            (Hide::Forbidden, Err(refusal)) => refusal.row().needed().is_some(),
            (Hide::Unauthorized, Err(_)) => false,
        }
    }
}

#[cfg(test)]
mod tests;
