//! A run from the start to its exit reason, and the memory for it.

use minipki_core::cert::{Anchor, Certificate};
use minipki_core::crypto::KeyPair;
use minipki_core::limits::FRAME;
use minipki_core::session::LocalIdentity;
use minipki_core::trust::StatusPolicy;
use zeroize::Zeroize;

use crate::board::{Board, IDENTITY, Record, Sizes};
use crate::clock::{self, Clock};
use crate::config::{Config, Errand};
use crate::enrol::Issued;
use crate::exit::Exit;
use crate::identity::{self, Found};
use crate::{channel, enrol, talk};

/// All buffers of a run: two frames and an identity, about 12 KB. The board lends them, on a device as a static.
pub struct Memory {
    rx: [u8; FRAME],
    tx: [u8; FRAME],
    identity: [u8; IDENTITY],
}

impl Memory {
    /// All zeros, so that a static of it takes no flash.
    pub const fn new() -> Self {
        Self { rx: [0; FRAME], tx: [0; FRAME], identity: [0; IDENTITY] }
    }

    /// Wipes all buffers.
    fn wipe(&mut self) {
        self.rx.zeroize();
        self.tx.zeroize();
        self.identity.zeroize();
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

/// Runs the device: enrols it unless it is enrolled already, then does its task.
///
/// The last line of the report is the exit reason, which is also returned. `memory` is wiped.
pub fn run<B: Board>(config: &Config<'_, B::Address>, memory: &mut Memory, board: &mut B) -> Exit {
    let exit = run_steps(config, memory, board).err().unwrap_or(Exit::Done);
    memory.wipe();
    board.report(format_args!("exit {}: {exit}", exit.code()));
    exit
}

fn run_steps<B: Board>(
    config: &Config<'_, B::Address>,
    memory: &mut Memory,
    board: &mut B,
) -> Result<(), Exit> {
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
        let local = LocalIdentity {
            key: &key,
            credentials: certificate,
            anchor: &anchor,
            now,
            status_policy: StatusPolicy::default(),
            peer: config.peer,
        };
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
    clock::report_uncertainty(now, peer.subject_id().as_str(), board);
    // A hint for the next start. If it cannot be stored, the device renews later.
    let _ = clock.learn_from_peer(peer.validity(), now, board);
    talk::talk(config, channel, board)
}

/// The device's key, and the length of its certificate in `memory`: the stored one, or a new one from the CA.
#[inline(never)] // So that its frame leaves the stack before the next phase.
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
            clock::report_uncertainty(now, config.subject.as_str(), board);
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
    // The CA may issue a certificate from here on, so there must be room to store it.
    for record in [Record::Identity, Record::Time] {
        board.reserve(record).map_err(|_| Exit::Storage)?;
    }
    board.report(format_args!("enrolling as {} at {}", config.subject, config.ca));
    let certificate = identity::certificate(&mut memory.identity);
    let issued =
        enrol::enrol(config, anchor, &key, now, (&mut memory.rx, &mut memory.tx), certificate, board);
    let Issued { len, new, out_of_time } = match (issued, old) {
        (Err(exit), Some(len)) => {
            board.report(format_args!("identity: as stored, since {exit}"));
            return Ok((key, len));
        }
        (issued, _) => issued?,
    };
    let text = certificate.get(..len).unwrap_or_default();
    let validity = Certificate::parse(text).map_err(|_| Exit::Internal)?.validity();
    identity::store(&key, len, &mut memory.identity, board)?;
    if let Some(exit) = out_of_time {
        return Err(exit);
    }
    board.report(format_args!("enrolled until {}", validity.not_after()));
    clock::report_uncertainty(now, config.subject.as_str(), board);
    clock.learn_from_ca(validity, new, now, board)?;
    Ok((key, len))
}
