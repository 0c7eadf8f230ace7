//! A line that is cut, or falls silent, in the middle of each message of each step.

use std::cell::Cell;
use std::time::Instant;

use minipki_device_app::Exit;
use minipki_qemu::{Board, HOST};
use minipki_tests::board::{ANSWER, Ended, READING, Scene, ended};
use minipki_tests::loopback::{Cut, Line, Way, free_port};

on_each_board! {
    an_enrolment_that_is_cut,
    a_channel_that_is_cut_as_initiator,
    a_channel_that_is_cut_as_responder,
}

/// A line that is left alone for so long is given up.
const DEADLINE: &[&str] = &["--deadline", "2"];

/// Runs a step over a line that is cut there.
type Step<'s> = &'s dyn Fn(Option<Cut>, &[&str]) -> (Ended, Line);

/// Cuts the line in the middle of each message of a step that went well once, but for the last
/// one on the way that is `spared`.
fn each_message(spared: Option<Way>, step: Step<'_>, cut: Exit, silent: Exit) {
    let (ended, line) = step(None, &[]);
    ended.exits(Exit::Done);
    for way in [Way::Out, Way::Back] {
        let mut middles = middles(&line.passed(way));
        assert!(middles.len() >= 2, "a step has messages both ways");
        if spared == Some(way) {
            middles.pop();
        }
        for after in middles {
            ends(step(Some(Cut { way, after, silent: false }), &[]).0, cut);
            ends(step(Some(Cut { way, after, silent: true }), DEADLINE).0, silent).within(3);
        }
    }
}

/// A device that listens goes on when no channel was opened; any other ends for that reason.
#[track_caller]
fn ends(ended: Ended, reason: Exit) -> Ended {
    let listened = ended.lines.iter().any(|line| line.starts_with("listening at "));
    if listened && !ended.lines.iter().any(|line| line.starts_with("peer: ")) {
        ended.opens_none(reason)
    } else {
        ended.exits(reason)
    }
}

/// The middle of each frame.
fn middles(mut bytes: &[u8]) -> Vec<usize> {
    let (mut at, mut middles) = (0, Vec::new());
    while let Some((length, rest)) = bytes.split_first_chunk() {
        let length = u32::from_be_bytes(*length) as usize;
        middles.push(at + 4 + length / 2);
        at += 4 + length;
        bytes = &rest[length..];
    }
    middles
}

fn an_enrolment_that_is_cut(board: Board) {
    let scene = Scene::new(board);
    let run = Cell::new(10);
    let step = |cut, more: &[&str]| {
        // A name for each, as long as the others: what was granted and never arrived has been granted.
        let name = format!("sensor-{}", run.replace(run.get() + 1));
        let line = Line::new(scene.ca, cut);
        let ca = format!("{HOST}:{}", line.port);
        let ended = scene.device(&name).told(&["--ca", &ca]).told(more).run();
        assert_eq!(ended.code == Some(0), scene.has_certificate(&name), "{ended:#?}");
        if cut.is_some() {
            // On a good line it comes to its certificate, with the key that it had.
            let key = scene.key(&name);
            scene.device(&name).run().exits(Exit::Done);
            assert!(key == scene.key(&name), "another key");
        }
        (ended, line)
    };
    each_message(None, &step, Exit::CaCut, Exit::CaSilent);
}

// Of a channel the device's own farewell is spared: the peer may have said its own before.

fn a_channel_that_is_cut_as_initiator(board: Board) {
    let scene = Scene::new(board);
    scene.enrol("bob");
    let step = |cut, more: &[&str]| {
        let (_bob, port) = scene.bob();
        let line = Line::new(port, cut);
        (scene.device("sensor").calling(line.port, "bob").told(more).run(), line)
    };
    each_message(Some(Way::Out), &step, Exit::PeerCut, Exit::PeerSilent);
}

fn a_channel_that_is_cut_as_responder(board: Board) {
    let scene = Scene::new(board);
    scene.enrol("bob");
    let port = free_port();
    let step = |cut, more: &[&str]| {
        let start = Instant::now();
        // Also where the emulated network loses a first packet and repeats it after seconds.
        let device = scene.device("sensor").listening(port, "bob").told(&["--deadline", "8"]);
        let mut device = device.told(more).start();
        device.line("listening at");
        let line = Line::new(port, cut);
        let to = format!("127.0.0.1:{}", line.port);
        let talk = ["--peer", &to, "--send", ANSWER, "--expect", READING];
        let _bob = scene.start(&[["connect", "--identity", "bob"].as_slice(), &talk].concat());
        (ended(device, start), line)
    };
    each_message(Some(Way::Back), &step, Exit::PeerCut, Exit::PeerSilent);
}
