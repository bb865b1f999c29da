//! Checks passwords on a few threads of low priority, so that calls to MCP servers do not wait.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use argon2::{Algorithm, Argon2, Block, Params, Version, password_hash::phc::PasswordHash};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use tokio::sync::oneshot;

use crate::{
    base::{
        limits::authorization_server::{PASSWORD_THREADS_MAX, PASSWORDS_WAITING_MAX},
        secret::Secret,
    },
    decide::authorization_server::account_name::normal,
};

#[cfg(test)]
mod tests;

/// How much nicer than the rest of the process the threads are (`nice(2)`): where all cores are in
/// use they get about a tenth of one.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;
/// So many checks of known browsers go before one of another browser that waits.
const KNOWN_IN_A_ROW_MAX: usize = 3;

/// How long a thread keeps its memory after a check.
const MEMORY_KEPT: Duration = Duration::from_secs(5);
/// The longest output of an argon2 hash in the PHC format.
const OUTPUT_BYTES_MAX: usize = 64;

/// In which line a check waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordLine {
    /// The browser has signed in to the account before: a flood of guesses does not delay it.
    Known,
    /// Any other browser.
    Other,
}

/// Too many checks wait already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineFull;

/// The threads, which begin when they are needed and end with their owner, each after the check
/// that it is at.
#[derive(Default)]
pub struct PasswordThreads(Arc<Shared>);

#[derive(Default)]
struct Shared {
    lines: Mutex<Lines>,
    came: Condvar,
}

#[derive(Default)]
struct Lines {
    known: VecDeque<Check>,
    others: VecDeque<Check>,
    known_in_a_row: usize,
    threads: usize,
    idle: usize,
    has_ended: bool,
}

struct Check {
    hash: Box<str>,
    password: Secret,
    /// Closed if the browser has left: then the check is not made.
    answer: oneshot::Sender<bool>,
}

impl PasswordThreads {
    /// Whether the password is the one of `hash`. Each check that waits holds one of `places`: each
    /// line takes at most half of them, and both together three quarters, so that tokens are issued
    /// and keys are read meanwhile.
    ///
    /// # Errors
    /// [`LineFull`].
    pub async fn check(
        &self,
        hash: &str,
        password: &Secret,
        line: PasswordLine,
        places: u32,
    ) -> Result<bool, LineFull> {
        let (answer, answered) = oneshot::channel();
        let check = Check { hash: hash.into(), password: password.clone(), answer };
        self.0.enter(check, line, places)?;
        if let Err(cause) = self.0.staff() {
            tracing::error!(%cause, "no thread for checking passwords");
        }
        self.0.came.notify_one();
        // Without an answer the check has failed: the password is not accepted.
        Ok(answered.await.unwrap_or(false))
    }
}

impl Drop for PasswordThreads {
    fn drop(&mut self) {
        self.0.lock().has_ended = true;
        self.0.came.notify_all();
    }
}

impl Shared {
    fn enter(&self, check: Check, line: PasswordLine, places: u32) -> Result<(), LineFull> {
        let mut lines = self.lock();
        lines.known.retain(|waiting| !waiting.answer.is_closed());
        lines.others.retain(|waiting| !waiting.answer.is_closed());
        let (places, waiting) = (places as usize, lines.known.len() + lines.others.len());
        let line = match line {
            PasswordLine::Known => &mut lines.known,
            PasswordLine::Other => &mut lines.others,
        };
        let most = PASSWORDS_WAITING_MAX.min(places.div_ceil(2));
        if line.len() >= most || waiting >= places.saturating_mul(3).div_ceil(4) {
            return Err(LineFull);
        }
        line.push_back(check);
        Ok(())
    }

    /// Begins one more thread, if all are at work and there may be more.
    fn staff(self: &Arc<Self>) -> std::io::Result<()> {
        let most = threads_max(thread::available_parallelism().map_or(1, usize::from));
        let mut lines = self.lock();
        if lines.threads >= most || lines.idle > 0 {
            return Ok(());
        }
        let place = Place(Arc::clone(self));
        thread::Builder::new().name("password".to_owned()).spawn(move || place.work())?;
        lines.threads += 1;
        Ok(())
    }

