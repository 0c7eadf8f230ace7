//! The chain of updates from each key of the CA to the present one: with it, clients follow a change of the key.

use std::path::Path;

use minipki_core::cert::{self, Anchor, AnchorUpdate, FormerKey, TbsAnchorUpdate};
use minipki_core::crypto::Portable;
use minipki_core::crypto::rsa;
use minipki_core::keys::Fingerprint;
use minipki_core::limits::{ANCHOR_UPDATE, FORMER_KEYS};
use minipki_core::time::UnixTime;

use super::StateError;
use minipki_ca::ports::{IssuerKey, IssuerKeyUse, Ledger};
use minipki_ca::{SignatureAlgorithm, Signer, updates_fit};
use minipki_keys::CaFolder;
use minipki_ledger::SqliteLedger;

/// The anchor of `folder` after all later changes of the key in `keys`.
pub(super) fn followed(folder: &CaFolder, keys: &[IssuerKey]) -> Result<Anchor, StateError> {
    let mut anchor = folder.anchor().clone();
    for key in keys.iter().skip_while(|key| key.fingerprint != folder.fingerprint()).skip(1) {
        follow(folder.path(), &mut anchor, key)?;
    }
    Ok(anchor)
}

/// Has the anchor of the CA in `dir` follow the change to `key`.
pub(super) fn follow(dir: &Path, anchor: &mut Anchor, key: &IssuerKey) -> Result<(), StateError> {
    let bad = StateError::update(dir);
    let update = AnchorUpdate::parse(key.update.as_deref().unwrap_or_default()).map_err(bad)?;
    anchor.follow(Portable::new(), &update).map_err(bad)?;
    if anchor.fingerprint() == key.fingerprint { Ok(()) } else { Err(bad(cert::Error::UpdatePrevious)) }
}

/// The former keys in `keys` before `present`, as an anchor names them: the latest ones, the very latest last.
pub(super) fn former_keys(keys: &[IssuerKey], present: &Fingerprint) -> Vec<FormerKey> {
    let until = keys.iter().skip(1).map(|next| next.not_before);
    let before = keys.iter().zip(until).take_while(|(key, _)| key.fingerprint != *present);
    let mut former: Vec<_> =
        before.map(|(key, until)| FormerKey { fingerprint: key.fingerprint, until }).collect();
    former.drain(..former.len().saturating_sub(FORMER_KEYS));
    former
}

/// Refuses a change after which an anchor would not name the oldest former key, while its certificates have not ended.
pub(super) fn check_oldest(
    folder: &CaFolder,
    uses: &[IssuerKeyUse],
    now: UnixTime,
) -> Result<(), StateError> {
    let former = folder.anchor().former_keys();
    let Some(oldest) = former.first().filter(|_| former.len() == FORMER_KEYS) else { return Ok(()) };
    let oldest = uses.iter().find(|used| used.key.fingerprint == oldest.fingerprint);
    match oldest.and_then(|oldest| Some((oldest.key.fingerprint, oldest.last_end?))) {
        Some((key, until)) if until >= now => Err(StateError::FormerKeyInUse { key, until }),
        _ => Ok(()),
    }
}

/// Refuses a change by this `update` if an answer to clients could not state all updates from a key whose certificates
/// have not ended.
pub(super) fn check_chain(uses: &[IssuerKeyUse], update: &[u8], now: UnixTime) -> Result<(), StateError> {
    let is_cut = |(number, _): &(usize, &IssuerKeyUse)| {
        let later = uses.iter().skip(number + 1).filter_map(|used| used.key.update.as_deref());
        !updates_fit(&later.chain([update]).collect::<Vec<_>>())
    };
    let cut = uses.iter().enumerate().filter(is_cut);
    let in_use = cut.filter_map(|(_, used)| Some((used.last_end.filter(|end| *end >= now)?, used)));
    match in_use.max_by_key(|(until, _)| *until) {
        Some((until, used)) => Err(StateError::ChainTooLong { key: used.key.fingerprint, until }),
        None => Ok(()),
    }
}

/// The update from the key of `signer` to the key `next`.
pub(super) fn sign_update(
    folder: &CaFolder,
    signer: &mut dyn Signer,
    next: &rsa::PublicKey,
    not_before: UnixTime,
) -> Result<Vec<u8>, StateError> {
    let bad = StateError::update(folder.path());
    let update = TbsAnchorUpdate {
        issuer_id: folder.issuer_id(),
        issuer_key: next,
        not_before,
        previous_key: signer.public_key().fingerprint(Portable::new()),
    };
    let mut room = [0; ANCHOR_UPDATE];
    let text = update.encode(&mut room).map_err(|_| bad(cert::Error::BufferTooSmall))?;
    let signatures = signer.sign_many(SignatureAlgorithm::RsaPss, &[text])?;
    let signature = signatures.first().map(|signature| signature.as_bytes()).unwrap_or_default();
    let mut room = [0; ANCHOR_UPDATE];
    Ok(cert::attach_signature(text, signature, &mut room)
        .map_err(|_| bad(cert::Error::BufferTooSmall))?
        .to_vec())
}

/// Signs the chain again, and records it, if the anchor names former keys and the ledger does not: it was made in the
/// place of a lost one. `former` are the signers of the former keys, in the order of the anchor. Returns whether it was
/// recorded.
pub(super) fn restore_chain(
    folder: &CaFolder,
    former: &mut [Box<dyn Signer>],
    ledger: &mut SqliteLedger,
) -> Result<bool, StateError> {
    if former.is_empty() || ledger.issuer_keys()?.len() > 1 {
        return Ok(false);
    }
    ledger.restore_keys(&signed_chain(folder, former)?)?;
    Ok(true)
}

fn signed_chain(folder: &CaFolder, former: &mut [Box<dyn Signer>]) -> Result<Vec<IssuerKey>, StateError> {
    let (anchor, bad) = (folder.anchor(), StateError::update(folder.path()));
    let public = former.iter().map(|signer| signer.public_key().clone()).chain(anchor.key().cloned());
    let public: Vec<_> = public.collect();
    let oldest = public.first().ok_or_else(|| bad(cert::Error::AnchorIncomplete))?;
    let mut followed = Anchor::from_key(Portable::new(), folder.issuer_id(), oldest.clone());
    let mut keys =
        vec![IssuerKey { fingerprint: followed.fingerprint(), not_before: UnixTime::MIN, update: None }];
    let later = public.iter().skip(1).zip(anchor.former_keys());
    for (signer, (next, FormerKey { until, .. })) in former.iter_mut().zip(later) {
        let update = Some(sign_update(folder, signer.as_mut(), next, *until)?);
        let key = IssuerKey { fingerprint: next.fingerprint(Portable::new()), not_before: *until, update };
        follow(folder.path(), &mut followed, &key)?;
        keys.push(key);
    }
    // The folder's anchor must be the one that clients get by these updates.
    if followed == *anchor { Ok(keys) } else { Err(bad(cert::Error::UpdatePrevious)) }
}
