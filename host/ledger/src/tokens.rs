//! Tokens in the ledger for operators: add, list, revoke.

use std::path::Path;

use minipki_core::cert::{Id, IdBuf};
use minipki_core::time::UnixTime;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, OptionalExtension, Row};

use super::identity::{Instance, Owner};
use super::rows::serial;
use super::{FILE, StoreError, guard, open};
use minipki_ca::ports::{CertificateRecord, LedgerError, TokenBook, TokenHash, TokenRecord, TokenState};

/// Adds and revokes tokens, also while a server issues from the ledger.
pub struct SqliteTokens(Connection);

impl SqliteTokens {
    /// Opens the ledger of `owner` in `folder`.
    ///
    /// # Errors
    /// [`StoreError`] for a missing ledger, another CA, another schema, or permissions for other users.
    pub fn open(folder: &Path, owner: &Owner) -> Result<Self, StoreError> {
        open::open_to_write(folder, owner).map(Self)
    }

    /// Checks that the clock is not behind the ledger's newest time, which decides about the expiry of tokens.
    fn check_clock(&self, now: UnixTime) -> Result<(), StoreError> {
        let latest = Instance::read(&self.0).map_err(|e| e.in_ledger(&self.0))?.latest;
        guard::check_clock(Path::new(self.0.path().unwrap_or(FILE)), latest, now)
    }
}

impl TokenBook for SqliteTokens {
    fn add(
        &mut self,
        token: TokenHash,
        subject: Id<'_>,
        expires: UnixTime,
        lifetime: Option<u64>,
        now: UnixTime,
    ) -> Result<(), LedgerError> {
        self.check_clock(now)?;
        let added = self.0.execute(
            "INSERT INTO tokens (hash, subject_id, expires, lifetime, id)
             VALUES (?1, ?2, ?3, ?4, 1 + abs(random() % 9007199254740991))",
            (
                token.as_bytes(),
                subject.as_str(),
                expires.get() as i64,
                lifetime.map(|seconds| i64::try_from(seconds).unwrap_or(i64::MAX)),
            ),
        );
        match added {
            Err(e) if e.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
                Err(LedgerError::TokenExists)
            }
            other => Ok(other.map(drop).map_err(|e| StoreError::from(e).in_ledger(&self.0))?),
        }
    }

    fn revoke(&mut self, id: u64, now: UnixTime) -> Result<(), LedgerError> {
        let revoked = self.0.execute(
            "UPDATE tokens SET revoked = ?1 WHERE id = ?2 AND spent_on IS NULL AND revoked IS NULL",
            (now.get() as i64, i64::try_from(id).unwrap_or(0)),
        );
        let revoked = revoked.map_err(|e| StoreError::from(e).in_ledger(&self.0))?;
        if revoked == 1 { Ok(()) } else { Err(LedgerError::TokenNotLive) }
    }
}

/// See [`minipki_ca::ports::LedgerReader::list_tokens`].
pub(super) fn list(
    connection: &Connection,
    after: Option<(UnixTime, u64)>,
    limit: usize,
) -> Result<Vec<TokenRecord>, StoreError> {
    let place = after.map_or((i64::MAX, 0), |(end, id)| (end.get() as i64, id as i64));
    let part = "WHERE expires <= ?1 AND (expires < ?1 OR tokens.id < ?2)
         ORDER BY expires DESC, tokens.id DESC LIMIT ?3";
    page(connection, part, place, limit)
}

/// See [`minipki_ca::ports::LedgerReader::list_tokens_before`].
pub(super) fn list_before(
    connection: &Connection,
    (end, id): (UnixTime, u64),
    limit: usize,
) -> Result<Vec<TokenRecord>, StoreError> {
    let place = (end.get() as i64, id as i64);
    let part = "WHERE expires >= ?1 AND (expires > ?1 OR tokens.id > ?2)
         ORDER BY expires, tokens.id LIMIT ?3";
    let mut tokens = page(connection, part, place, limit)?;
    tokens.reverse();
    Ok(tokens)
}

/// At most `limit` tokens of one `part` of the table, beside the row with the end and the number in `place`.
fn page(
    connection: &Connection,
    part: &str,
    (end, id): (i64, i64),
    limit: usize,
) -> Result<Vec<TokenRecord>, StoreError> {
    let mut query = connection.prepare_cached(&format!(
        "SELECT tokens.id, tokens.subject_id, expires, serial, revoked, lifetime
         FROM tokens LEFT JOIN certificates ON certificates.id = spent_on {part}"
    ))?;
    let mut rows = query.query((end, id, i64::try_from(limit).unwrap_or(i64::MAX)))?;
    let mut tokens = Vec::new();
    while let Some(row) = rows.next()? {
        tokens.push(parse(row)?);
    }
    Ok(tokens)
}

/// See [`minipki_ca::ports::LedgerReader::token_of`]. Finds the token by its subject, which has an index.
pub(super) fn spent_on(
    connection: &Connection,
    certificate: &CertificateRecord,
) -> Result<Option<u64>, StoreError> {
    let mut query =
        connection.prepare_cached("SELECT id FROM tokens WHERE subject_id = ?1 AND spent_on = ?2 LIMIT 1")?;
    let subject = certificate.subject_id.as_id();
    let found = query.query_row((subject.as_str(), certificate.id as i64), |row| row.get::<_, i64>(0));
    Ok(found.optional()?.map(i64::unsigned_abs))
}

fn parse(row: &Row<'_>) -> Result<TokenRecord, StoreError> {
    const DAMAGED: StoreError = StoreError::Damaged("token");
    let number = |column| -> Result<Option<u64>, StoreError> {
        Ok(row.get::<_, Option<i64>>(column)?.map(i64::unsigned_abs))
    };
    let time = |number| UnixTime::new(number).map_err(|_| DAMAGED);
    let is_spent = row.get_ref(3)? != ValueRef::Null;
    let state = match number(4)? {
        _ if is_spent => TokenState::Spent(serial(row, 3).ok_or(DAMAGED)?),
        Some(at) => TokenState::Revoked(time(at)?),
        None => TokenState::Unused,
    };
    Ok(TokenRecord {
        id: number(0)?.ok_or(DAMAGED)?,
        subject_id: Id::new(row.get_ref(1)?.as_str().map_err(|_| DAMAGED)?)
            .map(IdBuf::from)
            .map_err(|_| DAMAGED)?,
        expires: time(number(2)?.ok_or(DAMAGED)?)?,
        lifetime: number(5)?,
        state,
    })
}
