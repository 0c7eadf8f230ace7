//! The time of a device: it learns the time from its CA. Peers and wrong clocks cannot change it.

use minipki_core::cert::Id;
use minipki_core::crypto::x25519;
use minipki_core::time::{Now, UnixTime};
use minipki_core::trust::Validity;
use minipki_device_app::Exit;
use minipki_tests::device::{Errand, TestBoard, config, connect};
use minipki_tests::device_remotes::{Claims, Remote, around_noon, good, noon, numbered};
use minipki_tests::peers::{CA, certificate, trust};

const DAY: i64 = 24 * 60 * 60;

/// A board without a clock. Its lower bound of the time is one day before noon.
fn clockless() -> TestBoard {
    TestBoard::new(Now::AtLeast(around_noon(-DAY, 0).not_before()))
}

/// A CA that issues certificates with this validity.
fn dated(validity: Validity) -> Remote {
    Remote::ca(&trust(), move |subject: Id<'_>, key: &x25519::PublicKey| {
        certificate(CA, subject.as_str(), key, validity)
    })
}

fn enrolled(board: TestBoard, ca: Remote) -> TestBoard {
    // With a certificate, the device asks first whether the CA has changed its key.
    let board = if board.certificate().is_some() { board.with_ca(Remote::changed(&[])) } else { board };
    let mut board = board.with_ca(ca);
    assert_eq!(board.run(&config(Errand::Enrol)), Exit::Done, "{:?}", board.lines);
    board.restarted()
}

/// Renews the certificate of a device. The new one has this validity.
fn renewed(board: &TestBoard, validity: Validity) -> TestBoard {
    let ca =
        Remote::renewing(board.public_key(), move |subject, key| numbered(4_243, subject, key, validity));
    let mut board = board.restarted().with_entropy(78).with_ca(Remote::changed(&[])).with_ca(ca);
    assert_eq!(board.run(&config(Errand::Enrol)), Exit::Done, "{:?}", board.lines);
    assert!(board.reported("renewed until "), "{:?}", board.lines);
    board.restarted()
}

/// Connects the device to a peer with a certificate of this validity. Returns the exit and the board.
fn connect_to(board: &TestBoard, validity: Validity) -> (Exit, TestBoard) {
    let peer = Remote::responder(Claims::certified(CA, "gateway", validity), &[]);
    let mut board = board.restarted().with_peer(peer);
    let exit = board.run(&config(connect()));
    (exit, board)
}

/// The stored lower bound of the time, in seconds after noon.
fn least(board: &TestBoard) -> i64 {
    let record = board.time.as_ref().expect("a value");
    let seconds = u64::from_be_bytes(*record.first_chunk().expect("8 bytes"));
    seconds.cast_signed() - noon().get().cast_signed()
}

#[test]
fn a_device_without_a_clock_learns_the_time_from_its_certificate() {
    let board = enrolled(clockless(), Remote::ca(&trust(), good));
    assert_eq!(least(&board), -300, "its certificate began then");
    assert_eq!(connect_to(&board, around_noon(-7200, -301)).0, Exit::PeerExpired);
    let (exit, board) = connect_to(&board, around_noon(-7200, 50));
    assert_eq!(exit, Exit::Done);
    for subject in ["device", "gateway"] {
        let unchecked = format!("the expiry of the certificate of {subject} could not be checked");
        assert!(board.reported(&unchecked), "{:?}", board.lines);
    }
}

#[test]
fn a_peers_certificate_from_2099_moves_no_clock() {
    let board = enrolled(clockless(), Remote::ca(&trust(), good));
    let (exit, board) = connect_to(&board, around_noon(72 * 365 * DAY, 73 * 365 * DAY));
    assert_eq!((exit, least(&board)), (Exit::Done, -300));
    // The device renews its certificate, because it may have expired. Without a CA it keeps its certificate.
    let mut alone = board.restarted();
    assert_eq!(alone.run(&config(Errand::Enrol)), Exit::Done, "{:?}", alone.lines);
    assert!(alone.reported("identity: as stored, since nothing takes connections"), "{:?}", alone.lines);
    let renewed = renewed(&board, around_noon(-300, 3600));
    assert_ne!(renewed.key(), board.key());
    // The CA has given the time, so no further enrolment is needed.
    let mut settled = renewed.restarted();
    assert_eq!(settled.run(&config(Errand::Enrol)), Exit::Done);
    assert_eq!(settled.lines[0], "identity: device, as stored");
    assert_eq!(
        connect_to(&settled, around_noon(-300, 3600)).0,
        Exit::Done,
        "honest peers are accepted as before"
    );
}