    /// The next check; `None` at the end. The memory is given back if none comes for a while.
    fn next(&self, memory: &mut CheckMemory) -> Option<Check> {
        let mut lines = self.lock();
        loop {
            if lines.has_ended {
                return None;
            }
            if let Some(check) = lines.next() {
                return Some(check);
            }
            lines.idle += 1;
            lines = if memory.0.is_empty() {
                self.came.wait(lines).unwrap_or_else(PoisonError::into_inner)
            } else {
                let (lines, waited) =
                    self.came.wait_timeout(lines, MEMORY_KEPT).unwrap_or_else(PoisonError::into_inner);
                if waited.timed_out() {
                    *memory = CheckMemory::default();
                }
                lines
            };
            lines.idle -= 1;
        }
    }

    /// A poisoned lock is usable: no step leaves the lines half changed.
    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lines {
    fn next(&mut self) -> Option<Check> {
        let turn_of_others = self.known_in_a_row >= KNOWN_IN_A_ROW_MAX && !self.others.is_empty();
        if let Some(check) = (!turn_of_others).then(|| self.known.pop_front()).flatten() {
            self.known_in_a_row += 1;
            return Some(check);
        }
        self.known_in_a_row = 0;
        self.others.pop_front()
    }
}

/// The place of one thread; free again when the thread ends, even by a panic.
struct Place(Arc<Shared>);

impl Place {
    fn work(&self) {
        lower_priority();
        let mut memory = CheckMemory::default();
        while let Some(check) = self.0.next(&mut memory) {
            if !check.answer.is_closed() {
                let _ = check.answer.send(matches(&check.hash, check.password.expose(), &mut memory));
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut lines = self.0.lock();
        lines.threads = lines.threads.saturating_sub(1);
    }
}

/// On Linux the priority is that of the calling thread; elsewhere it is that of the process, which
/// stays as it is.
fn lower_priority() {
    #[cfg(target_os = "linux")]
    if let Err(cause) = rustix::process::setpriority_process(None, NICENESS) {
        tracing::warn!(%cause, "passwords are checked at normal priority");
    }
}

/// How many threads check passwords. One core is left to the calls: a thread of low priority, too,
/// keeps its core for some milliseconds after another wants it.
fn threads_max(cores: usize) -> usize {
    cores.saturating_sub(1).clamp(1, PASSWORD_THREADS_MAX)
}

/// The memory in which argon2 works, kept from one check to the next: each new allocation costs
/// thousands of page faults, which hold up every other thread of the process.
#[derive(Default)]
struct CheckMemory(Vec<Block>);

fn matches(hash: &str, password: &[u8], memory: &mut CheckMemory) -> bool {
    // Hashes that cost too much were refused when the configuration was read.
    let Ok(hash) = PasswordHash::new(hash) else { return false };
    let mut is_right = |password: &[u8]| memory.is_of(password, &hash).unwrap_or(false);
    let normal = std::str::from_utf8(password).map(normal).unwrap_or_default();
    // Earlier releases hashed a password as it was typed. Whether it is checked twice depends on
    // the typed password alone, so the time says nothing about the account.
    is_right(normal.as_bytes()) || (normal.as_bytes() != password && is_right(password))
}

impl CheckMemory {
    /// Whether `hash` is of this password, compared in constant time; `None` if it cannot be
    /// computed.
    fn is_of(&mut self, password: &[u8], hash: &PasswordHash) -> Option<bool> {
        let (salt, expected) = (hash.salt.as_ref()?, hash.hash.as_ref()?);
        let algorithm = Algorithm::try_from(hash.algorithm.as_str()).ok()?;
        let version = hash.version.map_or(Ok(Version::default()), Version::try_from).ok()?;
        let params = Params::try_from(hash).ok()?;
        let mut output = [0; OUTPUT_BYTES_MAX];
        let output = output.get_mut(..expected.len())?;
        self.0.resize(params.block_count(), Block::default());
        let argon2 = Argon2::new(algorithm, version, params);
        argon2.hash_password_into_with_memory(password, salt.as_ref(), output, &mut self.0).ok()?;
        Some(verify_slices_are_equal(output, expected.as_ref()).is_ok())
    }
}
