//! What is done about the lists of an answer: they are filtered, or end the answer, or may pass.

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

/// What is done about the lists of one answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::inbound) struct ListPlan {
    /// These are filtered, because the request asks for a list.
    pub(in crate::inbound) cut: Option<Lists>,
    /// These end the answer, if it is not filtered.
    pub(in crate::inbound) guarded: Option<Lists>,
}

impl ListPlan {
    /// The plan for a request that asks for such a list, or for none.
    ///
    /// In the legacy era, and for versions that an upstream may treat as legacy, any answer may
    /// hold any list: servers send an answer to the request that last used its id in the session. A
    /// client that reuses the id of a list request would see that list as the answer to something
    /// else.
    pub(in crate::inbound) fn of(server: &Server, asked: Option<Lists>, era: Era) -> Self {
        let cut = lists_to_cut(server, asked);
        let any = if era == Era::Modern { None } else { lists_to_cut(server, Some(Lists::Any)) };
        Self { cut: cut.map(|lists| any.unwrap_or(lists)), guarded: any.or(cut) }
    }
}

/// Which of the lists that were `asked` for must be filtered; `None` if every caller sees all
/// items.
pub(in crate::inbound) fn lists_to_cut(server: &Server, asked: Option<Lists>) -> Option<Lists> {
    let asked = asked?;
    let judges = server.hide != Hide::Never && matches!(server.policy.access, Access::Rules(_));
    match asked {
        Lists::Tasks => judges_tasks(&server.policy).then_some(asked),
        _ if judges => Some(asked),
        // Any of them may be a list of tasks.
        Lists::Any => judges_tasks(&server.policy).then_some(Lists::Tasks),
        _ => None,
    }
}

/// Whether lists of tasks are filtered. With a rule for `tasks/list` the operator says that the
/// upstream separates its users.
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

        let plan = |cut, guarded| ListPlan { cut, guarded };
        let nothing = plan(None, None);
        // (whether rules hide items, asked for, era, plan)
        for (hides, asked, era, expected) in [
            // In the legacy era any answer may hold any list.
            (true, None, Era::Legacy, plan(None, Some(Any))),
            (true, Some(Tools), Era::Legacy, plan(Some(Any), Some(Any))),
            (true, Some(Any), Era::Legacy, plan(Some(Any), Some(Any))),
            // In the modern era only the list that was asked for.
            (true, None, Era::Modern, nothing),
            (true, Some(Tools), Era::Modern, plan(Some(Tools), Some(Tools))),
            (true, Some(Tasks), Era::Modern, plan(Some(Tasks), Some(Tasks))),
            // If nothing is hidden, tasks still have owners.
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
