//! The remotes of a device under test: honest and hostile CAs and peers in memory.

use std::convert::Infallible;

use minipki_core::cert::{Anchor, Id, IdBuf, TbsCertificate};
use minipki_core::crypto::rsa::KeySize;
use minipki_core::crypto::{KeyPair, Portable, x25519};
use minipki_core::limits::FRAME;
use minipki_core::link::{LinkOver, Machine, Want};
use minipki_core::session::{
    self, CaServer, ClientRequest, Established, Inbound, Initiator, LocalIdentity, Outbound, PossessionProof,
    Responder,
};
use minipki_core::time::{Now, UnixTime};
use minipki_core::trust::{Serial, StatusPolicy, StatusRule, Validity};
use minipki_core::wire::{Code, Response};

use crate::peers::{CA, certificate, key_pair, trust};
use minipki_fixtures::anchors::array;
use minipki_fixtures::certificates::{issue, sample};
use minipki_fixtures::rsa_keys::{SIZES, public, rng};
use minipki_fixtures::statuses::staple;

/// A chat message.
pub const HELLO: &[u8] = br#"{"text":"hello","type":"chat"}"#;

type Owned<M> = LinkOver<Vec<u8>, M>;

/// The other side of a device's connection.
pub struct Remote {
    answer: Box<Behaviour>,
    ended: bool,
}

/// Computes an answer from received bytes.
type Behaviour = dyn FnMut(&[u8]) -> Answer;

/// The bytes to send, and whether the stream ends after them.
struct Answer {
    bytes: Vec<u8>,
    last: bool,
}

/// The answer of a CA that grants a request.
enum Grant {
    Certificate(Vec<u8>),
    Status(Vec<u8>),
    Anchors(Vec<u8>),
}

/// The identity and the trust of a peer.
#[derive(Clone)]
pub struct Claims {
    /// The peer's key.
    pub key: KeyPair,
    /// The certificate that the peer sends, or the payload with its status.
    pub certificate: Vec<u8>,
    /// The CA that the peer trusts.
    pub anchor: Anchor,
    /// The time of the peer's clock.
    pub now: UnixTime,
    /// The only subject that the peer accepts.
    pub peer: Option<IdBuf>,
    /// The peer's rule about the status of the device.
    pub rule: StatusRule,
}

impl Remote {
    /// A remote that sends `bytes` at once and ends its stream.
    pub fn saying(bytes: &[u8]) -> Self {
        let mut bytes = Some(bytes.to_vec());
        Self::new(move |_| Answer { bytes: bytes.take().unwrap_or_default(), last: true })
    }

    /// A remote that never sends anything.
    pub fn silent() -> Self {
        Self::new(|_| Answer { bytes: Vec::new(), last: false })
    }

