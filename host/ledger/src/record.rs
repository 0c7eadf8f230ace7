//! Recording: inserts certificates into the ledger, spends their tokens, and revokes what they supersede.

use std::path::Path;

use getrandom::SysRng;
use minipki_core::keys::Fingerprint;
use minipki_core::time::UnixTime;
use minipki_core::trust::{RevocationReason, Serial};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::identity::{Instance, Owner};
use super::open::{self, time};
use super::rows::row_error;
use super::{FILE, StoreError, chains, facts, guard, owner, publication, revoke, serials};
use minipki_ca::Publication;
use minipki_ca::ports::{
    CertificateFormat, KeyChain, LedgerError, NewCertificate, RENEWAL, Recorder, RequestFacts, RequestHash,
    RevocationBook, RevocationChange, RevocationError, RevocationOutcome,
};

/// Records certificates and revokes certificates, also while a server issues from the ledger.
///
/// It does not change the state that `guard` checks. So a ledger that was replaced by an older copy is not detected if
/// only these certificates are missing.
pub struct SqliteRecorder {
    connection: Connection,
    owner: Owner,
}

impl SqliteRecorder {
    /// Opens the ledger of `owner` in `folder`.
    ///
    /// # Errors
    /// [`StoreError`] for a ledger that is missing, of another CA, of another schema, or readable by others.
    pub fn open(folder: &Path, owner: &Owner, now: UnixTime) -> Result<Self, StoreError> {
        let connection = open::open_to_write(folder, owner)?;
        let latest = Instance::read(&connection).map_err(|error| error.in_ledger(&connection))?.latest;
        guard::check_clock(Path::new(connection.path().unwrap_or(FILE)), latest, now)?;
        Ok(Self { connection, owner: owner.clone() })
    }

    /// Runs `work` in one transaction. An error changes nothing.
    fn in_transaction<T>(
        &mut self,
        work: impl FnOnce(&Transaction<'_>) -> Result<Result<T, LedgerError>, StoreError>,
    ) -> Result<T, LedgerError> {
        let run = || {
            let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let result = work(&transaction)?;
            if result.is_ok() {
                transaction.commit()?;
            }
            Ok::<_, StoreError>(result)
        };
        let result = run();
        result.map_err(|error| error.in_ledger(&self.connection))?
    }
}

impl Recorder for SqliteRecorder {
    fn reserve(&mut self, count: usize, format: CertificateFormat) -> Result<Vec<Serial>, LedgerError> {
        self.in_transaction(|transaction| serials::reserve(transaction, &mut SysRng, count, format).map(Ok))
    }

    fn request_facts(&mut self, hash: RequestHash, subject_key: &[u8]) -> Result<RequestFacts, LedgerError> {
        facts::of_request(&mut self.connection, hash, subject_key)
            .map_err(|error| row_error(&self.connection, error))
    }

    fn publication(&mut self) -> Result<Publication, LedgerError> {
        publication::read(&self.connection).map_err(|error| row_error(&self.connection, error))
    }

    fn chain(&mut self, key: Fingerprint) -> Result<KeyChain, LedgerError> {
        chains::of(&self.connection, key).map_err(|error| row_error(&self.connection, error))
    }

    fn set_chain(&mut self, key: Fingerprint, chain: Option<&[u8]>) -> Result<(), LedgerError> {
        self.in_transaction(|transaction| chains::set(transaction, key, chain).map(Ok))
    }

    fn record(&mut self, certificates: &[NewCertificate<'_>], now: UnixTime) -> Result<(), LedgerError> {
        let owner = self.owner.clone();
        self.in_transaction(|transaction| {
            // The certificates are by the key of this owner.
            owner::check_owner(transaction, Path::new(transaction.path().unwrap_or(FILE)), &owner)?;
            let latest = time(Instance::read(transaction)?.latest);
            Ok(record_all(transaction, certificates, now, now.max(latest))?.map(drop))
        })
    }
}

impl RevocationBook for SqliteRecorder {
    fn revoke(
        &mut self,
        changes: &[RevocationChange],
        now: UnixTime,
    ) -> Result<Vec<Result<RevocationOutcome, RevocationError>>, LedgerError> {
        self.in_transaction(|transaction| revoke::revoke_all(transaction, changes, now).map(Ok))
    }
}

/// Records `certificates`, issued at `now`, or returns the refusal of one of them. Tokens must be valid at `latest`.
/// Returns the row number of the last certificate, if there is one.
pub(super) fn record_all(
    transaction: &Transaction<'_>,
    certificates: &[NewCertificate<'_>],
    now: UnixTime,
    latest: UnixTime,
) -> Result<Result<Option<i64>, LedgerError>, StoreError> {
    // Checked before the first change: two certificates of a batch may supersede the same one.
    for certificate in certificates {
        if let Some(refusal) = refused_meanwhile(transaction, certificate, now)? {
            return Ok(Err(refusal));
        }
    }
    let mut last = None;
    for certificate in certificates {
        let Some(id) = insert(transaction, certificate, now)? else {
            return Ok(Err(LedgerError::NotReserved(certificate.serial)));
        };
        if !spend(transaction, certificate, id, latest)? {
            return Ok(Err(LedgerError::TokenSpent(certificate.subject_id.into())));
        }
        if let (true, Some(renewed)) = (certificate.supersede, certificate.renews) {
            let change = RevocationChange::new(renewed, RevocationReason::Superseded, RENEWAL);
            revoke::revoke_all(transaction, &[change], now)?;
        }
        last = Some(id);
    }
    Ok(Ok(last))
}

/// The refusal of a certificate, if a revocation, a hold or another certificate after the decision forbids it.
fn refused_meanwhile(
    connection: &Connection,
    certificate: &NewCertificate<'_>,
    now: UnixTime,
) -> Result<Option<LedgerError>, StoreError> {
    if let Some(renewed) = certificate.renews
        && !revoke::is_unrevoked(connection, renewed)?
    {
        return Ok(Some(LedgerError::Revoked(renewed)));
    }
    let (subject, is_json) = (certificate.subject_id, certificate.format == CertificateFormat::Json);
    if let Some(request) = certificate.request
        && facts::newest_answer(connection, request.hash)? != request.earlier
    {
        return Ok(Some(LedgerError::AnsweredMeanwhile(subject.into())));
    }
    if !is_json && certificate.request.is_none() {
        return Ok(None);
    }
    if facts::is_compromised(connection, certificate.subject_key, certificate.renews)? {
        return Ok(Some(LedgerError::KeyCompromised(subject.into())));
    }
    let held = is_json && facts::keeps_name(connection, subject, now)?;
    Ok(held.then(|| LedgerError::NameHeld(subject.into())))
}

/// Moves a reserved serial number to its certificate. Returns the row of the certificate, or `None` if the serial
/// number is not reserved.
fn insert(
    transaction: &Transaction<'_>,
    certificate: &NewCertificate<'_>,
    now: UnixTime,
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
    let mut issued = transaction
        .prepare_cached("INSERT INTO issued (id, issued, renews, lifetime) VALUES (?1, ?2, ?3, ?4)")?;
    let lifetime = certificate.lifetime.map(|seconds| i64::try_from(seconds).unwrap_or(i64::MAX));
    issued.execute((id, now.get() as i64, certificate.renews.map(Serial::to_be_bytes), lifetime))?;
    if let Some(request) = certificate.request {
        let mut answers = transaction.prepare_cached("INSERT INTO requests (id, hash) VALUES (?1, ?2)")?;
        answers.execute((id, request.hash.as_bytes()))?;
    }
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
