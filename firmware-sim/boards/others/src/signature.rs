//! The cost of the crate `rsa` for the certificates of MiniPKI's own measurements.

use minipki_core::cert::Certificate;
use minipki_core::crypto::rsa::AllSizes;
use minipki_core::crypto::{Hash, Portable};
use minipki_core::limits::RSA_BYTES;
use rsa::sha2::Sha256;
use rsa::traits::SignatureScheme;
use rsa::{BoxedUint, Pss, PublicKey};

use crate::{Outcome, measure, row};

const CERTIFICATES: [&[u8]; 3] = [
    include_bytes!("../../../../vectors/cert/cost/sensor-17-2048"),
    include_bytes!("../../../../vectors/cert/cost/sensor-17-3072"),
    include_bytes!("../../../../vectors/cert/cost/sensor-17-4096"),
];
const NAMES: [&str; 3] = [
    "rsa: key set-up and verify, RSA-2048",
    "rsa: key set-up and verify, RSA-3072",
    "rsa: key set-up and verify, RSA-4096",
];

pub(crate) fn run() -> Outcome<()> {
    for (text, name) in CERTIFICATES.into_iter().zip(NAMES) {
        let certificate = Certificate::parse(text).map_err(|_| "parse")?;
        let key = certificate.issuer_key::<AllSizes>().map_err(|_| "issuer key")?;
        let (mut modulus, mut signature) = ([0; RSA_BYTES], [0; RSA_BYTES]);
        let modulus = key.modulus(&mut modulus).map_err(|_| "modulus")?;
        let signature = certificate.signature(&mut signature).map_err(|_| "signature")?;
        let digest = Portable::new().sha256(&certificate.signed_slices());
        let (verified, cost, heap) = measure(|| {
            let key = PublicKey::new(BoxedUint::from_be_slice_vartime(modulus), BoxedUint::from(65537_u32))?;
            // Any salt length, which is read from the signature as in MiniPKI.
            let padding = Pss::<Sha256> { salt_len: None, ..Pss::new() };
            padding.verify(&key, &digest, signature)
        });
        verified.map_err(|_| "rsa did not verify")?;
        row(name, cost, heap);
    }
    Ok(())
}
