//! Recording: inserts certificates into the table `certificates` and spends their tokens.

use std::path::Path;

use getrandom::SysRng;
use minipki_core::time::UnixTime;
use minipki_core::trust::Serial;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::identity::{Instance, Owner};
use super::open::{self, time};
use super::{FILE, StoreError, guard, serials};
use minipki_ca::ports::{CertificateFormat, LedgerError, NewCertificate, Recorder};

/// Records certificates, also while a server issues from the ledger.
///
/// It does not change the state that `guard` checks. So a ledger that was replaced by an older copy is not detected if
/// only these certificates are missing.
pub struct SqliteRecorder(Connection);

impl SqliteRecorder {
    /// Opens the ledger of `owner` in `folder`.
    ///
    /// # Errors
    /// [`StoreError`] for a ledger that is missing, of another CA, of another schema, or readable by others.
    pub fn open(folder: &Path, owner: &Owner, now: UnixTime) -> Result<Self, StoreError> {
        let connection = open::open_to_write(folder, owner)?;
        let latest = Instance::read(&connection).map_err(|error| error.in_ledger(&connection))?.latest;
        guard::check_clock(Path::new(connection.path().unwrap_or(FILE)), latest, now)?;
        Ok(Self(connection))
    }

    /// Runs `work` in one transaction. An error changes nothing.
    fn in_transaction<T>(
        &mut self,
        work: impl FnOnce(&Transaction<'_>) -> Result<Result<T, LedgerError>, StoreError>,
    ) -> Result<T, LedgerError> {
        let run = || {
            let transaction = self.0.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let result = work(&transaction)?;
            if result.is_ok() {
                transaction.commit()?;
            }
            Ok::<_, StoreError>(result)
        };
        let result = run();
        result.map_err(|error| error.in_ledger(&self.0))?
    }
}

impl Recorder for SqliteRecorder {
    fn reserve(&mut self, count: usize, format: CertificateFormat) -> Result<Vec<Serial>, LedgerError> {
        self.in_transaction(|transaction| serials::reserve(transaction, &mut SysRng, count, format).map(Ok))
    }

    fn record(&mut self, certificates: &[NewCertificate<'_>], now: UnixTime) -> Result<(), LedgerError> {
        self.in_transaction(|transaction| {
            let latest = time(Instance::read(transaction)?.latest);
            Ok(record_all(transaction, certificates, now.max(latest))?.map(drop))
        })
    }
}

/// Records `certificates`, or returns the refusal of one of them. Tokens must be valid at `now`. Returns the row number
/// of the last certificate, if there is one.
pub(super) fn record_all(
    transaction: &Transaction<'_>,
    certificates: &[NewCertificate<'_>],
    now: UnixTime,
) -> Result<Result<Option<i64>, LedgerError>, StoreError> {
    let mut last = None;
    for certificate in certificates {
        let Some(id) = insert(transaction, certificate)? else {
            return Ok(Err(LedgerError::NotReserved(certificate.serial)));
        };
        if !spend(transaction, certificate, id, now)? {
            return Ok(Err(LedgerError::TokenSpent(certificate.subject_id.into())));
        }
        last = Some(id);
    }
    Ok(Ok(last))
}

/// Moves a reserved serial number to its certificate. Returns the row of the certificate, or `None` if the serial
/// number is not reserved.
fn insert(
    transaction: &Transaction<'_>,
    certificate: &NewCertificate<'_>,
) -> Result<Option<i64>, StoreError> {
    let serial = certificate.serial.to_be_bytes();
    let mut delete = transaction.prepare_cached("DELETE FROM reserved WHERE serial = ?1")?;
    if delete.execute([serial])? != 1 {
        return Ok(None);
    }
    let (format, content) = match certificate.format {
        CertificateFormat::Json => (0, ValueRef::Text(certificate.certificate)),
        CertificateFormat::X509 => (1, ValueRef::Blob(certificate.certificate)),
    };
    let mut insert = transaction.prepare_cached(
        "INSERT INTO certificates
             (serial, subject_id, subject_key, not_before, not_after, format, certificate)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    let id = insert.insert((
        serial,
        certificate.subject_id.as_str(),
        certificate.subject_key,
        certificate.validity.not_before().get() as i64,
        certificate.validity.not_after().get() as i64,
        format,
        ToSqlOutput::Borrowed(content),
    ))?;
    Ok(Some(id))
}

/// Spends the token of `certificate` on row `id`. Returns `false` if there is a token and it cannot be spent.
fn spend(
    transaction: &Transaction<'_>,
    certificate: &NewCertificate<'_>,
    id: i64,
    now: UnixTime,
) -> Result<bool, StoreError> {
    let Some(token) = certificate.token else { return Ok(true) };
    let mut update = transaction.prepare_cached(
        "UPDATE tokens SET spent_on = ?1
         WHERE hash = ?2 AND subject_id = ?3 AND expires >= ?4 AND spent_on IS NULL AND revoked IS NULL",
    )?;
    let subject = certificate.subject_id.as_str();
    Ok(update.execute((id, token.as_bytes(), subject, now.get() as i64))? == 1)
}
