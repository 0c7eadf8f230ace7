//! Revocation statuses at a device: its own, which it shows to peers, and those of its peers.

use std::path::Path;

use minipki_core::cert::TbsStatus;
use minipki_core::time::{Now, UnixTime};
use minipki_core::trust::{CertStatus, RevocationReason, Serial, StatusRule};
use minipki_device::run as run_device;
use minipki_device_app::Exit;
use minipki_fixtures::certificates::anchor;
use minipki_fixtures::statuses::{self, revocation, state};
use minipki_tests::device::{Config, Errand, TestBoard, config, connect, listen};
use minipki_tests::device_remotes::{Claims, HELLO, Remote, around_noon, good, noon};
use minipki_tests::peers::{CA, OTHER_CA, certificate, trust};
use minipki_tests::program::{run, start};

const HOUR: i64 = 60 * 60;
const DAY: i64 = 24 * HOUR;

/// An enrolled device whose clock shows noon.
fn enrolled() -> TestBoard {
    enrolled_with(Now::Exact(noon()), 9)
}

/// A device with a certificate that ends after some days.
fn enrolled_with(now: Now, days: i64) -> TestBoard {
    let mut board = TestBoard::new(now).with_ca(Remote::ca(&trust(), move |subject, key| {
        certificate(CA, subject.as_str(), key, around_noon(-300, days * DAY))
    }));
    assert_eq!(board.run(&config(Errand::Enrol)), Exit::Done, "{:?}", board.lines);
    board.restarted()
}

/// A status with these fields. All certificates of these tests have the serial number of the fixture.
fn stated(fields: &TbsStatus<'_>) -> Vec<u8> {
    state(fields, CA)
}

/// A good status: from twelve hours before noon to twelve hours after it, with the revocation number 7.
fn good_status() -> Vec<u8> {
    stated(&statuses::good(CA))
}

fn numbered(number: u64) -> Vec<u8> {
    stated(&TbsStatus { number, ..statuses::good(CA) })
}

fn revoked(reason: RevocationReason) -> Vec<u8> {
    stated(&TbsStatus { status: CertStatus::Revoked(revocation(reason)), ..statuses::good(CA) })
}

/// An honest peer.
fn gateway() -> Claims {
    Claims::certified(CA, "gateway", around_noon(-300, 9 * DAY))
}

/// A peer that requires a status of the device, and shows this one itself.
fn demanding(status: &[u8]) -> Claims {
    Claims { rule: StatusRule::Required, ..gateway() }.with_status(status)
}

/// Runs a device that connects to a peer of these claims, after it has asked `ca` for its status.
fn meet(board: &TestBoard, ca: Option<Remote>, claims: Claims, rule: StatusRule) -> (Exit, TestBoard) {
    let mut board = board.restarted().with_peer(Remote::responder(claims, &[HELLO]));
    if let Some(ca) = ca {
        board = board.with_ca(ca);
    }
    let exit = board.run(&Config { status: rule, ..config(connect()) });
    (exit, board)
}

#[test]
fn a_device_shows_its_status_from_either_side_and_demands_its_peers() {
    for (errand, peer) in [
        (connect(), Remote::responder(demanding(&good_status()), &[HELLO])),
        (listen(), Remote::initiator(demanding(&good_status()), &[HELLO])),
    ] {
        let mut board = enrolled().with_ca(Remote::stating(&good_status())).with_peer(peer);
        let config = Config { status: StatusRule::MaxAge(13 * 60 * 60), ..config(errand) };
        assert_eq!(board.run(&config), Exit::Done, "{:?}", board.lines);
        assert_eq!(board.lines[1], "status: not revoked at 2026-06-15T00:00:00+00:00");
        let line = "revocation: gateway was not revoked at 2026-06-15T00:00:00+00:00";
        assert!(board.reported(line) && board.reported("gateway: hello"), "{:?}", board.lines);
    }
}

