//! A device without a clock: the newest signed time that it has seen is the earliest that it can be.

use minipki_core::cert::Validity;
use minipki_core::text::UnixTime;
use minipki_device_app::Exit;
use minipki_qemu::Board;
use minipki_tests::board::{Ended, Scene};
use minipki_tests::device_others::Other;
use minipki_tests::loopback::takes;
use minipki_tests::peers::now;

on_each_board! {
    without_a_clock_it_learns_from_what_is_signed_and_says_what_it_could_not_check,
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

fn without_a_clock_it_learns_from_what_is_signed_and_says_what_it_could_not_check(board: Board) {
    let unsure =
        |whose| format!("no more is known; whether the certificate of {whose} has expired since could");
    let scene = Scene::new(board);
    // Before it has seen anything signed it is at least as late as when its firmware was made.
    let first = scene.device("sensor").word("clock=none").run().exits(Exit::Done);
    first.says("time: at least 2026-").says(&unsure("sensor"));
    assert!(kept(&scene).abs_diff(now().get()) < 600, "its own certificate has just begun");

    meets(&scene, -120 * MINUTE, -60 * MINUTE).exits(Exit::PeerExpired).meets_nobody();
    meets(&scene, -60 * MINUTE, 30 * MINUTE).exits(Exit::Done).says(&unsure("gateway"));
    // A certificate that begins later than that shows that it is later than that.
    meets(&scene, 60 * MINUTE, 120 * MINUTE).exits(Exit::Done);
    assert!(kept(&scene).abs_diff(now().get() + 3600) < 600, "and that it has kept");
    meets(&scene, -60 * MINUTE, 30 * MINUTE).exits(Exit::PeerExpired).meets_nobody();
}

/// The earliest that it can be, as the device has stored it.
fn kept(scene: &Scene) -> u64 {
    let bytes = std::fs::read(scene.path("sensor/time")).expect("a device stores it");
    u64::from_be_bytes(bytes.try_into().expect("8 bytes"))
}

fn with_a_clock_it_doubts_nothing(board: Board) {
    let scene = Scene::new(board);
    let ended = scene.device("sensor").run().exits(Exit::Done);
    assert!(!ended.lines.iter().any(|line| line.contains("time: ")), "{ended:#?}");
}
