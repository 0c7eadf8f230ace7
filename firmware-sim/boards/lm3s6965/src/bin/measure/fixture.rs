//! The two peers of the measurements, with certificates of CAs of three sizes from `vectors/cert/cost`.

use minipki_core::bytes::Secret;
use minipki_core::cert::{Anchor, Certificate};
use minipki_core::crypto::rsa::AllSizes;
use minipki_core::crypto::{KeyPair, Portable};
use minipki_core::session::LocalIdentity;
use minipki_core::time::Now;
use minipki_core::trust::StatusPolicy;

use crate::Outcome;

/// A peer: its key, its certificate, its anchor and its time.
pub(crate) struct End {
    pub(crate) key: KeyPair,
    pub(crate) certificate: &'static [u8],
    /// The fingerprint alone, as on a device.
    pub(crate) anchor: Anchor,
    pub(crate) now: Now,
    /// The size of the CA's key.
    pub(crate) bits: usize,
}

impl End {
    pub(crate) fn local(&self) -> LocalIdentity<'_> {
        LocalIdentity {
            key: &self.key,
            credentials: self.certificate,
            anchor: &self.anchor,
            now: self.now,
            status_policy: StatusPolicy::default(),
            peer: None,
        }
    }
}

macro_rules! vector {
    ($name:literal) => {
        include_bytes!(concat!("../../../../../../vectors/cert/cost/", $name))
    };
}

const CERTIFICATES: [[&[u8]; 2]; 3] = [
    [vector!("sensor-17-2048"), vector!("gateway-3-2048")],
    [vector!("sensor-17-3072"), vector!("gateway-3-3072")],
    [vector!("sensor-17-4096"), vector!("gateway-3-4096")],
];

/// The sensor and the gateway, by the size of their CA.
pub(crate) fn all() -> impl Iterator<Item = Outcome<[End; 2]>> {
    CERTIFICATES.iter().map(|[sensor, gateway]| Ok([end(0x11, sensor)?, end(0x22, gateway)?]))
}

fn end(secret: u8, text: &'static [u8]) -> Outcome<End> {
    let certificate = Certificate::parse(text).map_err(|_| "the fixture does not parse")?;
    let issuer = certificate.issuer_key::<AllSizes>().map_err(|_| "the fixture's issuer")?;
    Ok(End {
        key: KeyPair::from_secret(Portable::new(), Secret::new([secret; 32])),
        certificate: text,
        anchor: Anchor::from_fingerprint(issuer.fingerprint(Portable::new())),
        now: Now::Exact(certificate.validity().not_before()),
        bits: issuer.size().bits(),
    })
}
