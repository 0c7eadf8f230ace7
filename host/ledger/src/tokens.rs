//! Tokens in the ledger: added by an operator, spent with the certificate they were given for.

use std::path::Path;

use minipki_core::cert::{Id, IdBuf};
use minipki_core::time::UnixTime;
use minipki_core::trust::Serial;
use rusqlite::{Connection, ErrorCode, Row};

use super::open::{self, Accept};
use super::schema::{Instance, Owner};
use super::{FILE, LedgerReader, StoreError, guard};
use minipki_ca::ports::{Entry, LedgerError, TokenHash};

/// Adds tokens to a ledger, also while a server issues from it.
pub struct TokenBook(Connection);

impl TokenBook {
    /// Opens the ledger of `owner` in `folder`.
    ///
    /// # Errors
    /// [`StoreError`] for a ledger that is missing, of another CA, of a newer schema, or readable by others.
    pub fn open(folder: &Path, owner: &Owner) -> Result<Self, StoreError> {
        open::open_to_write(folder, owner, Accept::default()).map(Self)
    }

    /// Checks that the machine's clock is not behind the ledger's newest time: a token would have expired already.
    fn check_clock(&self, now: UnixTime) -> Result<(), StoreError> {
        let latest = Instance::read(&self.0).map_err(|e| e.in_ledger(&self.0))?.latest;
        guard::check_clock(Path::new(self.0.path().unwrap_or(FILE)), latest, now)
    }

    /// Adds a token for `subject` that can be used until `expires`, inclusive, while the machine's clock shows `now`. It
    /// is on the disk when this returns, and a running server honours it from then on.
    ///
    /// # Errors
    /// [`StoreError::TokenExists`] if the very same token was added before; [`StoreError::ClockBehind`] and
    /// [`StoreError::ClockUnset`] for a clock by which `expires` may be wrong.
    pub fn add(
        &mut self,
        token: TokenHash,
        subject: Id<'_>,
        expires: UnixTime,
        now: UnixTime,
    ) -> Result<(), StoreError> {
        self.check_clock(now)?;
        let added = self.0.execute(
            "INSERT INTO tokens (hash, subject_id, expires, id) VALUES (?1, ?2, ?3, 1 + abs(random() % 9007199254740991))",
            (token.as_bytes(), subject.as_str(), expires.get() as i64),
        );
        match added {
            Err(e) if e.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
                Err(StoreError::TokenExists)
            }
            other => other.map(drop).map_err(|e| StoreError::from(e).in_ledger(&self.0)),
        }
    }

    /// Revokes the token of this number: from then on no proof can be made with it.
    ///
    /// # Errors
    /// [`StoreError::TokenNotLive`] if there is none that could still be used.
    pub fn revoke(&mut self, id: u64, now: UnixTime) -> Result<(), StoreError> {
        let revoked = self.0.execute(
            "UPDATE tokens SET revoked = ?1 WHERE id = ?2 AND spent_on IS NULL AND revoked IS NULL",
            (now.get() as i64, i64::try_from(id).unwrap_or(0)),
        );
        let revoked = revoked.map_err(|e| StoreError::from(e).in_ledger(&self.0))?;
        if revoked == 1 { Ok(()) } else { Err(StoreError::TokenNotLive) }
    }
}

/// One token, as a list shows it: neither its text, which the ledger does not have, nor its hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRecord {
    /// The number it is spoken of by: random, and no secret.
    pub id: u64,
    /// Whom it is for.
    pub subject_id: IdBuf,
    /// Until when it can be used, inclusive.
    pub expires: UnixTime,
    /// What became of it.
    pub state: TokenState,
}

/// What became of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenState {
    /// Nothing: it can be used until it expires.
    Unused,
    /// It was spent on the certificate with this serial number.
    Spent(Serial),
    /// It was revoked at this time.
    Revoked(UnixTime),
}

impl LedgerReader {
    /// At most `limit` tokens, those that expire last first; after the one with this end and
    /// number, if one is given.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`], or [`StoreError::Damaged`] for a row changed from outside.
    pub fn tokens(
        &self,
        after: Option<(UnixTime, u64)>,
        limit: usize,
    ) -> Result<Vec<TokenRecord>, StoreError> {
        self.read_tokens(after, limit).map_err(|e| e.in_ledger(self.connection()))
    }

