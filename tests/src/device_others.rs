//! Whom a device may meet: CAs and peers, honest and not, that answer in memory.

use std::convert::Infallible;

use minipki_core::cert::{Anchor, Id, IdBuf};
use minipki_core::crypto::rsa::KeySize;
use minipki_core::crypto::{KeyPair, Portable, x25519};
use minipki_core::limits::FRAME;
use minipki_core::link::{LinkOver, Machine, Want};
use minipki_core::session::{
    self, EnrolEvent, EnrolServer, Established, Inbound, Initiator, LocalIdentity, Outbound, PossessionProof,
    Responder,
};
use minipki_core::time::{Now, UnixTime};
use minipki_core::trust::Validity;
use minipki_core::wire::Code;

use crate::peers::{CA, certificate, key_pair, trust};
use minipki_fixtures::rsa_keys::rng;

/// A message that says hello.
pub const HELLO: &[u8] = br#"{"text":"hello","type":"chat"}"#;

type Owned<M> = LinkOver<Vec<u8>, M>;

/// The other side of a connection: it hears bytes, and says some.
pub struct Other {
    answer: Box<Part>,
    gone: bool,
}

/// What it does with the bytes that it hears.
type Part = dyn FnMut(&[u8]) -> Answer;

/// What is said, and whether it is the last of it.
struct Answer {
    bytes: Vec<u8>,
    last: bool,
}

/// Who a peer claims to be, and whom it trusts.
#[derive(Clone)]
pub struct Claims {
    /// The key that it has.
    pub key: KeyPair,
    /// The certificate that it shows.
    pub certificate: Vec<u8>,
    /// Whose certificates it takes.
    pub anchor: Anchor,
    /// When it thinks it is.
    pub now: UnixTime,
    /// Whom it wants to speak to.
    pub wants: Option<IdBuf>,
}

impl Other {
    /// Says `bytes` at once, whatever it hears, and then ends the stream.
    pub fn saying(bytes: &[u8]) -> Self {
        let mut bytes = Some(bytes.to_vec());
        Self::new(move |_| Answer { bytes: bytes.take().unwrap_or_default(), last: true })
    }

    /// Never says anything.
    pub fn silent() -> Self {
        Self::new(|_| Answer { bytes: Vec::new(), last: false })
    }

