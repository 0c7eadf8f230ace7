//! A device without a clock knows the earliest that it can be from its CA; and a board's clock counts for years.

use minipki_core::time::UnixTime;
use minipki_core::trust::Validity;
use minipki_device_app::Exit;
use minipki_qemu::Board;
use minipki_tests::board::{Ended, Scene};
use minipki_tests::device_others::Other;
use minipki_tests::loopback::{free_port, takes};
use minipki_tests::peers::now;

on_each_board! {
    without_a_clock_it_learns_from_its_ca_and_says_what_it_could_not_check,
    after_497_days_its_deadlines_still_hold,
    with_a_clock_it_doubts_nothing,
}

const MINUTE: i64 = 60;

/// A device without a clock calls a peer that is certified from so many seconds from now to so many.
fn meets(scene: &Scene, from: i64, to: i64) -> Ended {
    let time = |seconds| UnixTime::new(now().get().saturating_add_signed(seconds)).expect("a time");
    let validity = Validity::new(time(from), time(to)).expect("in order");
    let claims = scene.claims(&scene.forger(), "gateway", validity);
    let port = takes(move || Other::responder(claims, &[]));
    scene.device("sensor").word("clock=none").calling(port, "gateway").run()
}

fn without_a_clock_it_learns_from_its_ca_and_says_what_it_could_not_check(board: Board) {
    let unsure =
        |whose| format!("no more is known; whether the certificate of {whose} has expired since could");
    let scene = Scene::new(board);
    // Before its CA has told it anything it is at least as late as when its firmware was made.
    let first = scene.device("sensor").word("clock=none").run().exits(Exit::Done);
    first.says("time: at least 2026-").says(&unsure("sensor"));
    let told = kept(&scene);
    assert!(told.abs_diff(now().get()) < 600, "its own certificate has just begun");

    meets(&scene, -120 * MINUTE, -60 * MINUTE).exits(Exit::PeerExpired).meets_nobody();
    meets(&scene, -60 * MINUTE, 30 * MINUTE).exits(Exit::Done).says(&unsure("gateway"));
    // No peer's certificate moves the clock, whenever it begins.
    const YEAR: i64 = 365 * 24 * 60 * MINUTE;
    meets(&scene, 72 * YEAR, 73 * YEAR).exits(Exit::Done);
    assert_eq!(kept(&scene), told);
    // It has seen a certificate that begins after its own has ended, and asks its CA.
    meets(&scene, -60 * MINUTE, 30 * MINUTE).exits(Exit::Done).says("enrolling as sensor");
    meets(&scene, -60 * MINUTE, 30 * MINUTE).exits(Exit::Done).says("identity: sensor, as stored");
    assert_eq!(kept(&scene), told);
}

/// The earliest that it can be, as the device has stored it.
fn kept(scene: &Scene) -> u64 {
    let bytes = std::fs::read(scene.path("sensor/time")).expect("a device stores it");
    u64::from_be_bytes(*bytes.first_chunk().expect("8 bytes"))
}

/// A board's clock counts ticks of 10 ms. 32 bits of them are 497 days.
fn after_497_days_its_deadlines_still_hold(board: Board) {
    let scene = Scene::new(board);
    scene.device("sensor").run().exits(Exit::Done);
    // In the middle of the wait the lower 32 bits come round.
    let ticks = format!("ticks={}", u32::MAX - 300);
    let device = scene.device("sensor").word(&ticks).listening(free_port(), "bob");
    device.run().exits(Exit::PeerSilent).within(4);
    scene.device("late").word("ticks=4294967295").run().exits(Exit::Done);
}

fn with_a_clock_it_doubts_nothing(board: Board) {
    let scene = Scene::new(board);
    let ended = scene.device("sensor").run().exits(Exit::Done);
    assert!(!ended.lines.iter().any(|line| line.contains("time: ")), "{ended:#?}");
}