    fn read_tokens(
        &self,
        after: Option<(UnixTime, u64)>,
        limit: usize,
    ) -> Result<Vec<TokenRecord>, StoreError> {
        let (end, id) = after.map_or((i64::MAX, 0), |(end, id)| (end.get() as i64, id as i64));
        let mut query = self.connection().prepare_cached(
            "SELECT tokens.id, tokens.subject_id, expires, serial, revoked
             FROM tokens LEFT JOIN certificates ON certificates.id = spent_on
             WHERE expires <= ?1 AND (expires < ?1 OR tokens.id < ?2)
             ORDER BY expires DESC, tokens.id DESC LIMIT ?3",
        )?;
        let mut rows = query.query((end, id, limit as i64))?;
        let mut tokens = Vec::new();
        while let Some(row) = rows.next()? {
            tokens.push(parse(row)?);
        }
        Ok(tokens)
    }

    /// The tokens of `subject` that are neither spent nor expired at `now`.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`].
    pub fn live_tokens(&self, subject: Id<'_>, now: UnixTime) -> Result<Vec<TokenHash>, StoreError> {
        live(self.connection(), subject, now).map_err(|e| e.in_ledger(self.connection()))
    }
}

fn parse(row: &Row<'_>) -> Result<TokenRecord, StoreError> {
    const DAMAGED: StoreError = StoreError::Damaged("token");
    let number = |column| -> Result<Option<u64>, StoreError> {
        Ok(row.get::<_, Option<i64>>(column)?.map(i64::unsigned_abs))
    };
    let time = |number| UnixTime::new(number).map_err(|_| DAMAGED);
    let state = match (number(3)?, number(4)?) {
        (Some(serial), _) => TokenState::Spent(Serial::new(serial).map_err(|_| DAMAGED)?),
        (None, Some(at)) => TokenState::Revoked(time(at)?),
        (None, None) => TokenState::Unused,
    };
    Ok(TokenRecord {
        id: number(0)?.ok_or(DAMAGED)?,
        subject_id: Id::new(row.get_ref(1)?.as_str().map_err(|_| DAMAGED)?)
            .map(IdBuf::from)
            .map_err(|_| DAMAGED)?,
        expires: time(number(2)?.ok_or(DAMAGED)?)?,
        state,
    })
}

pub(super) fn live(
    connection: &Connection,
    subject: Id<'_>,
    now: UnixTime,
) -> Result<Vec<TokenHash>, StoreError> {
    let mut query = connection.prepare_cached(
        "SELECT hash FROM tokens WHERE subject_id = ?1 AND expires >= ?2 AND spent_on IS NULL AND revoked IS NULL",
    )?;
    let rows =
        query.query_map((subject.as_str(), now.get() as i64), |row| row.get(0).map(TokenHash::from_bytes))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The tokens that a proof of `subject` with this key may have been made with: the live ones, and those spent on a
/// certificate for the key, as long as the newest certificate of the subject is for the key too.
pub(super) fn usable(
    connection: &Connection,
    subject: Id<'_>,
    subject_key: &[u8; 32],
    now: UnixTime,
) -> Result<Vec<TokenHash>, StoreError> {
    let mut query = connection.prepare_cached(
        "SELECT hash FROM tokens
         WHERE subject_id = ?1 AND expires >= ?2 AND revoked IS NULL AND (spent_on IS NULL OR (
             EXISTS (SELECT 1 FROM certificates
                 WHERE id = spent_on AND subject_key = ?3 AND not_after >= ?2)
             AND ?3 = (SELECT subject_key FROM certificates
                 WHERE certificates.subject_id = ?1 AND not_after >= ?2 ORDER BY id DESC LIMIT 1)))",
    )?;
    let parameters = (subject.as_str(), now.get() as i64, subject_key);
    let rows = query.query_map(parameters, |row| Ok(row.get(0).map(TokenHash::from_bytes)))?;
    let bad = |_| StoreError::BadRow(format!("for {} a token", subject.as_str()));
    rows.map(|row| row?.map_err(bad)).collect()
}

/// Whether `token` can be spent on a certificate of `subject`.
pub(super) fn is_live(
    connection: &Connection,
    subject: Id<'_>,
    token: TokenHash,
    now: UnixTime,
) -> Result<bool, StoreError> {
    let mut query = connection.prepare_cached(
        "SELECT 1 FROM tokens
         WHERE hash = ?1 AND subject_id = ?2 AND expires >= ?3 AND spent_on IS NULL AND revoked IS NULL",
    )?;
    Ok(query.exists((token.as_bytes(), subject.as_str(), now.get() as i64))?)
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
             WHERE hash = ?2 AND subject_id = ?3 AND expires >= ?4 AND spent_on IS NULL AND revoked IS NULL",
        )
        .and_then(|mut update| {
            update.execute((id, token.as_bytes(), entry.subject_id.as_str(), now.get() as i64))
        })
        .map_err(StoreError::from)?;
    if spent == 1 { Ok(()) } else { Err(LedgerError::TokenSpent(entry.subject_id.as_str().to_owned())) }
}
