//! A run from the start to its exit reason.

use minipki_core::bytes::Secret;
use minipki_core::crypto::{Hash, KeyPair};
use minipki_core::session::{EnrolForm, LocalIdentity};

use crate::board::{Board, Record, Stream};
use crate::ca::Ca;
use crate::channel;
use crate::clock::{self, Age};
use crate::config::{Config, Errand};
use crate::enrol::{self, Issued};
use crate::exit::Exit;
use crate::identity::{self, Found};
use crate::memory::Memory;
use crate::{anchor, renewal, status, talk};

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
    let mut ca = Ca::load(config, board)?;
    let (key, len) = identify(config, &mut ca, memory, board)?;
    if matches!(config.errand, Errand::Enrol) {
        return Ok(());
    }

    let len = status::staple(config, &mut ca, len, memory, board)?;
    if let Errand::Listen(on) = config.errand {
        let at = board.listen(on, config.deadline).map_err(|_| Exit::CannotListen)?;
        board.report(format_args!("listening at {at}"));
    }
    let mut asked = false;
    let (now, channel) = loop {
        let now = ca.now(board);
        let (buffers, credentials) = memory.parts();
        let local = LocalIdentity {
            key: &key,
            credentials: credentials.get(..len).ok_or(Exit::Internal)?,
            anchor: &ca.anchor,
            now,
            status_policy: ca.status_policy(config.status),
            peer: config.peer,
        };
        let opened = match config.errand {
            Errand::Enrol => return Ok(()),
            Errand::Connect(to) => channel::connect(to, config, local, buffers, board),
            Errand::Listen(_) => channel::accept(config, local, buffers, board)?,
        };
        let exit = match opened {
            Ok(channel) => break (now, channel),
            Err(exit) => exit,
        };
        let listens = matches!(config.errand, Errand::Listen(_));
        if listens {
            board.report(format_args!("no channel ({}): {exit}", exit.code()));
        }
        // The CA may have changed its key. Strangers cause one request in a run.
        let ask = exit == Exit::PeerOfAnotherCa && !asked;
        asked |= ask;
        let changed = ask
            && follow(config, &mut ca, len, memory, board)
                .or_else(|error| if error == Exit::Storage { Err(error) } else { Ok(false) })?;
        if !(listens || changed) {
            return Err(exit);
        }
    };

    let peer = &channel.peer;
    board.report(format_args!("peer: {}, certificate verified", peer.subject_id()));
    clock::report_uncertainty(now, peer.subject_id().as_str(), board);
    if let Err(exit) = status::note_peer(&mut ca, (peer.subject_id(), peer.revocation()), now, board) {
        channel.stream.close();
        return Err(exit);
    }
    // A hint for the next start. If it cannot be stored, the device renews later.
    let _ = ca.clock.learn_from_peer(peer.validity(), now, board);
    talk::talk(config, channel, board)
}

