//! Which caller made which task with which tool, so that what comes of it later is judged as the call was.

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
        limits::{TASK_AGE_MAX, TASKS_MAX, TASKS_PER_CALLER_MAX},
        names::ServerName,
        text::Text,
    },
    decide::{
        mcp::{
            target::{self, Target},
            task::Task,
        },
        policy::evaluate::names_method,
        refusal::Refusal,
        token::claims::Caller,
    },
    inbound::state::{
        per_caller::{self, Bounds, Shelf},
        server::Server,
    },
};

/// Tasks from which on those that have expired are swept out now and then.
const SWEPT_FROM: usize = 4_096;

/// The tasks of all callers, bounded for each (SPEC C-92).
pub struct Tasks {
    kept: Mutex<Kept>,
    keys: RandomState,
}

struct Kept {
    made: Shelf<Made>,
    /// The number of tasks at which the expired ones are swept out next.
    swept_at: usize,
}

struct Made {
    tool: Text,
    /// When it is forgotten, on the clock that never goes back.
    until: Duration,
    /// Two calls made it: whose result it holds cannot be told.
    disputed: bool,
}

/// Whose a task is, as one caller may know it.
#[derive(Debug, PartialEq)]
enum Whose {
    /// The caller's, made with this tool.
    Own(Text),
    /// Another's, or nobody can tell.
    Other,
    /// Not made here, or forgotten.
    Unknown,
}

impl Default for Tasks {
    fn default() -> Self {
        Self::bounded(Bounds { each: TASKS_PER_CALLER_MAX, all: TASKS_MAX })
    }
}

impl Tasks {
    fn bounded(bounds: Bounds) -> Self {
        let kept = Kept { made: Shelf::new(bounds), swept_at: SWEPT_FROM };
        Self { kept: Mutex::new(kept), keys: RandomState::new() }
    }

    /// Turns [`Target::Tasks`] into what the caller must be allowed for it: the tools that made the tasks, and what is named
    /// besides. Other targets stay.
    ///
    /// A task that was not made here passes by a `methods` rule alone: by it the operator says that the upstream guards its
    /// tasks. One that is known to be another's never passes (attack 136).
    ///
    /// # Errors
    /// [`Refusal::UnknownTask`], the same for another's task as for one that never was.
    pub(in crate::inbound) fn resolve(
        &self,
        server: &Server,
        caller: &Caller,
        target: Target,
        now: Now,
    ) -> Result<Target, Refusal> {
        let Target::Tasks { method, ids, resources } = target else { return Ok(target) };
        // Who hears of a task by a subscription learns what `tasks/get` tells, and no rule can name the subscription itself.
        let method = if method == target::SUBSCRIBE { Text::from("tasks/get") } else { method };
        let is_guarded = names_method(&server.policy, &method);
        let mut parts = Vec::with_capacity(ids.len() + 2);
        // A rule for the method is asked in any case: it may forbid what the tool's allows.
        parts.extend(is_guarded.then_some(Target::Method(method)));
        for id in &ids {
            match self.whose(&server.series.name, caller, id, now) {
                Whose::Own(tool) => parts.push(Target::Tool(tool)),
                Whose::Unknown if is_guarded => {}
                Whose::Other | Whose::Unknown => return Err(Refusal::UnknownTask),
            }
        }
        if !resources.is_empty() {
            parts.push(Target::Resources(resources));
        }
        Ok(Target::Several(parts))
    }

    /// Whether the caller may make another.
    ///
    /// # Errors
    /// [`Refusal::TooManyTasks`].
    pub(in crate::inbound) fn check(&self, server: &ServerName, caller: &Caller, now: Now) -> Result<(), Refusal> {
        let owner = self.owner(server, caller);
        let mut kept = self.lock();
        if kept.made.count(owner) < TASKS_PER_CALLER_MAX {
            return Ok(());
        }
        kept.made.retain_of(owner, |made| made.until > now.mono);
        if kept.made.count(owner) < TASKS_PER_CALLER_MAX { Ok(()) } else { Err(Refusal::TooManyTasks) }
    }

    /// The tool that made it, where it is the caller's.
    pub(in crate::inbound) fn tool_of(&self, server: &ServerName, caller: &Caller, id: &str, now: Now) -> Option<Text> {
        match self.whose(server, caller, id, now) {
            Whose::Own(tool) => Some(tool),
            Whose::Other | Whose::Unknown => None,
        }
    }

    fn whose(&self, server: &ServerName, caller: &Caller, id: &str, now: Now) -> Whose {
        let (owner, key) = (self.owner(server, caller), self.key(server, id));
        match self.lock().made.find(key) {
            Some((_, made)) if made.until <= now.mono => Whose::Unknown,
            Some((by, made)) if by == owner && !made.disputed => Whose::Own(made.tool.clone()),
            Some(_) => Whose::Other,
            None => Whose::Unknown,
        }
    }

    /// Remembers a task that a call of `tool` has made.
    ///
    /// An id that an upstream gives out twice is nobody's until it is forgotten: were it the first caller's, they would read
    /// the second's result; were it the second's, an upstream could be talked into handing tasks over. The same holds for one
    /// caller's calls of two tools, of which one may need more than the other.
    pub(in crate::inbound) fn remember(
        &self,
        server: &ServerName,
        caller: &Caller,
        tool: &Text,
        task: &Task,
        now: Now,
    ) {
        let (owner, key) = (self.owner(server, caller), self.key(server, &task.id));
        let until = now.mono.saturating_add(task.ttl.map_or(TASK_AGE_MAX, |ttl| ttl.min(TASK_AGE_MAX)));
        let mut kept = self.lock();
        if let Some((by, made)) = kept.made.find_mut(key)
            && made.until > now.mono
        {
            made.disputed |= by != owner || made.tool != *tool;
            made.until = made.until.max(until);
            return;
        }
        if kept.made.len() >= kept.swept_at {
            kept.made.retain(|made| made.until > now.mono);
            kept.swept_at = SWEPT_FROM.max(kept.made.len() * 2);
        }
        kept.made.put(owner, key, Made { tool: tool.clone(), until, disputed: false });
    }

    fn owner(&self, server: &ServerName, caller: &Caller) -> u64 {
        per_caller::owner(&self.keys, server, caller)
    }

    fn key(&self, server: &ServerName, id: &str) -> u64 {
        self.keys.hash_one(("task", server.as_str(), id))
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
