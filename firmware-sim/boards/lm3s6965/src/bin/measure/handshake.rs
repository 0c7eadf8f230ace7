//! Noise XX alone, without certificates and frames: the work that other implementations of Noise do too.

use minipki_core::bytes::Secret;
use minipki_core::crypto::{KeyPair, Portable};
use minipki_core::noise::{self, ExpectMessage1, SendMessage1};
use minipki_cortex_m::meter::{Cost, FixedRng, measure};

use super::report::{Frames, Outcome, row};

pub(crate) fn run([message, payload, ..]: &mut Frames) -> Outcome<()> {
    let noise = |_: noise::Error| "noise";
    // Kept over handshakes, its public half with it.
    let ours = KeyPair::from_secret(Portable::new(), Secret::new([0x11; 32]));
    let theirs = KeyPair::from_secret(Portable::new(), Secret::new([0x22; 32]));
    let fresh = || KeyPair::generate(Portable::new(), &mut FixedRng);
    let (mut left, mut right) = (Cost::default(), Cost::default());

    let (begun, cost) = measure(|| SendMessage1::new(b"", ours.clone(), fresh()).write(&[], message));
    left += cost;
    let (expect_2, len) = begun.map_err(noise)?;
    let (answered, cost) = measure(|| {
        let expect_1 = ExpectMessage1::new(b"", theirs.clone(), fresh());
        let (answer, _) = expect_1.read(&mut message[..len])?;
        answer.write(&[], payload)
    });
    right += cost;
    let (expect_3, len) = answered.map_err(noise)?;
    let (finished, cost) = measure(|| {
        let (last, _) = expect_2.read(&mut payload[..len])?;
        last.write(&[], message)
    });
    left += cost;
    let (_, len) = finished.map_err(noise)?;
    let (finished, cost) = measure(|| expect_3.read(&mut message[..len]).map(drop));
    right += cost;
    finished.map_err(noise)?;
    row("Noise XX alone: initiator", left);
    row("Noise XX alone: responder", right);
    Ok(())
}