/// The device's key, and the length of its certificate in `memory`: the stored ones, renewed ones, or new ones from the CA.
#[inline(never)] // So that its frame leaves the stack before the next phase.
fn identify<B: Board>(
    config: &Config<'_, B::Address>,
    ca: &mut Ca<B>,
    memory: &mut Memory,
    board: &mut B,
) -> Result<(KeyPair<B::Crypto>, usize), Exit> {
    let now = ca.now(board);
    let (key, present) = match identity::load(config, ca, now, &mut memory.identity, board)? {
        Found::Whole(key, present) if present.age == Age::Fresh => {
            board.report(format_args!("identity: {}, as stored", config.subject));
            clock::report_uncertainty(now, config.subject.as_str(), board);
            return Ok((key, present.len));
        }
        Found::Whole(key, present) => (key, Some(present)),
        Found::Key(key) => (key, None),
        Found::Nothing => {
            let key = KeyPair::generate(board.crypto(), board.entropy());
            identity::store(&key, 0, &mut memory.identity, board)?;
            (key, None)
        }
    };
    let answers = match &present {
        Some(present) => follow(config, ca, present.len, memory, board).map(drop),
        None => Ok(()),
    };
    let renewed = match &present {
        Some(_) if answers.is_err() => answers.err().map(Err),
        // A certificate that has not begun is not renewed: the new one could begin earlier, as a replayed one does.
        Some(present) if present.age != Age::Ahead => {
            Some(renewal::renew(config, ca, (&key, present), memory, board))
        }
        _ => None,
    };
    let may_be_over = present.as_ref().is_some_and(|present| present.age.may_be_over());
    let obtained = match renewed {
        // The certificate may be too old for a renewal, but not for an enrolment.
        Some(Err(exit)) if may_be_over && exit.is_refusal() => None,
        renewed => renewed.map(|renewed| renewed.map(|(new, issued)| (new, issued, true))),
    };
    let obtained = obtained.unwrap_or_else(|| {
        enrol_key(config, ca, &key, memory, board).map(|issued| (key.clone(), issued, false))
    });
    let (key, issued, renewed) = match (obtained, &present) {
        (Err(exit), Some(present)) if present.age != Age::Over => {
            board.report(format_args!("identity: as stored, since {exit}"));
            return Ok((key, present.len));
        }
        (obtained, _) => obtained?,
    };
    take(config, ca, (&key, &issued, renewed), memory, board)?;
    Ok((key, issued.len))
}

/// Follows a change of the CA's key. An answer that fails a check is only reported.
///
/// # Errors
/// [`Exit::Storage`], or the reason why the CA does not answer.
fn follow<B: Board>(
    config: &Config<'_, B::Address>,
    ca: &mut Ca<B>,
    len: usize,
    memory: &mut Memory,
    board: &mut B,
) -> Result<bool, Exit> {
    let followed = anchor::follow(config, ca, len, memory, board);
    if let Err(exit) = followed {
        board.report(format_args!("anchor: as before, since {exit}"));
        if !(exit.is_silence() || exit == Exit::Storage) {
            return Ok(false);
        }
    }
    followed
}

/// Requests a certificate for `key`, which is stored already.
fn enrol_key<B: Board>(
    config: &Config<'_, B::Address>,
    ca: &Ca<B>,
    key: &KeyPair<B::Crypto>,
    memory: &mut Memory,
    board: &mut B,
) -> Result<Issued, Exit> {
    enrol::reserve(&[Record::Identity, Record::Time], board)?;
    board.report(format_args!("enrolling as {} at {}", config.subject, config.ca));
    let token = config.token.map(|token| Secret::new(board.crypto().sha256(&[token.0.as_bytes()])));
    let (buffers, certificate) = memory.parts();
    enrol::enrol(config, ca, key, (EnrolForm::Proven { token }, None), buffers, certificate, board)
}

/// Stores a new identity in place of the present one.
fn take<B: Board>(
    config: &Config<'_, B::Address>,
    ca: &mut Ca<B>,
    (key, issued, renewed): (&KeyPair<B::Crypto>, &Issued, bool),
    memory: &mut Memory,
    board: &mut B,
) -> Result<(), Exit> {
    let now = ca.now(board);
    identity::store(key, issued.len, &mut memory.identity, board)?;
    if renewed {
        renewal::erase(board);
    }
    if let Some(exit) = issued.out_of_time {
        return Err(exit);
    }
    let text = memory.parts().1.get(..issued.len).unwrap_or_default();
    let certificate = identity::check(config, ca, now, key, text).map_err(Exit::of_certificate)?;
    let validity = certificate.validity();
    let what = if renewed { "renewed" } else { "enrolled" };
    board.report(format_args!("{what} until {}", validity.not_after()));
    clock::report_uncertainty(now, config.subject.as_str(), board);
    ca.clock.learn_from_ca(validity, issued.new, now, board)
}
