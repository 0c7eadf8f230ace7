//! The two peers of the measurements, with certificates and statuses of CAs of three sizes, from `vectors/*/cost`.

use minipki_core::bytes::Secret;
use minipki_core::cert::{Anchor, Certificate, Status};
use minipki_core::crypto::rsa::AllSizes;
use minipki_core::crypto::{KeyPair, Portable};
use minipki_core::session::LocalIdentity;
use minipki_core::time::Now;
use minipki_core::trust::{StatusPolicy, StatusRule};
use minipki_core::wire::channel::Payload;

use crate::Outcome;

/// A peer: its key, its certificate, its anchor and its time.
pub(crate) struct End {
    pub(crate) key: KeyPair,
    pub(crate) certificate: &'static [u8],
    pub(crate) status: &'static [u8],
    /// A change of the CA's key.
    pub(crate) update: &'static [u8],
    /// The fingerprint alone, as on a device.
    pub(crate) anchor: Anchor,
    pub(crate) now: Now,
    /// The size of the CA's key.
    pub(crate) bits: usize,
}

impl End {
    /// An identity that shows `credentials`.
    pub(crate) fn local<'a>(&'a self, credentials: &'a [u8], rule: StatusRule) -> LocalIdentity<'a> {
        LocalIdentity {
            key: &self.key,
            credentials,
            anchor: &self.anchor,
            now: self.now,
            status_policy: StatusPolicy { rule, lowest_number: 0 },
            peer: None,
        }
    }

    /// The certificate with its status.
    pub(crate) fn staple<'o>(&self, out: &'o mut [u8]) -> Outcome<&'o [u8]> {
        let payload = Payload { certificate: self.certificate, status: Some(self.status) };
        payload.encode(out).map_err(|_| "the staple")
    }
}

macro_rules! vector {
    ($name:literal) => {
        include_bytes!(concat!("../../../../../../vectors/", $name))
    };
}

/// Two certificates with one serial number, their status, and a change of the CA's key.
const ENDS: [[&[u8]; 4]; 3] = [
    [
        vector!("cert/cost/sensor-17-2048"),
        vector!("cert/cost/gateway-3-2048"),
        vector!("status/cost/2048"),
        vector!("anchor/cost/2048"),
    ],
    [
        vector!("cert/cost/sensor-17-3072"),
        vector!("cert/cost/gateway-3-3072"),
        vector!("status/cost/3072"),
        vector!("anchor/cost/3072"),
    ],
    [
        vector!("cert/cost/sensor-17-4096"),
        vector!("cert/cost/gateway-3-4096"),
        vector!("status/cost/4096"),
        vector!("anchor/cost/4096"),
    ],
];

/// The sensor and the gateway, by the size of their CA.
pub(crate) fn all() -> impl Iterator<Item = Outcome<[End; 2]>> {
    ENDS.iter().map(|[sensor, gateway, status, update]| {
        Ok([end(0x11, sensor, status, update)?, end(0x22, gateway, status, update)?])
    })
}

fn end(secret: u8, text: &'static [u8], status: &'static [u8], update: &'static [u8]) -> Outcome<End> {
    let certificate = Certificate::parse(text).map_err(|_| "the fixture does not parse")?;
    let issuer = certificate.issuer_key::<AllSizes>().map_err(|_| "the fixture's issuer")?;
    Ok(End {
        key: KeyPair::from_secret(Portable::new(), Secret::new([secret; 32])),
        certificate: text,
        status,
        update,
        anchor: Anchor::from_fingerprint(issuer.fingerprint(Portable::new())),
        now: Now::Exact(Status::parse(status).map_err(|_| "the fixture's status")?.this_update()),
        bits: issuer.size().bits(),
    })
}
