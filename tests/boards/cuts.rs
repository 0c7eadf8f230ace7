//! A line that is cut or becomes silent in the middle of each message.

use std::cell::Cell;
use std::time::Instant;

use minipki_device_app::Exit;
use minipki_qemu::{Board, HOST};
use minipki_tests::board::{ANSWER, Ended, READING, Scenario, ended};
use minipki_tests::loopback::{Cut, Line, Way, free_port};

on_each_board! {
    an_enrolment_that_is_cut,
    a_channel_that_is_cut_as_initiator,
    a_channel_that_is_cut_as_responder,
}

/// The deadline on a silent line.
const DEADLINE: &[&str] = &["--deadline", "2"];

/// Runs an enrolment or a channel over a line that ends at a point.
type Step<'s> = &'s dyn Fn(Option<Cut>, &[&str]) -> (Ended, Line);

/// Runs a step without a cut, and then with a cut in the middle of each message. The last message in the direction
/// `spared` is not cut.
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
            check_reason(step(Some(Cut { way, after, silent: false }), &[]).0, cut);
            check_reason(step(Some(Cut { way, after, silent: true }), DEADLINE).0, silent).within(3);
        }
    }
}

/// Checks the reason. A listening device without a channel reports it and continues to wait. Any other device ends.
#[track_caller]
fn check_reason(ended: Ended, reason: Exit) -> Ended {
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
    let scenario = Scenario::new(board);
    let run = Cell::new(10);
    let step = |cut, more: &[&str]| {
        // Each run needs a new name of the same length, because the CA may have issued a certificate that was lost.
        let name = format!("sensor-{}", run.replace(run.get() + 1));
        let line = Line::new(scenario.ca, cut);
        let ca = format!("{HOST}:{}", line.port);
        let ended = scenario.device(&name).with(&["--ca", &ca]).with(more).run();
        assert_eq!(ended.code == Some(0), scenario.has_certificate(&name), "{ended:#?}");
        if cut.is_some() {
            // Without a cut the device gets a certificate for the same key.
            let key = scenario.key(&name);
            scenario.device(&name).run().exits(Exit::Done);
            assert!(key == scenario.key(&name), "another key");
        }
        (ended, line)
    };
    each_message(None, &step, Exit::CaCut, Exit::CaSilent);
}

// The device's close message is spared, because the peer may have closed its side already.

fn a_channel_that_is_cut_as_initiator(board: Board) {
    let scenario = Scenario::new(board);
    scenario.enrol("bob");
    let step = |cut, more: &[&str]| {
        let (_bob, port) = scenario.bob();
        let line = Line::new(port, cut);
        (scenario.device("sensor").calling(line.port, "bob").with(more).run(), line)
    };
    each_message(Some(Way::Out), &step, Exit::PeerCut, Exit::PeerSilent);
}

fn a_channel_that_is_cut_as_responder(board: Board) {
    let scenario = Scenario::new(board);
    scenario.enrol("bob");
    let port = free_port();
    let step = |cut, more: &[&str]| {
        let start = Instant::now();
        // The emulated network may lose a first packet and repeat it after seconds.
        let device = scenario.device("sensor").listening(port, "bob").with(&["--deadline", "8"]);
        let mut device = device.with(more).start();
        device.line("listening at");
        let line = Line::new(port, cut);
        let to = format!("127.0.0.1:{}", line.port);
        let talk = ["--peer", &to, "--send", ANSWER, "--expect", READING];
        let _bob = scenario.start(&[["connect", "--identity", "bob"].as_slice(), &talk].concat());
        (ended(device, start), line)
    };
    each_message(Some(Way::Back), &step, Exit::PeerCut, Exit::PeerSilent);
}