#[test]
fn without_the_ca_the_stored_status_is_shown_while_it_can_be_used() {
    let (exit, board) = meet(
        &enrolled(),
        Some(Remote::stating(&good_status())),
        demanding(&good_status()),
        StatusRule::Optional,
    );
    assert_eq!(exit, Exit::Done, "{:?}", board.lines);
    for ca in [None, Some(Remote::silent()), Some(Remote::saying(b"")), Some(Remote::ca(&trust(), good))] {
        let (exit, board) = meet(&board, ca, demanding(&good_status()), StatusRule::Optional);
        assert_eq!(exit, Exit::Done, "{:?}", board.lines);
        assert!(board.reported("status: not from the CA, since "), "{:?}", board.lines);
        assert!(board.reported("status: not revoked at 2026-06-15T00:00:00"), "{:?}", board.lines);
    }
    // It may be used until midnight, also by a device that knows only a lower bound of the time.
    let midnight = around_noon(12 * HOUR + 1, DAY).not_before();
    for now in [Now::Exact(midnight), Now::AtLeast(midnight)] {
        let mut later = board.restarted();
        later.now = now;
        let (exit, later) = meet(&later, None, demanding(&good_status()), StatusRule::Optional);
        assert_eq!(exit, Exit::PeerRefused, "{:?}", later.lines);
        assert!(later.reported("status: none to show, since the revocation status may be used until"));
    }
    // A stored status of another certificate, or one that was damaged, is not shown.
    let other = stated(&TbsStatus { serial_number: Serial::new(7).expect("in range"), ..statuses::good(CA) });
    let mut flipped = good_status();
    flipped[30] ^= 1;
    for text in [other, flipped, b"{}".to_vec()] {
        let mut changed = board.restarted();
        let mut record = text;
        record.resize(changed.status.as_ref().expect("stored").len(), 0);
        changed.status = Some(record);
        let (exit, changed) = meet(&changed, None, demanding(&good_status()), StatusRule::Optional);
        assert_eq!((exit, changed.reported("status: none to show")), (Exit::PeerRefused, true));
    }
}

#[test]
fn a_status_that_is_not_the_cas_about_this_certificate_is_not_shown() {
    let other = TbsStatus { serial_number: Serial::new(7).expect("in range"), ..statuses::good(CA) };
    let mut flipped = good_status();
    flipped[30] ^= 1;
    for status in [stated(&other), state(&statuses::good(OTHER_CA), OTHER_CA), flipped] {
        let (exit, board) =
            meet(&enrolled(), Some(Remote::stating(&status)), gateway(), StatusRule::Optional);
        let line = format!("status: not from the CA, since {}", Exit::CertificateRefused);
        assert!(exit == Exit::Done && board.reported(&line) && board.status.is_none(), "{:?}", board.lines);
    }
    let unknown = stated(&TbsStatus { status: CertStatus::Unknown, ..statuses::good(CA) });
    let (exit, board) = meet(&enrolled(), Some(Remote::stating(&unknown)), gateway(), StatusRule::Optional);
    assert!(exit == Exit::Done && board.reported("since the CA does not know this certificate"));
}

#[test]
fn a_device_whose_own_certificate_is_revoked_says_so_and_stops() {
    let status = revoked(RevocationReason::KeyCompromise);
    for errand in [connect(), listen()] {
        let peer = Remote::responder(gateway(), &[HELLO]);
        let mut board = enrolled().with_ca(Remote::stating(&status)).with_peer(peer);
        assert_eq!(board.run(&config(errand)), Exit::Revoked, "{:?}", board.lines);
        assert!(board.reported("was revoked at 2026-06-10T08:30:00+00:00 (reason: key_compromise)"));
        assert_eq!(board.passed.len(), 1, "no peer is called");
        // Without the CA the device remembers it, also after the period of the status.
        let mut later = board.restarted();
        later.now = Now::Exact(around_noon(2 * DAY, 3 * DAY).not_before());
        assert_eq!(meet(&later, None, gateway(), StatusRule::Optional).0, Exit::Revoked);
    }
    // A hold may have been removed meanwhile.
    let hold = revoked(RevocationReason::CertificateHold);
    let (exit, board) = meet(&enrolled(), Some(Remote::stating(&hold)), gateway(), StatusRule::Optional);
    assert_eq!(exit, Exit::Revoked);
    let mut later = board.restarted();
    later.now = Now::Exact(around_noon(2 * DAY, 3 * DAY).not_before());
    assert_eq!(meet(&later, None, gateway(), StatusRule::Optional).0, Exit::Done);
}

