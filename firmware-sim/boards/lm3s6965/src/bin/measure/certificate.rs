//! The cost of parsing and verifying a certificate, a status and an anchor update, and of the RSA signature alone.

use minipki_core::cert::{self, Anchor, AnchorUpdate, Certificate, Status};
use minipki_core::crypto::{Hash, Portable, VerifySignature, rsa};
use minipki_core::limits::RSA_BYTES;
use minipki_core::trust::RevocationCheck;
use minipki_cortex_m::meter::measure;

use crate::fixture::End;
use crate::{Outcome, row_of};

pub(crate) fn run(end: &End) -> Outcome<()> {
    let (parsed, cost) = measure(|| Certificate::parse(end.certificate));
    let parsed = parsed.map_err(|_| "parse")?;
    row_of(end.bits, "certificate: parse", cost);

    let (verified, cost) = measure(|| {
        cert::verify(Portable::new(), &end.anchor, &parsed, end.now, RevocationCheck::NotChecked).is_ok()
    });
    verified.then_some(()).ok_or("verify")?;
    row_of(end.bits, "certificate: verify", cost);

    // A device knows the whole anchor from its own certificate.
    let anchor =
        Anchor::from_key(Portable::new(), parsed.issuer_id(), parsed.issuer_key().map_err(|_| "issuer key")?);
    let (verified, cost) = measure(|| {
        let status = Status::parse(end.status)?;
        cert::verify_status(Portable::new(), &anchor, &status, parsed.serial_number(), None)
    });
    verified.map_err(|_| "status")?;
    row_of(end.bits, "status: parse and verify", cost);

    let mut anchor = anchor;
    let (followed, cost) = measure(|| {
        let update = AnchorUpdate::parse(end.update)?;
        anchor.follow(Portable::new(), &update)
    });
    followed.map_err(|_| "anchor update")?;
    row_of(end.bits, "anchor update: parse and follow", cost);

    let key = parsed.issuer_key().map_err(|_| "issuer key")?;
    let mut signature = [0; RSA_BYTES];
    let signature = parsed.signature(&mut signature).map_err(|_| "signature")?;
    let digest = Portable::new().sha256(&parsed.signed_slices());
    let salt = rsa::SaltLength::AtLeast(32);
    let (verified, cost) = measure(|| Portable::new().verify_pss_sha256(&key, &digest, signature, salt));
    verified.map_err(|_| "RSA")?;
    row_of(end.bits, "RSASSA-PSS: verify", cost);

    let mut modulus = [0; RSA_BYTES];
    let modulus = key.modulus(&mut modulus).map_err(|_| "modulus")?;
    let (verified, cost) = measure(|| {
        let key = rsa::PublicKey::from_modulus(modulus)?;
        Portable::new().verify_pss_sha256(&key, &digest, signature, salt)
    });
    verified.map_err(|_| "RSA")?;
    row_of(end.bits, "RSASSA-PSS: key set-up and verify", cost);
    Ok(())
}
