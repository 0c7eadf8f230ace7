//! A run from the start to its exit reason.

use minipki_core::cert::{Anchor, Certificate};
use minipki_core::crypto::KeyPair;
use minipki_core::session::Local;

use crate::board::{Board, Stream};
use crate::clock::{self, Clock};
use crate::config::{Config, Errand};
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
    let mut clock = Clock::load(board);
    let anchor = Anchor::from_fingerprint(config.fingerprint);
    let (key, len) = identify(config, &anchor, &mut clock, memory, board)?;

    let certificate = identity::certificate(&mut memory.identity).get(..len).ok_or(Exit::Internal)?;
    let now = clock.now(board);
    let local = Local { key: &key, certificate, anchor: &anchor, now, peer: config.peer };
    let buffers = (&mut memory.rx[..], &mut memory.tx[..]);
    let channel = match config.errand {
        Errand::Enrol => return Ok(()),
        Errand::Connect(to) => channel::connect(to, config, local, buffers, board)?,
        Errand::Listen(on) => channel::accept(on, config, local, buffers, board)?,
    };

    let peer = &channel.peer;
    board.report(format_args!("peer: {}, certificate verified", peer.subject_id()));
    clock::confess(now, peer.subject_id().as_str(), board);
    if let Err(exit) = clock.saw(peer.validity().not_before(), board) {
        channel.stream.close();
        return Err(exit);
    }
    talk::talk(config, channel, board)
}

/// The device's key, and the length of its certificate in `memory`: as stored, or fresh from the CA.
#[inline(never)] // Its frame is gone when the next phase needs the stack.
fn identify<B: Board>(
    config: &Config<'_, B::Address>,
    anchor: &Anchor,
    clock: &mut Clock,
    memory: &mut Memory,
    board: &mut B,
) -> Result<(KeyPair<B::Crypto>, usize), Exit> {
    let now = clock.now(board);
    let key = match identity::load(config, anchor, now, &mut memory.identity, board) {
        Found::Whole(key, len) => {
            board.report(format_args!("identity: {}, as stored", config.subject));
            clock::confess(now, config.subject.as_str(), board);
            return Ok((key, len));
        }
        Found::Key(key) => {
            board.report(format_args!("identity: the certificate has expired, the key is kept"));
            key
        }
        Found::Nothing => KeyPair::generate(board.entropy()),
    };
    board.report(format_args!("enrolling as {} at {}", config.subject, config.ca));
    let certificate = identity::certificate(&mut memory.identity);
    let len = enrol::enrol(config, anchor, &key, now, (&mut memory.rx, &mut memory.tx), certificate, board)?;
    let text = certificate.get(..len).unwrap_or_default();
    let validity = Certificate::parse(text).map_err(|_| Exit::Internal)?.validity();
    board.report(format_args!("enrolled until {}", validity.not_after()));
    clock::confess(now, config.subject.as_str(), board);
    identity::store(config, &key, len, &mut memory.identity, board)?;
    clock.saw(validity.not_before(), board)?;
    Ok((key, len))
}
