//! A device without a clock, which learns a lower bound of the time from its CA, and the clock of a board.

use minipki_core::time::UnixTime;
use minipki_core::trust::Validity;
use minipki_device_app::Exit;
use minipki_qemu::Board;
use minipki_tests::board::{Ended, Scenario};
use minipki_tests::device_remotes::Remote;
use minipki_tests::loopback::{accepts, free_port};
use minipki_tests::peers::now;

on_each_board! {
    without_a_clock_it_learns_the_time_from_its_ca_and_reports_unchecked_dates,
    after_497_days_its_deadlines_still_hold,
    with_a_clock_it_checks_all_dates,
}

const MINUTE: i64 = 60;

/// Connects a device without a clock to a peer. The peer's certificate is valid between two times in seconds from now.
fn connects_to(scenario: &Scenario, from: i64, to: i64) -> Ended {
    let time = |seconds| UnixTime::new(now().get().saturating_add_signed(seconds)).expect("a time");
    let validity = Validity::new(time(from), time(to)).expect("in order");
    let claims = scenario.claims(&scenario.forger(), "gateway", validity);
    let port = accepts(move || Remote::responder(claims, &[]));
    scenario.device("sensor").setting("clock=none").calling(port, "gateway").run()
}

fn without_a_clock_it_learns_the_time_from_its_ca_and_reports_unchecked_dates(board: Board) {
    let unchecked = |subject| format!("the expiry of the certificate of {subject} could not be checked");
    let scenario = Scenario::new(board);
    // Before the enrolment, the lower bound is the build time of the firmware.
    let first = scenario.device("sensor").setting("clock=none").run().exits(Exit::Done);
    first.says("time: at least 2026-").says(&unchecked("sensor"));
    let bound = stored_time(&scenario);
    assert!(bound.abs_diff(now().get()) < 600, "the start of its own certificate");

    connects_to(&scenario, -120 * MINUTE, -60 * MINUTE).exits(Exit::PeerExpired).talks_to_no_peer();
    connects_to(&scenario, -60 * MINUTE, 30 * MINUTE).exits(Exit::Done).says(&unchecked("gateway"));
    // A peer's certificate does not change the lower bound.
    const YEAR: i64 = 365 * 24 * 60 * MINUTE;
    connects_to(&scenario, 72 * YEAR, 73 * YEAR).exits(Exit::Done);
    // The device has seen a certificate that begins after the end of its own, so it renews its own.
    connects_to(&scenario, -60 * MINUTE, 30 * MINUTE).exits(Exit::Done).says("renewed until ");
    connects_to(&scenario, -60 * MINUTE, 30 * MINUTE).exits(Exit::Done).says("identity: sensor, as stored");
    let bound = stored_time(&scenario);
    assert!(bound.abs_diff(now().get()) < 600, "the time of its last status");
}

/// The lower bound of the time that the device has stored.
fn stored_time(scenario: &Scenario) -> u64 {
    let bytes = std::fs::read(scenario.path("sensor/time")).expect("the device stores the time");
    u64::from_be_bytes(*bytes.first_chunk().expect("8 bytes"))
}

/// The clock of a board counts ticks of 10 ms. 2^32 ticks are 497 days.
fn after_497_days_its_deadlines_still_hold(board: Board) {
    let scenario = Scenario::new(board);
    scenario.device("sensor").run().exits(Exit::Done);
    // The lower 32 bits overflow during the wait.
    let ticks = format!("ticks={}", u32::MAX - 300);
    let device = scenario.device("sensor").setting(&ticks).listening(free_port(), "bob");
    device.run().exits(Exit::PeerSilent).within(4);
    scenario.device("late").setting("ticks=4294967295").run().exits(Exit::Done);
}

fn with_a_clock_it_checks_all_dates(board: Board) {
    let scenario = Scenario::new(board);
    let ended = scenario.device("sensor").run().exits(Exit::Done);
    assert!(!ended.lines.iter().any(|line| line.contains("time: ")), "{ended:#?}");
}
