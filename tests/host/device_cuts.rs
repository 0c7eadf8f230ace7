//! A device on a line that is cut, becomes silent or changes a byte, at every byte of an enrolment and of a channel.

use minipki_core::time::Now;
use minipki_device_app::Exit;
use minipki_tests::device::{Config, Damage, Errand, Passed, TestBoard, config, connect, listen};
use minipki_tests::device_remotes::{Claims, HELLO, Remote, good, noon};
use minipki_tests::peers::trust;

/// A recorded successful run. The device's entropy is the same in each run, so the remote can repeat its bytes.
struct Step {
    config: Config<'static>,
    before: TestBoard,
    /// The board after the recorded run.
    after: TestBoard,
    passed: Passed,
    cut: Exit,
    silent: Exit,
}

/// Sets the CA of an enrolment, or the peer of a channel.
fn attach(board: TestBoard, config: &Config<'_>, other: Remote, damage: Damage) -> TestBoard {
    match config.errand {
        Errand::Enrol => board.with_damaged_ca(other, damage),
        _ => board.with_damaged_peer(other, damage),
    }
}

impl Step {
    fn record(config: Config<'static>, before: TestBoard, other: Remote, cut: Exit, silent: Exit) -> Self {
        let mut board = attach(before.restarted(), &config, other, Damage::default());
        assert_eq!(board.run(&config), Exit::Done, "{:?}", board.lines);
        let passed = board.passed[0].borrow().clone();
        Self { config, before, after: board.restarted(), passed, cut, silent }
    }

    fn enrolment() -> Self {
        let ca = Remote::ca(&trust(), good);
        let board = TestBoard::new(Now::Exact(noon()));
        Self::record(config(Errand::Enrol), board, ca, Exit::CaCut, Exit::CaSilent)
    }

    /// The recorded runs of both sides of a channel.
    fn channels() -> [Self; 2] {
        let mut board = TestBoard::new(Now::Exact(noon())).with_ca(Remote::ca(&trust(), good));
        assert_eq!(board.run(&config(Errand::Enrol)), Exit::Done, "{:?}", board.lines);
        let gateway = || Claims::of("gateway");
        [
            (connect(), Remote::responder(gateway(), &[HELLO])),
            (listen(), Remote::initiator(gateway(), &[HELLO])),
        ]
        .map(|(errand, peer)| {
            Self::record(config(errand), board.restarted(), peer, Exit::PeerCut, Exit::PeerSilent)
        })
    }

    fn replay(&self, damage: Damage) -> (Exit, TestBoard) {
        let other = Remote::saying(&self.passed.incoming);
        let mut board = attach(self.before.restarted(), &self.config, other, damage);
        let exit = board.run(&self.config);
        (exit, board)
    }

    /// Starts the device again on a good line with other entropy. It must get the same identity.
    fn check_retry(&self, board: &TestBoard) {
        if self.config.errand == Errand::Enrol {
            // The recorded certificate is valid for no other key.
            let certificate = self.after.certificate().expect("the run succeeded").to_vec();
            let ca = Remote::ca(&trust(), move |_, _| certificate.clone());
            let mut board = board.restarted().with_entropy(78).with_ca(ca);
            assert_eq!(board.run(&self.config), Exit::Done, "{:?}", board.lines);
            assert!(board.identity == self.after.identity, "another key");
        } else {
            assert!(board.identity == self.before.identity, "a channel changes no identity");
        }
    }

    /// Replays the run with an end of the line after every byte in both directions.
    fn check_every_byte(&self) {
        let incoming =
            (0..self.passed.incoming.len()).map(|at| Damage { incoming: Some(at), ..Damage::default() });
        let outgoing = (0..self.passed.outgoing).map(|at| Damage { outgoing: Some(at), ..Damage::default() });
        for damage in incoming.chain(outgoing) {
            for (silent, expected) in [(false, self.cut), (true, self.silent)] {
                let (exit, board) = self.replay(Damage { silent, ..damage });
                if self.config.errand == listen() && !board.reported("peer: ") {
                    // No channel was opened, and no other peer came.
                    assert_eq!(exit, Exit::PeerSilent, "{damage:?}: {:?}", board.lines);
                    let line = format!("no channel ({}): {expected}", expected.code());
                    assert!(board.reported(&line), "{damage:?}: {:?}", board.lines);
                } else {
                    assert_eq!(exit, expected, "{damage:?}: {:?}", board.lines);
                }
                assert_eq!(
                    board.certificate(),
                    self.before.certificate(),
                    "{damage:?}: a changed certificate"
                );
                self.check_retry(&board);
            }
        }
        let whole = self.replay(Damage::default());
        assert_eq!(whole.0, Exit::Done, "the replay equals the record: {:?}", whole.1.lines);
    }
}

#[test]
fn an_enrolment_that_ends_at_any_byte() {
    Step::enrolment().check_every_byte();
}

#[test]
fn a_channel_that_ends_at_any_byte() {
    Step::channels().iter().for_each(Step::check_every_byte);
}

#[test]
fn a_grant_with_any_byte_changed_is_refused() {
    let step = Step::enrolment();
    // The challenge comes first. A change in it makes the proof wrong, and the CA would refuse it.
    let challenge = 4 + u32::from_be_bytes(*step.passed.incoming.first_chunk().expect("a frame")) as usize;
    for at in challenge..step.passed.incoming.len() {
        let (exit, board) = step.replay(Damage { flip: Some((at, at as u32 % 7)), ..Damage::default() });
        let reasons = [Exit::CaGarbage, Exit::CaCut, Exit::CertificateRefused, Exit::WrongFingerprint];
        assert!(reasons.contains(&exit), "byte {at}: {exit:?}, {:?}", board.lines);
        assert_eq!(board.certificate(), None);
    }
}

#[test]
fn a_channel_with_any_byte_changed_is_refused() {
    for step in Step::channels() {
        for at in 0..step.passed.incoming.len() {
            let (exit, board) = step.replay(Damage { flip: Some((at, at as u32 % 7)), ..Damage::default() });
            let reasons = [Exit::PeerGarbage, Exit::PeerCut, Exit::NotAuthentic];
            let matches = |reason: &Exit| {
                exit == *reason
                    || exit == Exit::PeerSilent
                        && board.reported(&format!("no channel ({}): ", reason.code()))
            };
            assert!(reasons.iter().any(matches), "byte {at}: {exit:?}, {:?}", board.lines);
        }
    }
}
