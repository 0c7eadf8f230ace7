//! Devices with honest servers and peers.

use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use minipki_device_app::Exit;
use minipki_qemu::{BOARDS, Board, End, LM3S6965, Wire};
use minipki_tests::board::{ANSWER, Ended, READING, Scenario};
use minipki_tests::loopback::free_port;

on_each_board! {
    twenty_runs_give_the_same_report,
    it_enrols_and_talks_as_responder,
    it_keeps_its_identity_over_a_restart,
    it_enrols_and_talks_with_the_longest_certificates,
    two_boards_enrol_and_talk_over_a_cable,
    a_static_address_serves_as_well_as_dhcp,
    it_sleeps_while_it_waits,
}

/// The expected report of every board in the main scenario.
const SNAPSHOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../firmware-sim/boards/cortex-m/device.out");

/// The main scenario: a new device enrols, calls bob, and they talk.
fn twenty_runs_give_the_same_report(board: Board) {
    let scenario = Scenario::new(board);
    scenario.enrol("bob");
    let (_bob, port) = scenario.bob();
    for run in 1..=20 {
        let name = format!("sensor-{run}");
        let report = normal(&scenario.device(&name).calling(port, "bob").run().exits(Exit::Done), &name);
        if std::env::var_os("MINIPKI_BLESS").is_some() {
            fs::write(SNAPSHOT, &report).expect("the source folder can be written to");
        }
        let expected = fs::read_to_string(SNAPSHOT).unwrap_or_default();
        let path = Path::new(SNAPSHOT).file_name().expect("a file").display();
        assert_eq!(
            report, expected,
            "run {run} on {}; to change {path}: cargo xtask device --bless",
            board.chip
        );
    }
}

/// The report with placeholders for the device's number, the ports and the times.
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
    let scenario = Scenario::new(board);
    scenario.enrol("bob");
    let port = free_port();
    let mut device = scenario.device("sensor").listening(port, "bob").start();
    device.line("listening at 10.0.2.15:9101");
    let to = format!("127.0.0.1:{port}");
    let connect = ["connect", "--identity", "bob", "--peer", &to, "--peer-subject", "sensor"];
    let talk = ["--send", ANSWER, "--expect", READING];
    let bob = scenario.run(&[connect.as_slice(), &talk].concat()).expect(0);
    assert!(bob.stdout.contains(READING), "{bob:#?}");
    let lines = device.wait().expect(0);
    let lines = [lines.stdout, lines.stderr].concat();
    assert!(lines.contains("peer: bob, certificate verified\n"), "{lines}");
    assert!(lines.ends_with(&format!("sent: {READING}\nbob: {ANSWER}\nexit 0: done\n")), "{lines}");
}

fn it_keeps_its_identity_over_a_restart(board: Board) {
    let scenario = Scenario::new(board);
    scenario.enrol("bob");
    let (_bob, port) = scenario.bob();
    let device = scenario.device("sensor").calling(port, "bob");
    device.run().exits(Exit::Done).says("enrolled until ");
    let again = device.run().exits(Exit::Done).says("identity: sensor, as stored");
    assert!(!again.lines.iter().any(|line| line.contains("enrol")), "{again:#?}");
}

fn it_enrols_and_talks_with_the_longest_certificates(board: Board) {
    let scenario = Scenario::with(board, "4096", &[]);
    scenario.enrol("bob");
    let (_bob, port) = scenario.bob();
    scenario.device("sensor").calling(port, "bob").run().exits(Exit::Done).says(&format!("bob: {ANSWER}"));
}

/// Both boards enrol over the host's network. Then they start again at the two ends of a cable.
fn two_boards_enrol_and_talk_over_a_cable(board: Board) {
    let scenario = Scenario::new(board);
    let other = BOARDS.into_iter().find(|other| other.chip != board.chip).expect("two boards");
    let (first, second) = (scenario.device("first"), scenario.device("second").on(other));
    first.run().exits(Exit::Done).says("enrolled until ");
    second.run().exits(Exit::Done).says("enrolled until ");
    let cable = scenario.path("cable");
    let listens = ["--listen", "0.0.0.0:9101", "--peer-subject", "second", "--send", ANSWER];
    let first = first.setting("ip=10.0.9.1/24").wired(Wire::Cable(&cable, End::Near)).with(&listens);
    let mut first = first.start();
    first.line("listening at 10.0.9.1:9101");
    let connects = ["--connect", "10.0.9.1:9101", "--peer-subject", "first", "--send", READING];
    let second = second.setting("ip=10.0.9.2/24").wired(Wire::Cable(&cable, End::Far)).with(&connects).run();
    second.exits(Exit::Done).says("peer: first, certificate verified").says(&format!("first: {ANSWER}"));
    let first = first.wait().expect(0);
    assert!([first.stdout, first.stderr].concat().contains(&format!("second: {READING}")));
}

fn a_static_address_serves_as_well_as_dhcp(board: Board) {
    let scenario = Scenario::new(board);
    let device = scenario.device("sensor").setting("ip=10.0.2.40/24").with(&["--listen", "0.0.0.0:9101"]);
    let ended = device.with(&["--deadline", "1"]).run();
    ended.exits(Exit::PeerSilent).says("enrolled until ").says("listening at 10.0.2.40:9101");
}

/// A board that waits in a busy loop would use a whole processor.
fn it_sleeps_while_it_waits(board: Board) {
    let scenario = Scenario::new(board);
    let mut device = scenario.device("sensor").listening(free_port(), "bob").start();
    device.line("listening at");
    let before = processor_time(device.id());
    sleep(Duration::from_secs(2));
    let used = processor_time(device.id()) - before;
    assert!(used < Duration::from_millis(500), "{used:?} of 2 s");
}

/// The processor time of a process (proc(5), stat, fields 14 and 15, in hundredths of a second).
fn processor_time(process: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).expect("the process runs");
    let fields: Vec<_> = stat.rsplit(')').next().expect("a name").split_whitespace().collect();
    let ticks = |at: usize| fields[at - 3].parse::<u64>().expect("a number");
    Duration::from_millis((ticks(14) + ticks(15)) * 10)
}

/// The example of an async executor: a task enrols with the async driver of the core.
#[test]
fn a_task_enrols() {
    let scenario = Scenario::new(LM3S6965);
    let device = scenario.device("sensor").running("embassy");
    let wrong = "07".repeat(32);
    let refused = device.clone().with(&["--fingerprint", &wrong]).run();
    assert_eq!(refused.says("not enrolled: the peer refused (proof_failed)").code, Some(1));
    assert_eq!(device.run().says("enrolled until ").code, Some(0));
    let list = scenario.run(&["ca", "list", "--dir", "ca"]).expect(0).stdout;
    assert!(list.contains("  sensor\n"), "{list}");
}