    /// A CA with that fingerprint, which grants a proof without a token whatever `forge` makes of the request.
    pub fn ca(anchor: &Anchor, forge: impl Fn(Id<'_>, &x25519::PublicKey) -> Vec<u8> + 'static) -> Self {
        Self::ca_that(anchor, |possession| possession.proves(None) == Ok(true), forge)
    }

    /// The same, of an impostor that looks at no proof.
    pub fn impostor(forge: impl Fn(Id<'_>, &x25519::PublicKey) -> Vec<u8> + 'static) -> Self {
        Self::ca_that(&trust(), |_| true, forge)
    }

    fn ca_that(
        anchor: &Anchor,
        believes: impl Fn(&PossessionProof<Portable>) -> bool + 'static,
        forge: impl Fn(Id<'_>, &x25519::PublicKey) -> Vec<u8> + 'static,
    ) -> Self {
        let mut link = owned(EnrolServer::new(Portable::new(), anchor.fingerprint()));
        let mut rng = rng(5);
        Self::new(move |mut heard| {
            let mut bytes = Vec::new();
            while turn(&mut link, &mut heard, &mut bytes) == Ok(Want::Deliver) {
                match link.event().expect("a request") {
                    EnrolEvent::Challenge { .. } => {
                        link.send(|machine, out| machine.challenge(&mut rng, out))
                    }
                    EnrolEvent::Proven { subject_id, subject_key, possession } if believes(&possession) => {
                        let certificate = forge(subject_id.as_id(), &subject_key);
                        link.send(|machine, out| machine.issue(&certificate, out))
                    }
                    _ => link.send(|machine, out| machine.refuse(Code::ProofFailed, out)),
                }
                .expect("room for an answer");
            }
            Answer { bytes, last: false }
        })
    }

    /// A peer that takes a channel, says `bodies`, and closes.
    pub fn responder(claims: Claims, bodies: &[&[u8]]) -> Self {
        let machine = Responder::new(claims.leak(), &mut rng(6));
        Self::peer(machine, Responder::established, bodies)
    }

    /// A peer that opens a channel, says `bodies`, and closes.
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
        let mut shaking = Some(owned(machine));
        let mut open: Option<Owned<Inbound<Portable>>> = None;
        Self::new(move |mut heard| {
            let mut bytes = Vec::new();
            if let Some(mut link) = shaking.take() {
                match turn(&mut link, &mut heard, &mut bytes) {
                    Ok(Want::Finished) => {
                        let halves = link.split(|machine| {
                            established(machine).map(|open| (open.inbound, open.outbound, ()))
                        });
                        let (inbound, mut outbound, ()) = halves.expect("the handshake is done");
                        say_all(&mut outbound, &bodies, &mut bytes);
                        open = Some(inbound);
                    }
                    Ok(_) => shaking = Some(link),
                    Err(_) => return Answer { bytes, last: true },
                }
            }
            let mut last = false;
            if let Some(link) = &mut open {
                loop {
                    match turn(link, &mut heard, &mut bytes) {
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
        Self { answer: Box::new(answer), gone: false }
    }

    /// Hears `heard`; returns what it says to that.
    pub(crate) fn turn(&mut self, heard: &[u8]) -> Vec<u8> {
        if self.gone {
            return Vec::new();
        }
        let Answer { bytes, last } = (self.answer)(heard);
        self.gone = last;
        bytes
    }

    /// Whether it has ended its stream.
    pub(crate) const fn gone(&self) -> bool {
        self.gone
    }
}

/// The time at which everything here happens.
pub fn noon() -> UnixTime {
    minipki_fixtures::certificates::time("2026-06-15T12:00:00+00:00")
}

/// From so many seconds after noon to so many; before it if they are negative.
pub fn around_noon(from: i64, to: i64) -> Validity {
    let time = |seconds| UnixTime::new(noon().get().saturating_add_signed(seconds)).expect("a time");
    Validity::new(time(from), time(to)).expect("in order")
}

/// What an honest CA makes of a request.
pub fn good(subject: Id<'_>, key: &x25519::PublicKey) -> Vec<u8> {
    certificate(CA, subject.as_str(), key, around_noon(-300, 3600))
}

impl Claims {
    /// An honest peer's.
    pub fn of(subject: &str) -> Self {
        Self::certified(CA, subject, around_noon(-300, 3600))
    }

    /// Those of a peer that `ca` has certified for that time.
    pub fn certified(ca: KeySize, subject: &str, validity: Validity) -> Self {
        let key = key_pair(subject.bytes().map(u64::from).sum());
        let certificate = certificate(ca, subject, key.public(), validity);
        Self { key, certificate, anchor: trust(), now: noon(), wants: None }
    }

    /// For as long as the test runs: machines borrow what they are given.
    fn leak(self) -> LocalIdentity<'static> {
        let Self { key, certificate, anchor, now, wants } = self;
        LocalIdentity {
            key: Box::leak(Box::new(key)),
            certificate: certificate.leak(),
            anchor: Box::leak(Box::new(anchor)),
            now: Now::Exact(now),
            peer: wants.map(|id| Box::leak(Box::new(id)).as_id()),
        }
    }
}

fn owned<M: Machine<Error = session::Error>>(machine: M) -> Owned<M> {
    LinkOver::new(machine, vec![0; FRAME], vec![0; FRAME])
}

fn say_all(outbound: &mut Owned<Outbound<Portable>>, bodies: &[Vec<u8>], bytes: &mut Vec<u8>) {
    for body in bodies {
        outbound.send(|channel, out| channel.seal(body, out)).expect("a short body");
        turn(outbound, &mut &[][..], bytes).expect("an open channel");
    }
    outbound.send(|channel, out| channel.close(out)).expect("an open channel");
    turn(outbound, &mut &[][..], bytes).expect("an open channel");
}

/// Lets `link` hear and say all that it can.
fn turn<M: Machine<Error = session::Error>>(
    link: &mut Owned<M>,
    heard: &mut &[u8],
    said: &mut Vec<u8>,
) -> Result<Want, session::Error> {
    loop {
        match link.want()? {
            Want::Send => {
                said.extend_from_slice(link.to_send());
                link.sent(link.to_send().len());
            }
            Want::Receive if !heard.is_empty() => {
                let space = link.space();
                let n = heard.len().min(space.len());
                space[..n].copy_from_slice(&heard[..n]);
                link.received(n);
                *heard = &heard[n..];
            }
            other => return Ok(other),
        }
    }
}
