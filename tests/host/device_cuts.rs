//! A device on a line that is cut, falls silent or changes bytes, at every byte of every step.

use minipki_core::time::Now;
use minipki_device_app::Exit;
use minipki_tests::device::{Config, Damage, Errand, Passed, TestBoard, config, connect, listen};
use minipki_tests::device_others::{Claims, HELLO, Other, good, noon};
use minipki_tests::peers::trust;

/// A step of a device's life that went well once. Since the device's entropy is the same
/// each time, the other side can say what it said then.
struct Step {
    config: Config<'static>,
    before: TestBoard,
    /// What was stored by then.
    after: TestBoard,
    passed: Passed,
    cut: Exit,
    silent: Exit,
}

impl Step {
    fn record(config: Config<'static>, before: TestBoard, other: Other, cut: Exit, silent: Exit) -> Self {
        let mut board = before.restarted().meets(other);
        assert_eq!(board.run(&config), Exit::Done, "{:?}", board.lines);
        let passed = board.passed[0].borrow().clone();
        Self { config, before, after: board.restarted(), passed, cut, silent }
    }

    fn enrolment() -> Self {
        let ca = Other::ca(&trust(), good);
        let board = TestBoard::new(Now::Exact(noon()));
        Self::record(config(Errand::Enrol), board, ca, Exit::CaCut, Exit::CaSilent)
    }

    /// A channel from both of its sides.
    fn channels() -> [Self; 2] {
        let mut board = TestBoard::new(Now::Exact(noon())).meets(Other::ca(&trust(), good));
        assert_eq!(board.run(&config(Errand::Enrol)), Exit::Done, "{:?}", board.lines);
        let gateway = || Claims::of("gateway");
        [
            (connect(), Other::responder(gateway(), &[HELLO])),
            (listen(), Other::initiator(gateway(), &[HELLO])),
        ]
        .map(|(errand, peer)| {
            Self::record(config(errand), board.restarted(), peer, Exit::PeerCut, Exit::PeerSilent)
        })
    }

    fn again(&self, damage: Damage) -> (Exit, TestBoard) {
        let mut board = self.before.restarted().meets_with(Other::saying(&self.passed.incoming), damage);
        let exit = board.run(&self.config);
        (exit, board)
    }

    /// The device is started again on a good line, with other entropy: it comes to the same identity.
    fn is_retried(&self, board: &TestBoard) {
        if self.config.errand == Errand::Enrol {
            // Its certificate of then is good for no other key.
            let certificate = self.after.certificate().expect("it went well").to_vec();
            let ca = Other::ca(&trust(), move |_, _| certificate.clone());
            let mut board = board.restarted().with_entropy(78).meets(ca);
            assert_eq!(board.run(&self.config), Exit::Done, "{:?}", board.lines);
            assert!(board.identity == self.after.identity, "another key");
        } else {
            assert!(board.identity == self.before.identity, "a channel changes no identity");
        }
    }

    /// Ends the line after every byte in both directions.
    fn ends_at_every_byte(&self) {
        let incoming =
            (0..self.passed.incoming.len()).map(|at| Damage { incoming: Some(at), ..Damage::default() });
        let outgoing = (0..self.passed.outgoing).map(|at| Damage { outgoing: Some(at), ..Damage::default() });
        for damage in incoming.chain(outgoing) {
            for (silent, expected) in [(false, self.cut), (true, self.silent)] {
                let (exit, board) = self.again(Damage { silent, ..damage });
                if self.config.errand == listen() && !board.said("peer: ") {
                    // No channel was opened, and nobody else came.
                    assert_eq!(exit, Exit::PeerSilent, "{damage:?}: {:?}", board.lines);
                    let line = format!("no channel ({}): {expected}", expected.code());
                    assert!(board.said(&line), "{damage:?}: {:?}", board.lines);
                } else {
                    assert_eq!(exit, expected, "{damage:?}: {:?}", board.lines);
                }
                assert_eq!(board.certificate(), self.before.certificate(), "{damage:?}: nothing half done");
                self.is_retried(&board);
            }
        }
        let whole = self.again(Damage::default());
        assert_eq!(whole.0, Exit::Done, "the playback is what was recorded: {:?}", whole.1.lines);
    }
}

#[test]
fn an_enrolment_that_ends_at_any_byte() {
    Step::enrolment().ends_at_every_byte();
}

#[test]
fn a_channel_that_ends_at_any_byte() {
    Step::channels().iter().for_each(Step::ends_at_every_byte);
}

#[test]
fn a_grant_with_any_byte_changed_is_refused() {
    let step = Step::enrolment();
    // The challenge comes first. What is changed there makes the proof wrong, which the CA finds out.
    let challenge = 4 + u32::from_be_bytes(*step.passed.incoming.first_chunk().expect("a frame")) as usize;
    for at in challenge..step.passed.incoming.len() {
        let (exit, board) = step.again(Damage { flip: Some((at, at as u32 % 7)), ..Damage::default() });
        let reasons = [Exit::CaGarbage, Exit::CaCut, Exit::CertificateRefused, Exit::WrongFingerprint];
        assert!(reasons.contains(&exit), "byte {at}: {exit:?}, {:?}", board.lines);
        assert_eq!(board.certificate(), None);
    }
}

#[test]
fn a_channel_with_any_byte_changed_is_refused() {
    for step in Step::channels() {
        for at in 0..step.passed.incoming.len() {
            let (exit, board) = step.again(Damage { flip: Some((at, at as u32 % 7)), ..Damage::default() });
            let reasons = [Exit::PeerGarbage, Exit::PeerCut, Exit::NotAuthentic];
            let met = |reason: &Exit| {
                exit == *reason
                    || exit == Exit::PeerSilent && board.said(&format!("no channel ({}): ", reason.code()))
            };
            assert!(reasons.iter().any(met), "byte {at}: {exit:?}, {:?}", board.lines);
        }
    }
}
