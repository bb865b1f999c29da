//! Plans what happens to lists in an answer: they are filtered, break it off, or pass.

use crate::{
    decide::{
        mcp::{
            answer::lists::{Hide, Lists},
            method::LIST_TASKS,
            version::Era,
        },
        policy::{
            evaluate::names_method,
            rule::{Access, Policy},
        },
    },
    inbound::state::server::Server,
};

/// The plan for one answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::inbound) struct ListPlan {
    /// The lists to filter, because the request asks for a list.
    pub(in crate::inbound) filtered: Option<Lists>,
    /// The lists that break off an answer that is not filtered.
    pub(in crate::inbound) guarded: Option<Lists>,
}

impl ListPlan {
    /// The plan for a request that asks for the list `asked`, or for no list.
    ///
    /// In the legacy era, and for versions that an upstream may treat as legacy, any answer may
    /// hold any list: a server sends an answer to the request that last used its JSON-RPC id in the
    /// session. A client that reuses the id of a list request would get that list as the answer to
    /// its later request.
    pub(in crate::inbound) fn of(server: &Server, asked: Option<Lists>, era: Era) -> Self {
        let filtered = lists_to_filter(server, asked);
        let any = if era == Era::Modern { None } else { lists_to_filter(server, Some(Lists::Any)) };
        let edited = filtered.map(|lists| any.unwrap_or(lists));
        // To say which scopes each tool needs, an answer is read whose lists need no filter.
        let told = asked.filter(|asked| server.advertise_scopes && matches!(asked, Lists::Tools | Lists::Any));
        let edited = match (edited, told) {
            (Some(one), Some(other)) if one != other => Some(Lists::Any),
            (edited, told) => edited.or(told),
        };
        Self { filtered: edited, guarded: any.or(filtered) }
    }
}

/// Which of the lists `asked` must be filtered; `None` if every caller sees all items.
pub(in crate::inbound) fn lists_to_filter(server: &Server, asked: Option<Lists>) -> Option<Lists> {
    let asked = asked?;
    let judges = server.hide != Hide::Never && matches!(server.policy.access, Access::Rules(_));
    match asked {
        Lists::Tasks => judges_tasks(&server.policy).then_some(asked),
        _ if judges => Some(asked),
        // A list of any kind may be a list of tasks.
        Lists::Any => judges_tasks(&server.policy).then_some(Lists::Tasks),
        _ => None,
    }
}

/// Whether lists of tasks are filtered. With a rule for `tasks/list`, the operator says that the
/// upstream separates the tasks of its users.
pub(super) fn judges_tasks(policy: &Policy) -> bool {
    !names_method(policy, &LIST_TASKS.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inbound::testing::TestGateway;

    #[tokio::test]
    async fn c55_which_lists_are_filtered_and_which_end_an_answer() {
        use Lists::{Any, Tasks, Tools};

        let plan = |filtered, guarded| ListPlan { filtered, guarded };
        let nothing = plan(None, None);
        // (whether rules hide items, asked for, era, plan)
        for (hides, asked, era, expected) in [
            // In the legacy era any answer may hold any list.
            (true, None, Era::Legacy, plan(None, Some(Any))),
            (true, Some(Tools), Era::Legacy, plan(Some(Any), Some(Any))),
            (true, Some(Any), Era::Legacy, plan(Some(Any), Some(Any))),
            // In the modern era an answer may hold only the list that was asked for.
            (true, None, Era::Modern, nothing),
            (true, Some(Tools), Era::Modern, plan(Some(Tools), Some(Tools))),
            (true, Some(Tasks), Era::Modern, plan(Some(Tasks), Some(Tasks))),
            // Without hidden items, tasks still have owners.
            (false, None, Era::Legacy, plan(None, Some(Tasks))),
            (false, Some(Tools), Era::Legacy, plan(None, Some(Tasks))),
            (false, Some(Tasks), Era::Legacy, plan(Some(Tasks), Some(Tasks))),
            (false, Some(Tools), Era::Modern, nothing),
            (false, Some(Any), Era::Modern, plan(Some(Tasks), Some(Tasks))),
        ] {
            let hide = if hides { Hide::Unauthorized } else { Hide::Never };
            let world = TestGateway::with(|server| server.hide = hide).await;
            assert_eq!(ListPlan::of(&world.server, asked, era), expected, "{hides} {asked:?} {era:?}");
        }
    }
}
