//! The X.509 side of a CA in its folder: its certificates, also while the CA server runs.

use minipki_ca::{CaCertificateOptions, CaCertificates, ca_certificates};

use super::{StateError, owner};
use minipki_keys::{CaFolder, SignerKind};
use minipki_ledger::{SqliteLedger, SqliteRecorder, StoreError};
use minipki_os::clock;

/// The X.509 certificates of the present key of the CA. What is missing is made, with the choices of the operator in
/// `options`. A ledger of an earlier version is migrated first.
///
/// # Errors
/// [`StateError::Issue`]; the errors of the clock, the key and the ledger.
pub fn x509_certificates(
    folder: &CaFolder,
    options: Option<&CaCertificateOptions>,
) -> Result<CaCertificates, StateError> {
    let now = clock::now()?;
    let open = || SqliteRecorder::open(folder.path(), &owner(folder), now);
    let mut recorder = match open() {
        Err(StoreError::Older { .. }) => {
            drop(SqliteLedger::open(folder.path(), &owner(folder))?);
            open()?
        }
        opened => opened?,
    };
    // A few signatures are not worth the threads of the other signers.
    let mut signer = folder.signer(SignerKind::Portable)?;
    let former: Vec<_> = folder.anchor().former_keys().iter().map(|key| key.fingerprint).collect();
    let issuer_id = folder.issuer_id();
    Ok(ca_certificates(issuer_id, signer.as_mut(), &former, &mut recorder, options, now)?)
}