#[test]
fn a_device_without_a_clock_renews_when_it_has_seen_a_newer_certificate() {
    let board = enrolled(clockless(), Remote::ca(&trust(), good));
    let later = around_noon(2 * DAY, 4 * DAY);
    let (exit, board) = connect_to(&board, later);
    assert_eq!(exit, Exit::Done, "the device does not know the real time");
    let board = renewed(&board, later);
    assert_eq!(least(&board), 2 * DAY);
    assert_eq!(connect_to(&board, around_noon(-300, DAY)).0, Exit::PeerExpired);
}

#[test]
fn a_wrong_clock_of_the_ca_affects_a_device_for_90_days_at_most() {
    let wrong = around_noon(72 * 365 * DAY, 73 * 365 * DAY);
    let board = enrolled(clockless(), dated(wrong));
    assert_eq!(least(&board), 89 * DAY, "90 days after the earlier bound");
    // The certificate begins after the bound, so the device enrols again. The same answer changes nothing.
    let board = enrolled(board, dated(wrong));
    assert_eq!(least(&board), 89 * DAY);
    // The CA's clock is right again, so the device's certificate has the right dates.
    let days = |from: i64| around_noon(from * DAY, (from + 90) * DAY);
    let board = enrolled(board, dated(days(0)));
    assert_eq!(least(&board), 89 * DAY);
    assert_eq!(
        connect_to(&board, days(-2)).0,
        Exit::PeerExpired,
        "certificates that end before the bound are refused"
    );
    assert_eq!(connect_to(&board, days(0)).0, Exit::Done);
    // Erasing the stored time repairs it at once, because the CA gives the time again. The key stays.
    let mut erased = board.restarted();
    erased.time = None;
    let repaired = enrolled(erased, dated(around_noon(-200, 90 * DAY)));
    assert_eq!((least(&repaired), repaired.key()), (-200, board.key()));
    assert_eq!(connect_to(&repaired, days(-2)).0, Exit::Done);
}

#[test]
fn a_clock_that_was_set_back_is_not_trusted() {
    let mut board = enrolled(TestBoard::new(Now::Exact(noon())), Remote::ca(&trust(), good));
    board.now = Now::Exact(around_noon(-10 * DAY, 0).not_before());
    let (exit, board) = connect_to(&board, around_noon(-300, 3600));
    assert_eq!(exit, Exit::Done);
    assert!(board.reported("could not be checked"), "{:?}", board.lines);
}

#[test]
fn a_certificate_that_the_clock_does_not_allow_is_kept_until_it_does() {
    let years = |years: u64| UnixTime::new(years * 365 * 86_400).expect("a time");
    for (wrong, reason) in [(years(0), Exit::CertificateNotYetValid), (years(129), Exit::CertificateExpired)]
    {
        let mut board = TestBoard::new(Now::Exact(wrong)).with_ca(Remote::ca(&trust(), good));
        assert_eq!(board.run(&config(Errand::Enrol)), reason, "{:?}", board.lines);
        assert_eq!(board.time, None, "a wrong clock gives no lower bound");
        // A restart with a wrong clock enrols again with the same key.
        // This CA refuses the renewal of a certificate that seems to be over.
        let mut again = board.restarted().with_entropy(78);
        again = if reason == Exit::CertificateExpired { again.with_ca(Remote::changed(&[])) } else { again };
        again = again.with_ca(Remote::ca(&trust(), good)).with_ca(Remote::ca(&trust(), good));
        assert_eq!(again.run(&config(Errand::Enrol)), reason);
        assert_eq!(again.identity, board.identity);
        // With the right clock no CA is needed.
        let mut right = again.restarted();
        right.now = Now::Exact(noon());
        assert_eq!(right.run(&config(Errand::Enrol)), Exit::Done, "{:?}", right.lines);
        assert_eq!(right.lines[0], "identity: device, as stored");
    }
}
