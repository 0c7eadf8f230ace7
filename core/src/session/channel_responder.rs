//! The listening side's handshake (protocol §5, Noise XX).

use core::mem;

use rand_core::CryptoRng;

use super::handshake::Shown;
use super::{Established, Fault, LocalIdentity, Machine, Next, Peer, handshake};
use crate::crypto::{KeyPair, Provider};
use crate::noise::Transport;
use crate::noise::responder::{ExpectMessage1, ExpectMessage3, SendMessage2};
use crate::wire::WireError;
use crate::wire::channel::{self, PROLOGUE, Step};

/// The responder's machine.
pub struct Responder<'a, P: Provider> {
    local: LocalIdentity<'a, P>,
    state: State<P>,
    shown: Shown,
}

enum State<P: Provider> {
    ExpectMessage1(ExpectMessage1<P>),
    SendMessage2(SendMessage2<P>),
    ExpectMessage3(ExpectMessage3<P>),
    Established(Transport<P>, Peer),
    Failed,
}

impl<'a, P: Provider> Responder<'a, P> {
    /// Waits for message 1; the ephemeral key for message 2 is drawn from `rng`.
    pub fn new(local: LocalIdentity<'a, P>, rng: &mut impl CryptoRng) -> Self {
        let noise = ExpectMessage1::new(PROLOGUE, local.key.clone(), KeyPair::generate(rng));
        Self { local, state: State::ExpectMessage1(noise), shown: Shown::Nothing }
    }

    /// The open channel, or `None` unless the handshake has succeeded.
    pub fn established(self) -> Option<Established<P>> {
        match self.state {
            State::Established(transport, peer) => Some(Established::new(peer, transport)),
            _ => None,
        }
    }
}

impl<P: Provider> Machine for Responder<'_, P> {
    type Event = core::convert::Infallible;

    fn next(&self) -> Next {
        match self.state {
            State::SendMessage2(_) => Next::Write,
            State::ExpectMessage1(_) | State::ExpectMessage3(_) => Next::Read,
            State::Established(..) | State::Failed => Next::Done,
        }
    }

    fn write(&mut self, out: &mut [u8]) -> Result<usize, Fault> {
        let State::SendMessage2(noise) = mem::replace(&mut self.state, State::Failed) else {
            return Err(Fault::OutOfTurn);
        };
        channel::encode(Step::Two, out, |out| {
            let (noise, len) = noise.write(self.local.certificate, out)?;
            self.state = State::ExpectMessage3(noise);
            self.shown = Shown::Ours;
            Ok(len)
        })
    }

    fn read(&mut self, body: &mut [u8]) -> Result<Option<Self::Event>, Fault> {
        self.shown = Shown::Nothing;
        self.state = match mem::replace(&mut self.state, State::Failed) {
            State::ExpectMessage1(noise) => {
                let (noise, payload) = handshake::read(Step::One, body, |message| noise.read(message))?;
                // Message 1 is in clear: anything in it would be unauthenticated.
                if !payload.is_empty() {
                    return Err(WireError::Field("noise_b64").into());
                }
                State::SendMessage2(noise)
            }
            State::ExpectMessage3(noise) => {
                let (transport, payload) = handshake::read(Step::Three, body, |message| noise.read(message))?;
                self.shown = Shown::Theirs(payload.clone());
                let payload = body.get(payload).unwrap_or_default();
                let peer = self.local.bind(payload, transport.remote_static())?;
                State::Established(transport, peer)
            }
            _ => return Err(Fault::OutOfTurn),
        };
        Ok(None)
    }

    fn plaintext<'m>(&'m self, body: &'m [u8]) -> Option<&'m [u8]> {
        self.shown.text(self.local.certificate, body)
    }

    fn refuses_aloud(&self) -> bool {
        true
    }
}
