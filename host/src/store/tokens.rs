//! Tokens in the ledger: added by an operator, spent with the certificate they were given for.

use std::path::Path;

use minipki_core::cert::Id;
use minipki_core::text::UnixTime;
use rusqlite::{Connection, ErrorCode};

use super::schema::{self, Owner};
use super::{LedgerReader, StoreError};
use crate::ca::ports::{Entry, LedgerError, TokenHash};

/// Adds tokens to a ledger, also while a server issues from it.
pub struct TokenBook(Connection);

impl TokenBook {
    /// Opens the ledger of `owner` in `folder`; makes it if it is not there.
    ///
    /// # Errors
    /// [`StoreError`] for a ledger of another CA, of a newer schema, or readable by others.
    pub fn open(folder: &Path, owner: &Owner) -> Result<Self, StoreError> {
        schema::open_to_write(folder, owner).map(Self)
    }

    /// Adds a token for `subject` that can be used until `expires`, inclusive. It is on the disk
    /// when this returns, and a running server honours it from then on.
    ///
    /// # Errors
    /// [`StoreError::TokenExists`] if the very same token was added before.
    pub fn add(&mut self, token: TokenHash, subject: Id<'_>, expires: UnixTime) -> Result<(), StoreError> {
        let added = self.0.execute(
            "INSERT INTO tokens (hash, subject_id, expires) VALUES (?1, ?2, ?3)",
            (token.as_bytes(), subject.as_str(), expires.get() as i64),
        );
        match added {
            Err(e) if e.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
                Err(StoreError::TokenExists)
            }
            other => Ok(other.map(drop)?),
        }
    }
}

impl LedgerReader {
    /// The tokens of `subject` that are neither spent nor expired at `now`.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`].
    pub fn live_tokens(&self, subject: Id<'_>, now: UnixTime) -> Result<Vec<TokenHash>, StoreError> {
        live(self.connection(), subject, now)
    }
}

pub(super) fn live(
    connection: &Connection,
    subject: Id<'_>,
    now: UnixTime,
) -> Result<Vec<TokenHash>, StoreError> {
    let mut query = connection.prepare_cached(
        "SELECT hash FROM tokens WHERE subject_id = ?1 AND expires >= ?2 AND spent_on IS NULL",
    )?;
    let rows =
        query.query_map((subject.as_str(), now.get() as i64), |row| row.get(0).map(TokenHash::from_bytes))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Spends the token of `entry` on the certificate in row `id`.
pub(super) fn spend(
    connection: &Connection,
    entry: &Entry<'_>,
    id: i64,
    now: UnixTime,
) -> Result<(), LedgerError> {
    let Some(token) = entry.token else { return Ok(()) };
    let spent = connection
        .prepare_cached(
            "UPDATE tokens SET spent_on = ?1
             WHERE hash = ?2 AND subject_id = ?3 AND expires >= ?4 AND spent_on IS NULL",
        )
        .and_then(|mut update| {
            update.execute((id, token.as_bytes(), entry.subject_id.as_str(), now.get() as i64))
        })
        .map_err(StoreError::from)?;
    if spent == 1 { Ok(()) } else { Err(LedgerError::TokenSpent(entry.subject_id.as_str().to_owned())) }
}