    /// A CA with this fingerprint. It answers a valid proof without a token with the certificate from `forge`.
    pub fn ca(anchor: &Anchor, forge: impl Fn(Id<'_>, &x25519::PublicKey) -> Vec<u8> + 'static) -> Self {
        let issuer = anchor.fingerprint();
        Self::ca_with_check(move |possession| possession.proves(&[issuer], None) == Ok(true), forge)
    }

    /// A CA that accepts every proof.
    pub fn impostor(forge: impl Fn(Id<'_>, &x25519::PublicKey) -> Vec<u8> + 'static) -> Self {
        Self::ca_with_check(|_| true, forge)
    }

    fn ca_with_check(
        accepts: impl Fn(&PossessionProof<Portable>) -> bool + 'static,
        forge: impl Fn(Id<'_>, &x25519::PublicKey) -> Vec<u8> + 'static,
    ) -> Self {
        Self::answering(move |request| match request {
            ClientRequest::Proven { subject_id, subject_key, possession } if accepts(&possession) => {
                Some(Grant::Certificate(forge(subject_id.as_id(), &subject_key)))
            }
            _ => None,
        })
    }

    /// A CA with any of the test keys that renews a certificate of the key `current`. It answers a valid proof of both
    /// keys with the certificate from `forge`.
    pub fn renewing(
        current: x25519::PublicKey,
        forge: impl Fn(Id<'_>, &x25519::PublicKey) -> Vec<u8> + 'static,
    ) -> Self {
        let issuers = SIZES.map(|size| public(size).fingerprint(Portable::new()));
        Self::answering(move |request| match request {
            ClientRequest::Renew { subject_id, subject_key, possession, .. }
                if possession.proves(&issuers, &current) == Ok(true) =>
            {
                Some(Grant::Certificate(forge(subject_id.as_id(), &subject_key)))
            }
            _ => None,
        })
    }

    /// A CA that answers a request for a status with `status`.
    pub fn stating(status: &[u8]) -> Self {
        let status = status.to_vec();
        Self::answering(move |request| {
            matches!(request, ClientRequest::Status { .. }).then(|| Grant::Status(status.clone()))
        })
    }

    /// A CA that answers a request for the changes of its key with the array `updates`.
    pub fn changed(updates: &[Vec<u8>]) -> Self {
        let updates = array(updates);
        Self::answering(move |request| {
            matches!(request, ClientRequest::Anchors).then(|| Grant::Anchors(updates.clone()))
        })
    }

    /// A CA that refuses every request without a grant.
    fn answering(mut grant: impl FnMut(ClientRequest<Portable>) -> Option<Grant> + 'static) -> Self {
        let mut link = owned(CaServer::new(Portable::new()));
        let mut rng = rng(5);
        Self::new(move |mut received| {
            let mut bytes = Vec::new();
            while process(&mut link, &mut received, &mut bytes) == Ok(Want::Deliver) {
                match link.event().expect("a request") {
                    ClientRequest::Challenge { .. } => {
                        link.send(|machine, out| machine.challenge(&mut rng, out))
                    }
                    request => match grant(request) {
                        Some(Grant::Certificate(text)) => link.send(|machine, out| machine.issue(&text, out)),
                        Some(Grant::Status(text)) => {
                            link.send(|machine, out| machine.respond(Response::Status(&text), out))
                        }
                        Some(Grant::Anchors(array)) => {
                            link.send(|machine, out| machine.respond(Response::Anchors(&array), out))
                        }
                        None => link.send(|machine, out| machine.refuse(Code::ProofFailed, out)),
                    },
                }
                .expect("room for an answer");
            }
            Answer { bytes, last: false }
        })
    }

    /// A peer that accepts a channel, sends `bodies` and closes the channel.
    pub fn responder(claims: Claims, bodies: &[&[u8]]) -> Self {
        let machine = Responder::new(claims.leak(), &mut rng(6));
        Self::peer(machine, Responder::established, bodies)
    }

    /// A peer that opens a channel, sends `bodies` and closes the channel.
    pub fn initiator(claims: Claims, bodies: &[&[u8]]) -> Self {
        let machine = Initiator::new(claims.leak(), &mut rng(6));
        Self::peer(machine, Initiator::established, bodies)
    }

    fn peer<M: Machine<Event = Infallible, Error = session::Error> + 'static>(
        machine: M,
        established: fn(M) -> Option<Established<Portable>>,
        bodies: &[&[u8]],
    ) -> Self {
        let bodies: Vec<Vec<u8>> = bodies.iter().map(|body| body.to_vec()).collect();
        let mut handshake = Some(owned(machine));
        let mut open: Option<Owned<Inbound<Portable>>> = None;
        Self::new(move |mut received| {
            let mut bytes = Vec::new();
            if let Some(mut link) = handshake.take() {
                match process(&mut link, &mut received, &mut bytes) {
                    Ok(Want::Finished) => {
                        let halves = link.split(|machine| {
                            established(machine).map(|open| (open.inbound, open.outbound, ()))
                        });
                        let (inbound, mut outbound, ()) = halves.expect("the handshake is done");
                        send_all(&mut outbound, &bodies, &mut bytes);
                        open = Some(inbound);
                    }
                    Ok(_) => handshake = Some(link),
                    Err(_) => return Answer { bytes, last: true },
                }
            }
            let mut last = false;
            if let Some(link) = &mut open {
                loop {
                    match process(link, &mut received, &mut bytes) {
                        Ok(Want::Deliver) => link.event(),
                        Ok(Want::Receive) => break,
                        Ok(_) | Err(_) => {
                            last = true;
                            break;
                        }
                    };
                }
            }
            Answer { bytes, last }
        })
    }

    fn new(answer: impl FnMut(&[u8]) -> Answer + 'static) -> Self {
        Self { answer: Box::new(answer), ended: false }
    }

    /// Processes received bytes and returns the bytes to send.
    pub(crate) fn respond(&mut self, received: &[u8]) -> Vec<u8> {
        if self.ended {
            return Vec::new();
        }
        let Answer { bytes, last } = (self.answer)(received);
        self.ended = last;
        bytes
    }

    /// Whether the remote has ended its stream.
    pub(crate) const fn ended(&self) -> bool {
        self.ended
    }
}

/// The present time of these tests.
pub fn noon() -> UnixTime {
    minipki_fixtures::certificates::time("2026-06-15T12:00:00+00:00")
}

/// A validity between two times in seconds after noon. Negative numbers are before noon.
pub fn around_noon(from: i64, to: i64) -> Validity {
    let time = |seconds| UnixTime::new(noon().get().saturating_add_signed(seconds)).expect("a time");
    Validity::new(time(from), time(to)).expect("in order")
}

/// The certificate that an honest CA issues.
pub fn good(subject: Id<'_>, key: &x25519::PublicKey) -> Vec<u8> {
    certificate(CA, subject.as_str(), key, around_noon(-300, 3600))
}

/// A certificate of the CA with this serial number.
pub fn numbered(serial: u64, subject: Id<'_>, key: &x25519::PublicKey, validity: Validity) -> Vec<u8> {
    let issuer_key = public(CA);
    let (subject_id, subject_key, serial_number) = (subject, *key, Serial::new(serial).expect("in range"));
    issue(&TbsCertificate { subject_id, subject_key, validity, serial_number, ..sample(&issuer_key) }, CA)
}

impl Claims {
    /// The claims of an honest peer.
    pub fn of(subject: &str) -> Self {
        Self::certified(CA, subject, around_noon(-300, 3600))
    }

    /// The claims of a peer with a certificate of `ca` for this validity.
    pub fn certified(ca: KeySize, subject: &str, validity: Validity) -> Self {
        let key = key_pair(subject.bytes().map(u64::from).sum());
        let certificate = certificate(ca, subject, key.public(), validity);
        Self { key, certificate, anchor: trust(), now: noon(), peer: None, rule: StatusRule::Optional }
    }

    /// The claims, shown with this status.
    #[must_use]
    pub fn with_status(mut self, status: &[u8]) -> Self {
        self.certificate = staple(&self.certificate, status);
        self
    }

    /// The identity for a machine, which borrows it. The memory is never freed.
    fn leak(self) -> LocalIdentity<'static> {
        let Self { key, certificate, anchor, now, peer, rule } = self;
        LocalIdentity {
            key: Box::leak(Box::new(key)),
            credentials: certificate.leak(),
            anchor: Box::leak(Box::new(anchor)),
            now: Now::Exact(now),
            status_policy: StatusPolicy { rule, lowest_number: 0 },
            peer: peer.map(|id| Box::leak(Box::new(id)).as_id()),
        }
    }
}

fn owned<M: Machine<Error = session::Error>>(machine: M) -> Owned<M> {
    LinkOver::new(machine, vec![0; FRAME], vec![0; FRAME])
}

fn send_all(outbound: &mut Owned<Outbound<Portable>>, bodies: &[Vec<u8>], bytes: &mut Vec<u8>) {
    for body in bodies {
        outbound.send(|channel, out| channel.seal(body, out)).expect("a short body");
        process(outbound, &mut &[][..], bytes).expect("an open channel");
    }
    outbound.send(|channel, out| channel.close(out)).expect("an open channel");
    process(outbound, &mut &[][..], bytes).expect("an open channel");
}

/// Gives received bytes to `link` and takes its bytes to send, until it waits for something else.
fn process<M: Machine<Error = session::Error>>(
    link: &mut Owned<M>,
    received: &mut &[u8],
    to_send: &mut Vec<u8>,
) -> Result<Want, session::Error> {
    loop {
        match link.want()? {
            Want::Send => {
                to_send.extend_from_slice(link.to_send());
                link.sent(link.to_send().len());
            }
            Want::Receive if !received.is_empty() => {
                let space = link.space();
                let n = received.len().min(space.len());
                space[..n].copy_from_slice(&received[..n]);
                link.received(n);
                *received = &received[n..];
            }
            other => return Ok(other),
        }
    }
}