#[test]
fn a_peer_needs_a_status_that_the_rule_accepts() {
    use StatusRule::{MaxAge, Optional, Required};
    let outdated = stated(&TbsStatus {
        this_update: around_noon(-2 * DAY, 0).not_before(),
        next_update: around_noon(-DAY, 0).not_before(),
        ..statuses::good(CA)
    });
    let unknown = stated(&TbsStatus { status: CertStatus::Unknown, ..statuses::good(CA) });
    let mut flipped = good_status();
    flipped[30] ^= 1;
    for (status, rule, exit, said) in [
        (
            None,
            Required,
            Exit::PeerStatusRefused,
            "revocation: no revocation status came with the certificate",
        ),
        (None, Optional, Exit::Done, "revocation: not known of gateway, since no revocation status came"),
        (
            Some(outdated.clone()),
            Required,
            Exit::PeerStatusRefused,
            "revocation: the revocation status may be",
        ),
        (
            Some(outdated),
            Optional,
            Exit::Done,
            "revocation: not known of gateway, since the revocation status",
        ),
        (Some(good_status()), MaxAge(11 * 3600), Exit::PeerStatusRefused, "is too old for the policy"),
        (Some(good_status()), Required, Exit::Done, "revocation: gateway was not revoked at"),
        (
            Some(unknown),
            Optional,
            Exit::PeerStatusRefused,
            "revocation: the CA does not know this certificate",
        ),
        (Some(revoked(RevocationReason::Superseded)), Optional, Exit::PeerRevoked, "(reason: superseded)"),
        (Some(flipped), Optional, Exit::PeerCertificateRefused, "exit 36"),
    ] {
        let claims = match &status {
            Some(status) => gateway().with_status(status),
            None => gateway(),
        };
        let (met, board) = meet(&enrolled(), None, claims.clone(), rule);
        assert!(met == exit && board.reported(said), "{rule:?}, {said}: {:?}", board.lines);
        assert_eq!(board.reported("sent: "), exit == Exit::Done);
        let mut board = enrolled().with_peer(Remote::initiator(claims, &[HELLO]));
        board.run(&Config { status: rule, ..config(listen()) });
        let refused = board.reported(&format!("no channel ({}): ", exit.code()));
        assert_eq!(refused, exit != Exit::Done, "{rule:?}, {said}: {:?}", board.lines);
    }
}

#[test]
fn an_earlier_status_is_refused_over_restarts_whoever_shows_it() {
    let with = |number| gateway().with_status(&numbered(number));
    let (exit, board) = meet(&enrolled(), None, with(9), StatusRule::Optional);
    assert_eq!(exit, Exit::Done, "{:?}", board.lines);
    let said = "the revocation status has the revocation number 8, and the number 9 was seen before";
    for (rule, exit) in [(StatusRule::Optional, Exit::Done), (StatusRule::Required, Exit::PeerStatusRefused)]
    {
        let (met, board) = meet(&board, None, with(8), rule);
        assert!(met == exit && board.reported(said), "{:?}", board.lines);
        assert_eq!(meet(&board, None, with(9), rule).0, Exit::Done, "the same number is accepted");
    }
    // The device's own status counts as well, in both directions.
    let (exit, own) = meet(&board, Some(Remote::stating(&numbered(8))), gateway(), StatusRule::Optional);
    let line = format!("status: not from the CA, since {}", Exit::Replayed);
    assert!(exit == Exit::Done && own.reported(&line) && own.reported("status: none to show"));
    let (exit, own) = meet(&board, Some(Remote::stating(&numbered(12))), with(11), StatusRule::Required);
    assert_eq!(exit, Exit::PeerStatusRefused, "{:?}", own.lines);
}

