//! The renewal of a certificate at the real CA, over lines that are cut.

use std::fs;

use minipki_device_app::Exit;
use minipki_qemu::{Board, HOST};
use minipki_tests::board::Scenario;
use minipki_tests::loopback::{Cut, Line, Way};
use minipki_tests::peers::now;

on_each_board! {
    it_renews_before_the_end_with_one_new_key_over_lost_answers,
}

const DAY: u64 = 24 * 60 * 60;

/// The keys in a record of the device.
fn keys(scenario: &Scenario, record: &str) -> Vec<u8> {
    fs::read(scenario.path("sensor").join(record)).expect("a record")[..64].to_vec()
}

/// The device has no clock. Its record of the time says that the last third of the 90 days has begun.
fn it_renews_before_the_end_with_one_new_key_over_lost_answers(board: Board) {
    let scenario = Scenario::new(board);
    let device = scenario.device("sensor").setting("clock=none");
    device.run().exits(Exit::Done).says("enrolled until ");
    let time = scenario.path("sensor/time");
    let mut record = fs::read(&time).expect("the device stores the time");
    record[..8].copy_from_slice(&(now().get() + 61 * DAY).to_be_bytes());
    fs::write(&time, record).expect("the record can be changed");

    let (present, mut new) = (keys(&scenario, "identity"), None);
    // In the request, in the challenge, and in the middle of the certificate. Before, the device asks whether the CA has
    // changed its key.
    for (way, after) in [(Way::Out, 100), (Way::Back, 60), (Way::Back, 800)] {
        let line = Line::sparing(1, scenario.ca, Some(Cut { way, after, silent: false }));
        let ended = device.clone().with(&["--ca", &format!("{HOST}:{}", line.port)]).run();
        ended.exits(Exit::Done).says(&format!("identity: as stored, since {}", Exit::CaCut));
        assert_eq!(keys(&scenario, "identity"), present, "the present identity stays");
        let key = keys(&scenario, "renewal");
        assert_eq!(*new.get_or_insert(key.clone()), key, "another key");
    }
    device.run().exits(Exit::Done).says("renewed until ");
    assert_eq!(Some(keys(&scenario, "identity")), new);
    assert_eq!(keys(&scenario, "renewal"), [0; 64], "the record is erased");
    let listed = scenario.run(&["ca", "list", "--dir", "ca"]).expect(0).stdout;
    assert_eq!(listed.matches("  sensor\n").count(), 2, "one enrolment, one renewal: {listed}");
}
