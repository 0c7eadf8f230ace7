//! A CA whose key others certify for X.509: its request, and the chain that they have signed.

use minipki_ca::ports::Recorder;
use minipki_ca::{CaCertificateOptions, CaChain, IssueError, ca_request, name_certificate};
use minipki_core::keys::Fingerprint;
use minipki_provider::x509::ALL;

use super::StateError;
use super::x509::Open;
use minipki_keys::CaFolder;

/// The keys of the CA, the present one first, then the former ones from the latest to the oldest.
fn keys(folder: &CaFolder) -> Vec<Fingerprint> {
    let former = folder.anchor().former_keys().iter().rev().map(|key| key.fingerprint);
    std::iter::once(folder.fingerprint()).chain(former).collect()
}

/// The request of the present key for a CA certificate, in DER. The options give its subject, if the CA has no X.509 name
/// yet. The same call makes the same request.
///
/// # Errors
/// [`StateError::Issue`] for options that give another name than the CA has; the errors of [`install_chain`].
pub fn certificate_request(folder: &CaFolder, options: &CaCertificateOptions) -> Result<Vec<u8>, StateError> {
    let mut open = Open::new(folder)?;
    let known = name_certificate(&mut open.recorder, &keys(folder))?;
    Ok(ca_request(folder.issuer_id(), open.signer.as_mut(), known.as_ref(), options)?)
}

/// Finds the chain of the present key in `certificates`, checks it, and records it in place of an earlier one. From then on
/// X.509 certificates and lists have the subject of its first certificate as their issuer.
///
/// # Errors
/// [`StateError::Chain`]; [`StateError::Issue`]; the errors of the clock, the key and the ledger.
pub fn install_chain(folder: &CaFolder, certificates: &[Vec<u8>]) -> Result<CaChain, StateError> {
    let mut open = Open::new(folder)?;
    let known = name_certificate(&mut open.recorder, &keys(folder))?;
    let key = open.signer.public_key().clone();
    let chain = CaChain::find(certificates, &key, known.as_ref(), &ALL, open.now)?;
    let recorded = open.recorder.set_chain(folder.fingerprint(), Some(&chain.to_bytes()));
    recorded.map_err(IssueError::from)?;
    Ok(chain)
}

/// Has the CA wait for a chain of its present key. Until then it issues nothing in X.509.
///
/// # Errors
/// The errors of the clock, the key and the ledger.
pub fn await_chain(folder: &CaFolder) -> Result<(), StateError> {
    let mut open = Open::new(folder)?;
    open.recorder.set_chain(folder.fingerprint(), None).map_err(IssueError::from)?;
    Ok(())
}
