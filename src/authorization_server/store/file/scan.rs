//! Goes through the file entry by entry.

use std::time::Duration;

use rusqlite::params;

use super::{File, count, millis};
use crate::{
    authorization_server::store::{batch::Batch, fault::StoreFault, kind::EntryKind},
    base::limits::authorization_server::STORE_LIST_BATCH,
};

const SCAN: &str = "SELECT key, value FROM entry WHERE kind = ?1 AND key > ?2 AND until > ?3 ORDER BY key LIMIT ?4";

impl File {
    /// Entries in the order of their keys, after `from`.
    pub(crate) async fn scan(&self, now: Duration, kind: EntryKind, from: String) -> Result<Batch, StoreFault> {
        let entries: Vec<(String, Vec<u8>)> = self
            .work(move |file| {
                let mut statement = file.prepare(SCAN)?;
                let bounds = params![kind.name(), from, millis(now), count(STORE_LIST_BATCH)];
                let rows = statement.query_map(bounds, |row| Ok((row.get(0)?, row.get(1)?)))?;
                rows.collect()
            })
            .await?;
        let next = entries.last().filter(|_| entries.len() >= STORE_LIST_BATCH).map(|(key, _)| key.clone());
        Ok((entries, next))
    }
}
