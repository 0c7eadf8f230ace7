//! A device as it should be, among others that are.

use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use minipki_device_app::Exit;
use minipki_qemu::{BOARDS, Board, End, Wire};
use minipki_tests::board::{ANSWER, Ended, READING, Scene};
use minipki_tests::loopback::free_port;

on_each_board! {
    twenty_runs_in_a_row_it_says_the_same,
    it_enrols_and_talks_as_responder,
    it_keeps_its_identity_over_a_restart,
    it_does_it_all_with_the_longest_certificates,
    two_boards_enrol_and_talk_over_a_cable,
    a_static_address_serves_as_well_as_dhcp,
    it_sleeps_while_it_waits,
}

/// What every board says in the main scenario, beside what makes it say so.
const SNAPSHOT: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../firmware-sim/boards/cortex-m/src/program/device.out");

/// The main scenario: a new device enrols, calls bob, and they talk.
fn twenty_runs_in_a_row_it_says_the_same(board: Board) {
    let scene = Scene::new(board);
    scene.enrol("bob");
    let (_bob, port) = scene.bob();
    for run in 1..=20 {
        let name = format!("sensor-{run}");
        let said = normal(&scene.device(&name).calling(port, "bob").run().exits(Exit::Done), &name);
        if std::env::var_os("MINIPKI_BLESS").is_some() {
            fs::write(SNAPSHOT, &said).expect("the source folder can be written to");
        }
        let expected = fs::read_to_string(SNAPSHOT).unwrap_or_default();
        let path = Path::new(SNAPSHOT).file_name().expect("a file").display();
        assert_eq!(
            said, expected,
            "run {run} on {}; if {path} is what is wrong: cargo xtask device --bless",
            board.chip
        );
    }
}

/// A report without what is another every time: the device's number, ports, times.
fn normal(ended: &Ended, name: &str) -> String {
    let line = |line: &String| {
        let words: Vec<_> = line.replace(name, "sensor").split(' ').map(normal_word).collect();
        words.join(" ") + "\n"
    };
    ended.lines.iter().map(line).collect()
}

fn normal_word(word: &str) -> String {
    match word.split_once(':') {
        Some((address, port)) if address.contains('.') && port.parse::<u16>().is_ok() => {
            format!("{address}:PORT")
        }
        Some(_) if word.ends_with("+00:00") => "TIME".to_owned(),
        _ => word.to_owned(),
    }
}

fn it_enrols_and_talks_as_responder(board: Board) {
    let scene = Scene::new(board);
    scene.enrol("bob");
    let port = free_port();
    let mut device = scene.device("sensor").listening(port, "bob").start();
    device.line("listening at 10.0.2.15:9101");
    let to = format!("127.0.0.1:{port}");
    let connect = ["connect", "--identity", "bob", "--peer", &to, "--peer-subject", "sensor"];
    let talk = ["--send", ANSWER, "--expect", READING];
    let bob = scene.run(&[connect.as_slice(), &talk].concat()).expect(0);
    assert!(bob.stdout.contains(READING), "{bob:#?}");
    let lines = device.wait().expect(0);
    let told = format!("peer: bob, certificate verified\nsent: {READING}\nbob: {ANSWER}\nexit 0: done\n");
    assert!([lines.stdout, lines.stderr].concat().ends_with(&told));
}

fn it_keeps_its_identity_over_a_restart(board: Board) {
    let scene = Scene::new(board);
    scene.enrol("bob");
    let (_bob, port) = scene.bob();
    let device = scene.device("sensor").calling(port, "bob");
    device.run().exits(Exit::Done).says("enrolled until ");
    let again = device.run().exits(Exit::Done).says("identity: sensor, as stored");
    assert!(!again.lines.iter().any(|line| line.contains("enrol")), "{again:#?}");
}

fn it_does_it_all_with_the_longest_certificates(board: Board) {
    let scene = Scene::with(board, "4096", &[]);
    scene.enrol("bob");
    let (_bob, port) = scene.bob();
    scene.device("sensor").calling(port, "bob").run().exits(Exit::Done).says(&format!("bob: {ANSWER}"));
}

/// They enrol over the host's network, and are switched on again at the two ends of a cable.
fn two_boards_enrol_and_talk_over_a_cable(board: Board) {
    let scene = Scene::new(board);
    let other = BOARDS.into_iter().find(|other| other.chip != board.chip).expect("there are two");
    let (first, second) = (scene.device("first"), scene.device("second").on(other));
    first.run().exits(Exit::Done).says("enrolled until ");
    second.run().exits(Exit::Done).says("enrolled until ");
    let cable = scene.path("cable");
    let listens = ["--listen", "0.0.0.0:9101", "--peer-subject", "second", "--send", ANSWER];
    let first = first.word("ip=10.0.9.1/24").wired(Wire::Cable(&cable, End::Near)).told(&listens);
    let mut first = first.start();
    first.line("listening at 10.0.9.1:9101");
    let connects = ["--connect", "10.0.9.1:9101", "--peer-subject", "first", "--send", READING];
    let second = second.word("ip=10.0.9.2/24").wired(Wire::Cable(&cable, End::Far)).told(&connects).run();
    second.exits(Exit::Done).says("peer: first, certificate verified").says(&format!("first: {ANSWER}"));
    let first = first.wait().expect(0);
    assert!([first.stdout, first.stderr].concat().contains(&format!("second: {READING}")));
}

fn a_static_address_serves_as_well_as_dhcp(board: Board) {
    let scene = Scene::new(board);
    let device = scene.device("sensor").word("ip=10.0.2.40/24").told(&["--listen", "0.0.0.0:9101"]);
    let ended = device.told(&["--deadline", "1"]).run();
    ended.exits(Exit::PeerSilent).says("enrolled until ").says("listening at 10.0.2.40:9101");
}

/// A board that turned in a loop would take all of a processor.
fn it_sleeps_while_it_waits(board: Board) {
    let scene = Scene::new(board);
    let mut device = scene.device("sensor").listening(free_port(), "bob").start();
    device.line("listening at");
    let before = processor_time(device.id());
    sleep(Duration::from_secs(2));
    let used = processor_time(device.id()) - before;
    assert!(used < Duration::from_millis(500), "{used:?} of 2 s");
}

/// What a process has used so far (proc(5), stat, fields 14 and 15, in hundredths of a second).
fn processor_time(process: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).expect("it runs");
    let fields: Vec<_> = stat.rsplit(')').next().expect("a name").split_whitespace().collect();
    let ticks = |at: usize| fields[at - 3].parse::<u64>().expect("a number");
    Duration::from_millis((ticks(14) + ticks(15)) * 10)
}
