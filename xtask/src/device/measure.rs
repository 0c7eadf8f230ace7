//! What the device's work costs on the chip: instructions and stack, the same run after run.

use minipki_qemu::{HOST, LM3S6965, Wire};

use super::process::{Ended, Process};
use super::scene::{READING, Scene, and};
use crate::embedded::firmware::Firmware;

/// Enrols two devices with CAs of each size, and lets their identities meet on the board.
pub(super) fn run(firmware: &Firmware) -> Result<(), String> {
    for bits in ["2048", "3072", "4096"] {
        println!("\nwith certificates of a CA with {bits} bits");
        let scene = Scene::with_key(firmware, bits, false)?;
        let mut words = vec!["entropy=zero".to_owned()];
        for (role, name) in [("first", "left"), ("second", "right")] {
            let provision = scene.provision(name)?;
            scene
                .board("board", LM3S6965, Wire::Host, &provision)?
                .wait()?
                .expect(0, &["enrolled until "])?;
            words.push(format!("{role}={}", scene.state(name).display()));
        }
        let board = LM3S6965.counting(&firmware.program("measure"), &words);
        let Ended { heard, .. } = Process::start("board", board, false)?.wait()?.expect(0, &["handshake"])?;
        for line in heard.iter().filter(|line| line.contains("  ")) {
            println!("{line}");
        }
        println!("{}", whole_run(&scene)?);
    }
    println!();
    for program in ["lm3s6965-device", "echo"] {
        let size = firmware.size(program)?;
        println!("{program}: {} bytes of flash, {} bytes of RAM without the stack", size.flash, size.ram);
    }
    Ok(())
}

/// A device that enrols, connects and talks: its stack, from the start to the end.
fn whole_run(scene: &Scene) -> Result<String, String> {
    let mut words = scene.provision("whole")?;
    words.insert(0, "show=stack".to_owned());
    let (bob, port) = scene.listener("whole")?;
    let to = format!("{HOST}:{port}");
    let words = and(words, &["--connect", &to, "--peer-subject", "bob", "--send", READING]);
    let ended = scene.board("board", LM3S6965, Wire::Host, &words)?.wait()?.expect(0, &["stack: "])?;
    bob.wait()?.expect(0, &[])?;
    let stack = ended.heard.into_iter().find(|line| line.starts_with("stack: ")).unwrap_or_default();
    Ok(format!("{:<44} {stack}", "a whole run: enrol, connect, talk"))
}
