//! The state of a CA in one folder: its keys, its anchor and its ledger. The folder is made, opened to issue, backed up,
//! restored and checked as a whole. A change of the key changes all of it.

mod archive;
mod backup;
mod chain;
mod check;
mod create;
mod error;
mod parent;
mod restore;
mod rollover;
mod x509;

pub use backup::{Backup, backup};
pub use check::{Finding, Report, check};
pub use create::{Begun, Created, KeyChoice, begun, can_create, create, create_published, create_with};
pub use error::StateError;
pub use parent::{await_chain, certificate_request, install_chain};
pub use restore::{RestoreOptions, Restored, restore};
pub use rollover::{Finished, RolledOver, finish_rollover, rollover};
pub(super) use x509::tls_certificates;
pub use x509::{crl, ocsp, sign_request, x509_certificate_of, x509_certificates};

use getrandom::SysRng;

use minipki_ca::{Authority, Policy};
use minipki_keys::{CaFolder, SignerKind};
use minipki_ledger::{Accept, Owner, SqliteLedger, SqliteStorage};
use minipki_os::clock;

/// The owner of the ledger in `folder`.
pub fn owner(folder: &CaFolder) -> Owner {
    Owner { issuer_id: folder.issuer_id().into(), fingerprint: folder.fingerprint() }
}

/// The storage of the CA in `folder`, for callers that do not issue.
pub fn storage(folder: &CaFolder) -> SqliteStorage {
    SqliteStorage { folder: folder.path().to_owned(), owner: owner(folder) }
}

/// Opens the CA in `folder` to issue. Checks its keys, its ledger and the machine's clock. Completes a change of the key
/// that was interrupted.
///
/// # Errors
/// [`StateError`] if a check fails.
pub fn open_authority(
    folder: &CaFolder,
    policy: Policy,
    kind: SignerKind,
    accept: Accept,
) -> Result<Authority, StateError> {
    let Finished { folder, former } = finish_rollover(folder)?;
    if let Some(former) = former {
        let present = folder.fingerprint();
        tracing::warn!(%former, %present, "an interrupted change of the CA's key was completed");
    }
    let (signer, mut former) = (folder.signer(kind)?, folder.former_signers(kind)?);
    let mut ledger = SqliteLedger::open_with(folder.path(), &owner(&folder), accept, SysRng)?;
    ledger.start_at(clock::now()?, accept)?;
    match chain::restore_chain(&folder, &mut former, &mut ledger) {
        Ok(false) => {}
        Ok(true) => {
            tracing::warn!("the changes of the CA's key were not in the ledger, and were signed again");
        }
        Err(error) => tracing::warn!(
            %error,
            "the changes of the CA's key are not in the ledger, and cannot be signed again: clients that have a former \
             key cannot follow to the present one, and need the new anchor from the operator"
        ),
    }
    let authority = Authority::new(folder.issuer_id().into(), policy, signer, Box::new(ledger));
    Ok(authority.with_former_signers(former).with_ocsp_keys(Box::new(move || kind.new_key())))
}