/// The revocation numbers of two CAs have nothing to do with each other.
#[test]
fn the_number_of_another_ca_does_not_count() {
    let with = |number| gateway().with_status(&numbered(number));
    let (_, board) = meet(&enrolled(), None, with(9), StatusRule::Optional);
    let other = Config {
        fingerprint: anchor(OTHER_CA).fingerprint(),
        status: StatusRule::Required,
        ..config(connect())
    };
    let ca = Remote::ca(&anchor(OTHER_CA), |subject, key| {
        certificate(OTHER_CA, subject.as_str(), key, around_noon(-300, 3600))
    });
    let status = state(&statuses::good(OTHER_CA), OTHER_CA);
    let gateway = Claims::certified(OTHER_CA, "gateway", around_noon(-300, 3600)).with_status(&status);
    let gateway = Claims { anchor: anchor(OTHER_CA), ..gateway };
    let mut board = board.restarted().with_ca(ca).with_peer(Remote::responder(gateway, &[HELLO]));
    assert_eq!(board.run(&other), Exit::Done, "{:?}", board.lines);
}

/// The stored lower bound of the time, in seconds after noon.
fn least(board: &TestBoard) -> i64 {
    let seconds = u64::from_be_bytes(*board.time.as_ref().expect("stored").first_chunk().expect("8 bytes"));
    seconds.cast_signed() - noon().get().cast_signed()
}

fn at(from_noon: i64, number: u64) -> Vec<u8> {
    let time = |seconds| around_noon(seconds, seconds).not_before();
    let (this_update, next_update) = (time(from_noon), time(from_noon + DAY));
    stated(&TbsStatus { this_update, next_update, number, ..statuses::good(CA) })
}

#[test]
fn a_status_is_a_lower_bound_of_the_time_for_a_device_without_a_clock() {
    let clockless = enrolled_with(Now::AtLeast(around_noon(-DAY, 0).not_before()), 9);
    assert_eq!(least(&clockless), -300);
    let own = Some(Remote::stating(&at(HOUR, 7)));
    let peer = |from| gateway().with_status(&at(from, 7));
    let (exit, board) = meet(&clockless, own, peer(2 * HOUR), StatusRule::Required);
    assert_eq!((exit, least(&board)), (Exit::Done, 2 * HOUR), "{:?}", board.lines);
    let over = Claims::certified(CA, "gateway", around_noon(-300, HOUR));
    let (exit, board) = meet(&board, None, over, StatusRule::Optional);
    assert_eq!(exit, Exit::PeerExpired, "{:?}", board.lines);
    // An old status is a lower bound too, and moves nothing back.
    let (exit, board) = meet(&board, None, peer(HOUR), StatusRule::Required);
    assert_eq!((exit, least(&board)), (Exit::Done, 2 * HOUR), "{:?}", board.lines);
}

#[test]
fn statuses_of_a_ca_whose_clock_was_wrong_move_the_bound_by_90_days_in_all() {
    let mut board = enrolled_with(Now::AtLeast(around_noon(-DAY, 0).not_before()), 80 * 365);
    for year in 70..75 {
        let gateway = Claims::certified(CA, "gateway", around_noon(-300, 80 * 365 * DAY));
        let gateway = gateway.with_status(&at(year * 365 * DAY, 7));
        let (exit, met) = meet(&board, None, gateway, StatusRule::Optional);
        assert_eq!((exit, least(&met)), (Exit::Done, 90 * DAY - 300), "{:?}", met.lines);
        board = met;
    }
    // A certificate from 2096 has moved the bound by a whole step already. Its statuses move it no further.
    let start = TestBoard::new(Now::AtLeast(around_noon(-DAY, 0).not_before()));
    let mut board = start.with_ca(Remote::ca(&trust(), |subject, key| {
        certificate(CA, subject.as_str(), key, around_noon(70 * 365 * DAY, 80 * 365 * DAY))
    }));
    assert_eq!((board.run(&config(Errand::Enrol)), least(&board)), (Exit::Done, 89 * DAY));
    let peer = Claims::certified(CA, "gateway", around_noon(-300, 80 * 365 * DAY));
    let (exit, board) = meet(&board, None, peer.with_status(&at(71 * 365 * DAY, 7)), StatusRule::Optional);
    // The clock of the peer is right, so it refuses the device.
    assert_eq!((exit, least(&board)), (Exit::PeerRefused, 89 * DAY), "{:?}", board.lines);
}

