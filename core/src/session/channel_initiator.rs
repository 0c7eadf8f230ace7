//! The connecting side's handshake (protocol §5, Noise XX).

use core::mem;

use rand_core::CryptoRng;

use super::handshake::Shown;
use super::{Established, Fault, LocalIdentity, Machine, Next, Peer, handshake};
use crate::crypto::{KeyPair, Provider};
use crate::noise::Transport;
use crate::noise::initiator::{ExpectMessage2, SendMessage1, SendMessage3};
use crate::wire::channel::{self, PROLOGUE, Step};

/// The initiator's machine.
pub struct Initiator<'a, P: Provider> {
    local: LocalIdentity<'a, P>,
    state: State<P>,
    shown: Shown,
}

enum State<P: Provider> {
    SendMessage1(SendMessage1<P>),
    ExpectMessage2(ExpectMessage2<P>),
    SendMessage3(SendMessage3<P>, Peer),
    Established(Transport<P>, Peer),
    Failed,
}

impl<'a, P: Provider> Initiator<'a, P> {
    /// Prepares message 1; its ephemeral key is drawn from `rng`.
    pub fn new(local: LocalIdentity<'a, P>, rng: &mut impl CryptoRng) -> Self {
        let noise = SendMessage1::new(PROLOGUE, local.key.clone(), KeyPair::generate(rng));
        Self { local, state: State::SendMessage1(noise), shown: Shown::Nothing }
    }

    /// The open channel, or `None` unless the handshake has succeeded.
    pub fn established(self) -> Option<Established<P>> {
        match self.state {
            State::Established(transport, peer) => Some(Established::new(peer, transport)),
            _ => None,
        }
    }
}

impl<P: Provider> Machine for Initiator<'_, P> {
    type Event = core::convert::Infallible;

    fn next(&self) -> Next {
        match self.state {
            State::SendMessage1(_) | State::SendMessage3(..) => Next::Write,
            State::ExpectMessage2(_) => Next::Read,
            State::Established(..) | State::Failed => Next::Done,
        }
    }

    fn write(&mut self, out: &mut [u8]) -> Result<usize, Fault> {
        match mem::replace(&mut self.state, State::Failed) {
            State::SendMessage1(noise) => channel::encode(Step::One, out, |out| {
                let (noise, len) = noise.write(&[], out)?;
                self.state = State::ExpectMessage2(noise);
                Ok(len)
            }),
            State::SendMessage3(noise, peer) => channel::encode(Step::Three, out, |out| {
                let (transport, len) = noise.write(self.local.certificate, out)?;
                self.shown = Shown::Ours;
                self.state = State::Established(transport, peer);
                Ok(len)
            }),
            _ => Err(Fault::OutOfTurn),
        }
    }

    fn read(&mut self, body: &mut [u8]) -> Result<Option<Self::Event>, Fault> {
        self.shown = Shown::Nothing;
        let State::ExpectMessage2(noise) = mem::replace(&mut self.state, State::Failed) else {
            return Err(Fault::OutOfTurn);
        };
        let (noise, payload) = handshake::read(Step::Two, body, |message| noise.read(message))?;
        self.shown = Shown::Theirs(payload.clone());
        let peer = self.local.bind(body.get(payload).unwrap_or_default(), noise.remote_static())?;
        self.state = State::SendMessage3(noise, peer);
        Ok(None)
    }

    fn plaintext<'m>(&'m self, body: &'m [u8]) -> Option<&'m [u8]> {
        self.shown.text(self.local.certificate, body)
    }

    fn refuses_aloud(&self) -> bool {
        true
    }
}
