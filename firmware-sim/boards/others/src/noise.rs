//! Handshakes of the crate `snow` with itself, measured as MiniPKI's Noise: XX, no payloads.

use minipki_cortex_m::meter::{Cost, FixedRng};
use rsa::rand_core::Rng;
use snow::params::{CipherChoice, DHChoice, HashChoice};
use snow::resolvers::{CryptoResolver, DefaultResolver};
use snow::types::{Cipher, Dh, Hash, Random};
use snow::{Builder, HandshakeState, TransportState};

extern crate alloc;
use alloc::boxed::Box;

use crate::{Outcome, measure, row};

const PROTOCOL: &str = "Noise_XX_25519_ChaChaPoly_SHA256";
/// A text of 1 KB, and room for the tag.
const MESSAGE: usize = 1024 + 16;

/// snow's own functions, with randomness that is the same in every run.
struct Fixed;

impl CryptoResolver for Fixed {
    fn resolve_rng(&self) -> Option<Box<dyn Random>> {
        Some(Box::new(Fixed))
    }

    fn resolve_dh(&self, choice: &DHChoice) -> Option<Box<dyn Dh>> {
        DefaultResolver.resolve_dh(choice)
    }

    fn resolve_hash(&self, choice: &HashChoice) -> Option<Box<dyn Hash>> {
        DefaultResolver.resolve_hash(choice)
    }

    fn resolve_cipher(&self, choice: &CipherChoice) -> Option<Box<dyn Cipher>> {
        DefaultResolver.resolve_cipher(choice)
    }
}

impl Random for Fixed {
    fn try_fill_bytes(&mut self, to: &mut [u8]) -> Result<(), snow::Error> {
        FixedRng.fill_bytes(to);
        Ok(())
    }
}

/// One side of the handshake, with its cost so far.
struct End {
    state: HandshakeState,
    cost: Cost,
    /// The bytes of its state, and the peak above them.
    heap: [usize; 2],
}

impl End {
    fn begin(
        secret: &[u8; 32],
        build: fn(Builder<'_>) -> Result<HandshakeState, snow::Error>,
    ) -> Outcome<Self> {
        let (state, cost, heap) = measure(|| {
            let builder = Builder::with_resolver(PROTOCOL.parse()?, Box::new(Fixed));
            build(builder.local_private_key(secret)?)
        });
        Ok(Self { state: state.map_err(|_| "snow's builder")?, cost, heap: [heap, 0] })
    }

    fn step(
        &mut self,
        work: impl FnOnce(&mut HandshakeState) -> Result<usize, snow::Error>,
    ) -> Outcome<usize> {
        let (len, cost, heap) = measure(|| work(&mut self.state));
        self.cost += cost;
        self.heap[1] = self.heap[1].max(heap);
        len.map_err(|_| "snow's handshake")
    }
}

pub(crate) fn run() -> Outcome<()> {
    let (mut message, mut payload) = ([0; MESSAGE], [0; MESSAGE]);
    let mut left = End::begin(&[0x11; 32], |builder| builder.build_initiator())?;
    let mut right = End::begin(&[0x22; 32], |builder| builder.build_responder())?;
    let len = left.step(|left| left.write_message(&[], &mut message))?;
    right.step(|right| right.read_message(&message[..len], &mut payload))?;
    let len = right.step(|right| right.write_message(&[], &mut message))?;
    left.step(|left| left.read_message(&message[..len], &mut payload))?;
    let len = left.step(|left| left.write_message(&[], &mut message))?;
    right.step(|right| right.read_message(&message[..len], &mut payload))?;
    row("snow: XX initiator", left.cost, left.heap.iter().sum());
    row("snow: XX responder", right.cost, right.heap.iter().sum());

    let open = |end: End| end.state.into_transport_mode().map_err(|_| "snow's transport");
    let (mut left, mut right) = (open(left)?, open(right)?);
    record(["snow: seal 64 B", "snow: open 64 B"], 64, &mut left, &mut right)?;
    record(["snow: seal 1 KB", "snow: open 1 KB"], 1024, &mut left, &mut right)
}

/// Measures a message from one side to the other.
fn record(names: [&str; 2], len: usize, from: &mut TransportState, to: &mut TransportState) -> Outcome<()> {
    let (mut message, mut text) = ([0; MESSAGE], [0x42; MESSAGE]);
    let (sealed, cost, heap) = measure(|| from.write_message(&text[..len], &mut message));
    let sealed = sealed.map_err(|_| "seal")?;
    row(names[0], cost, heap);
    let (opened, cost, heap) = measure(|| to.read_message(&message[..sealed], &mut text));
    opened.map_err(|_| "open")?;
    row(names[1], cost, heap);
    Ok(())
}