/// The clock of a CA may be some minutes ahead.
#[test]
fn a_status_of_some_minutes_ahead_does_not_make_a_clock_count_as_set_back() {
    let (exit, board) =
        meet(&enrolled(), Some(Remote::stating(&at(299, 7))), gateway(), StatusRule::Optional);
    assert_eq!(exit, Exit::Done);
    let (exit, board) = meet(&board, None, gateway(), StatusRule::Optional);
    assert!(exit == Exit::Done && !board.reported("time: at least"), "{:?}", board.lines);
    let mut back: TestBoard = board.restarted();
    back.now = Now::Exact(UnixTime::new(noon().get() - 600).expect("a time"));
    let (_, back) = meet(&back, None, gateway(), StatusRule::Optional);
    assert!(back.reported("time: at least"), "{:?}", back.lines);
}

#[test]
fn a_failed_write_of_a_status_ends_the_run() {
    let peer = || gateway().with_status(&numbered(9));
    let (_, whole) = meet(&enrolled(), Some(Remote::stating(&good_status())), peer(), StatusRule::Required);
    let all = usize::MAX - whole.writes;
    assert_eq!(all, 3, "the status, its number, the number of the peer");
    for writes in 0..all {
        let mut board = enrolled().with_ca(Remote::stating(&good_status()));
        board = board.with_peer(Remote::responder(peer(), &[HELLO]));
        board.writes = writes;
        assert_eq!(board.run(&config(connect())), Exit::Storage, "{writes}: {:?}", board.lines);
        assert!(!board.reported("sent: "), "{writes}");
    }
}

/// The device on a PC with the real CA, and the real program as its peer.
#[test]
fn the_program_demands_the_status_of_a_device_and_the_device_that_of_the_program() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    let fingerprint = run(at, &["ca", "init", "--dir", "ca"]).expect(0).stdout.trim().to_owned();
    let mut server = start(at, &["ca", "serve", "--dir", "ca", "--listen", "127.0.0.1:0"]);
    let ca = server.address("serving");
    let enrol = ["enroll", "--ca", &ca, "--fingerprint", &fingerprint, "--subject", "bob", "--out", "bob"];
    run(at, &enrol).expect(0);
    let listen = ["listen", "--identity", "bob", "--listen", "127.0.0.1:0", "--require-status"];
    let mut bob = start(at, &listen);
    let peer = bob.address("listening");
    let device = |more: &[&str]| device_at(at, &ca, &fingerprint, &[&["--connect", &peer], more].concat());
    let (exit, lines) = device(&["--require-status", "--peer-subject", "bob"]);
    assert_eq!(exit, Exit::Done, "{lines:?}");
    assert!(lines.iter().any(|line| line.starts_with("revocation: bob was not revoked at ")), "{lines:?}");
    // The operator revokes the device.
    run(at, &["ca", "revoke", "--dir", "ca", "--subject", "device", "--reason", "superseded"]).expect(0);
    let (exit, lines) = device(&[]);
    assert_eq!(exit, Exit::Revoked, "{lines:?}");
    bob.stop().expect(0);
}

fn device_at(folder: &Path, ca: &str, fingerprint: &str, more: &[&str]) -> (Exit, Vec<String>) {
    let store = folder.join("device").display().to_string();
    let own = ["--ca", ca, "--fingerprint", fingerprint, "--subject", "device", "--store", &store];
    let mut lines = Vec::new();
    let exit = run_device([&own, more].concat().iter().map(Into::into), |line| lines.push(line.to_string()));
    (exit.expect("right arguments"), lines)
}
