//! Notes which caller made each task with which tool: later requests need the same permission.

#[cfg(test)]
mod tests;

use std::{
    hash::{BuildHasher, RandomState},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::{
    base::{
        clock::Now,
        limits::held::{TASK_AGE_MAX, TASKS_MAX, TASKS_PER_CALLER_MAX},
        names::ServerName,
        text::Text,
    },
    decide::{
        mcp::{answer::task::Task, method, request::target::Target},
        policy::evaluate::names_method,
        refusal::Refusal,
        token::caller::Caller,
    },
    inbound::state::{
        per_caller::{PerCaller, PerCallerBounds, owner},
        server::Server,
    },
};

/// From this number of tasks on, expired tasks are removed from time to time.
const SWEPT_FROM: usize = 4_096;

/// The tasks of all callers, bounded for each (SPEC C-92).
pub struct Tasks {
    kept: Mutex<Kept>,
    keys: RandomState,
}

struct Kept {
    made: PerCaller<Made>,
    /// The number of tasks at which expired ones are removed next.
    swept_at: usize,
}

struct Made {
    tool: Text,
    /// When it expires, on the monotonic clock.
    until: Duration,
    /// Whether two calls made it. Then it is unknown which call's result the task holds.
    disputed: bool,
}

/// The owner of a task, as one caller may see it.
#[derive(Debug, PartialEq)]
enum TaskOwner {
    /// The caller made the task with this tool.
    Own(Text),
    /// Another caller made the task, or it is disputed.
    Other,
    /// The task was not made through this process, or has expired.
    Unknown,
}

impl Default for Tasks {
    fn default() -> Self {
        Self::bounded(PerCallerBounds { each: TASKS_PER_CALLER_MAX, all: TASKS_MAX })
    }
}

impl Tasks {
    fn bounded(bounds: PerCallerBounds) -> Self {
        let kept = Kept { made: PerCaller::new(bounds), swept_at: SWEPT_FROM };
        Self { kept: Mutex::new(kept), keys: RandomState::new() }
    }

    /// Turns [`Target::Tasks`] into the targets that the caller needs permission for: the tools
    /// that made the tasks, and any other targets of the request. Any other target stays the same.
    ///
    /// An unknown task passes only by a `methods` rule. With such a rule, the operator says that
    /// the upstream protects its tasks. Another caller's task never passes (attack 136).
    ///
    /// # Errors
    /// [`Refusal::UnknownTask`], the same for another caller's task and for a task that never
    /// existed.
    pub(in crate::inbound) fn resolve(
        &self,
        server: &Server,
        caller: &Caller,
        target: Target,
        now: Now,
    ) -> Result<Target, Refusal> {
        let Target::Tasks { method, ids, resources } = target else { return Ok(target) };
        // A subscription to a task returns the same data as `tasks/get`, and no rule can name a
        // subscription.
        let method = if method == method::SUBSCRIBE { Text::from("tasks/get") } else { method };
        let is_guarded = names_method(&server.policy, &method);
        let mut parts = Vec::with_capacity(ids.len() + 2);
        // A rule for the method always counts: it may deny a call that the rule for the tool
        // allows.
        parts.extend(is_guarded.then_some(Target::Method(method)));
        for id in &ids {
            match self.owner_of(&server.series.name, caller, id, now) {
                TaskOwner::Own(tool) => parts.push(Target::Tool(tool)),
                TaskOwner::Unknown if is_guarded => {}
                TaskOwner::Other | TaskOwner::Unknown => return Err(Refusal::UnknownTask),
            }
        }
        if !resources.is_empty() {
            parts.push(Target::Resources(resources));
        }
        Ok(Target::Several(parts))
    }

    /// Checks that the caller may make another task.
    ///
    /// # Errors
    /// [`Refusal::TooManyTasks`].
    pub(in crate::inbound) fn check(&self, server: &ServerName, caller: &Caller, now: Now) -> Result<(), Refusal> {
        let owner = self.caller_key(server, caller);
        let mut kept = self.lock();
        if kept.made.count(owner) < TASKS_PER_CALLER_MAX {
            return Ok(());
        }
        kept.made.retain_of(owner, |made| made.until > now.mono);
        if kept.made.count(owner) < TASKS_PER_CALLER_MAX { Ok(()) } else { Err(Refusal::TooManyTasks) }
    }

    /// The tool that made a task of the caller.
    pub(in crate::inbound) fn tool_of(&self, server: &ServerName, caller: &Caller, id: &str, now: Now) -> Option<Text> {
        match self.owner_of(server, caller, id, now) {
            TaskOwner::Own(tool) => Some(tool),
            TaskOwner::Other | TaskOwner::Unknown => None,
        }
    }

    fn owner_of(&self, server: &ServerName, caller: &Caller, id: &str, now: Now) -> TaskOwner {
        let (caller, key) = (self.caller_key(server, caller), self.key(server, id));
        match self.lock().made.find(key) {
            Some((_, made)) if made.until <= now.mono => TaskOwner::Unknown,
            Some((by, made)) if by == caller && !made.disputed => TaskOwner::Own(made.tool.clone()),
            Some(_) => TaskOwner::Other,
            None => TaskOwner::Unknown,
        }
    }

    /// Stores a task that a call of `tool` has made.
    ///
    /// A task id that the upstream assigns twice has no owner until it expires. If the first caller
    /// kept it, they could read the second caller's result; if the second caller got it, a client
    /// could trick an upstream into handing over tasks. The same is true for two tools of one
    /// caller, because one tool may need more permission than the other.
    pub(in crate::inbound) fn remember(
        &self,
        server: &ServerName,
        caller: &Caller,
        tool: &Text,
        task: &Task,
        now: Now,
    ) {
        let (caller, key) = (self.caller_key(server, caller), self.key(server, &task.id));
        let until = now.mono.saturating_add(task.ttl.map_or(TASK_AGE_MAX, |ttl| ttl.min(TASK_AGE_MAX)));
        let mut kept = self.lock();
        if let Some((by, made)) = kept.made.find_mut(key)
            && made.until > now.mono
        {
            made.disputed |= by != caller || made.tool != *tool;
            made.until = made.until.max(until);
            return;
        }
        if kept.made.len() >= kept.swept_at {
            kept.made.retain(|made| made.until > now.mono);
            kept.swept_at = SWEPT_FROM.max(kept.made.len() * 2);
        }
        kept.made.put(caller, key, Made { tool: tool.clone(), until, disputed: false });
    }

    fn caller_key(&self, server: &ServerName, caller: &Caller) -> u64 {
        owner(&self.keys, server, caller)
    }

    fn key(&self, server: &ServerName, id: &str) -> u64 {
        self.keys.hash_one(("task", server.as_str(), id))
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
