//! A run from the start to its exit reason.

use minipki_core::cert::{Anchor, Certificate};
use minipki_core::crypto::KeyPair;
use minipki_core::session::LocalIdentity;

use crate::board::{Board, Record, Sizes};
use crate::clock::{self, Clock};
use crate::config::{Config, Errand};
use crate::enrol::Granted;
use crate::exit::Exit;
use crate::identity::{self, Found};
use crate::memory::Memory;
use crate::{channel, enrol, talk};

/// Runs the device: enrols it unless it is enrolled already, then does its errand.
///
/// The last line reported is the reason it ended for, which is also returned. `memory` is wiped then.
pub fn run<B: Board>(config: &Config<'_, B::Address>, memory: &mut Memory, board: &mut B) -> Exit {
    let exit = live(config, memory, board).err().unwrap_or(Exit::Done);
    memory.wipe();
    board.report(format_args!("exit {}: {exit}", exit.code()));
    exit
}

fn live<B: Board>(config: &Config<'_, B::Address>, memory: &mut Memory, board: &mut B) -> Result<(), Exit> {
    let mut clock = Clock::load(board)?;
    let anchor = Anchor::from_fingerprint(config.fingerprint);
    let (key, len) = identify(config, &anchor, &mut clock, memory, board)?;

    let certificate = identity::certificate(&mut memory.identity).get(..len).ok_or(Exit::Internal)?;
    if let Errand::Listen(on) = config.errand {
        let at = board.listen(on, config.deadline).map_err(|_| Exit::CannotListen)?;
        board.report(format_args!("listening at {at}"));
    }
    let (now, channel) = loop {
        let now = clock.now(board);
        let local = LocalIdentity { key: &key, certificate, anchor: &anchor, now, peer: config.peer };
        let buffers = (&mut memory.rx[..], &mut memory.tx[..]);
        match config.errand {
            Errand::Enrol => return Ok(()),
            Errand::Connect(to) => break (now, channel::connect(to, config, local, buffers, board)?),
            Errand::Listen(_) => match channel::accept(config, local, buffers, board)? {
                Ok(channel) => break (now, channel),
                Err(exit) => board.report(format_args!("no channel ({}): {exit}", exit.code())),
            },
        }
    };

    let peer = &channel.peer;
    board.report(format_args!("peer: {}, certificate verified", peer.subject_id()));
    clock::confess(now, peer.subject_id().as_str(), board);
    // A hint for the next start. Where it cannot be kept, the device asks its CA later.
    let _ = clock.met(peer.validity(), now, board);
    talk::talk(config, channel, board)
}

/// The device's key, and the length of its certificate in `memory`: as stored, or fresh from the CA.
#[inline(never)] // Its frame is gone when the next phase needs the stack.
fn identify<B: Board>(
    config: &Config<'_, B::Address>,
    anchor: &Anchor<Sizes<B>>,
    clock: &mut Clock,
    memory: &mut Memory,
    board: &mut B,
) -> Result<(KeyPair<B::Crypto>, usize), Exit> {
    let now = clock.now(board);
    let (key, old) = match identity::load(config, anchor, clock, now, &mut memory.identity, board)? {
        Found::Whole(key, len) => {
            board.report(format_args!("identity: {}, as stored", config.subject));
            clock::confess(now, config.subject.as_str(), board);
            return Ok((key, len));
        }
        Found::Old(key, len) => (key, Some(len)),
        Found::Key(key) => (key, None),
        Found::Nothing => {
            let key = KeyPair::generate(board.crypto(), board.entropy());
            identity::store(&key, 0, &mut memory.identity, board)?;
            (key, None)
        }
    };
    // From here on the CA may grant something, and it must be possible to keep it.
    for record in [Record::Identity, Record::Time] {
        board.reserve(record).map_err(|_| Exit::Storage)?;
    }
    board.report(format_args!("enrolling as {} at {}", config.subject, config.ca));
    let certificate = identity::certificate(&mut memory.identity);
    let granted =
        enrol::enrol(config, anchor, &key, now, (&mut memory.rx, &mut memory.tx), certificate, board);
    let Granted { len, new, out_of_time } = match (granted, old) {
        (Err(exit), Some(len)) => {
            board.report(format_args!("identity: as stored, since {exit}"));
            return Ok((key, len));
        }
        (granted, _) => granted?,
    };
    let text = certificate.get(..len).unwrap_or_default();
    let validity = Certificate::parse(text).map_err(|_| Exit::Internal)?.validity();
    identity::store(&key, len, &mut memory.identity, board)?;
    if let Some(exit) = out_of_time {
        return Err(exit);
    }
    board.report(format_args!("enrolled until {}", validity.not_after()));
    clock::confess(now, config.subject.as_str(), board);
    clock.granted(validity, new, now, board)?;
    Ok((key, len))
}
