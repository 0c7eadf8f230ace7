//! The figures of one run.

use super::parts::{self, Parts};
use crate::device::{counted, whole_run};
use crate::embedded::firmware::{Firmware, OTHERS, Size};
use crate::embedded::toolchain::Toolchain;

/// The device's program.
const DEVICE: &str = "lm3s6965-device";

/// The device's program with code for RSA-2048 alone.
const DEVICE_2048: &str = "lm3s6965-device-2048";

/// The validator of X.509 certificates, with code for RSA-2048 alone, and the same program without X.509.
const X509: &str = "lm3s6965-x509";
const SIGNATURE: &str = "lm3s6965-signature";

/// The cost of the device, and of other crates for the same work.
pub(super) struct Figures {
    /// The compiler's name and version.
    pub(super) compiler: String,
    pub(super) device: Size,
    /// The device with code for RSA-2048 alone, and its stack in a whole run.
    pub(super) device_2048: (Size, u32),
    /// The size of a program with the network alone: TCP/IP, driver, start-up and report.
    pub(super) network: Size,
    pub(super) parts: Parts,
    /// The peak stack of a whole run, by the bits of the CA's key.
    pub(super) stack: [(&'static str, u32); 2],
    /// Always 0: a program with an allocator is an error.
    pub(super) heap: u32,
    /// The sizes of the validator of X.509 certificates, and of the same program without X.509.
    pub(super) x509: [Size; 2],
    ours: Vec<Row>,
    others: Vec<Row>,
}

/// The cost of one piece of work.
pub(super) struct Row {
    name: String,
    pub(super) instructions: u32,
    pub(super) stack: u32,
    pub(super) heap: u32,
}

impl Figures {
    /// Builds and runs the programs, and reads the figures.
    pub(super) fn measure() -> Result<Self, String> {
        let firmware = Firmware::build()?;
        firmware.build_others()?;
        let rows = |program| {
            counted(&firmware, program)?.iter().map(|cells| row(cells)).collect::<Result<Vec<_>, String>>()
        };
        Ok(Self {
            compiler: Toolchain::pick()?.version(),
            device: firmware.size(DEVICE)?,
            device_2048: (firmware.size(DEVICE_2048)?, whole_run(&firmware, DEVICE_2048, "2048")?),
            network: firmware.size("echo")?,
            parts: parts::of(&firmware.symbols(DEVICE)?),
            stack: [
                ("2048", whole_run(&firmware, DEVICE, "2048")?),
                ("4096", whole_run(&firmware, DEVICE, "4096")?),
            ],
            heap: [DEVICE, X509].iter().try_for_each(|name| firmware.check_no_allocator(name)).map(|()| 0)?,
            x509: [firmware.size(X509)?, firmware.size(SIGNATURE)?],
            ours: [rows("measure")?, rows("measure-x509")?].into_iter().flatten().collect(),
            others: rows(OTHERS)?,
        })
    }

    /// Static RAM plus the peak stack, in bytes.
    pub(super) fn ram(&self) -> u32 {
        self.device.ram + self.stack.iter().map(|(_, bytes)| *bytes).max().unwrap_or(0)
    }

    /// The flash of X.509 alone, in bytes.
    pub(super) fn x509_flash(&self) -> u32 {
        let [with, without] = &self.x509;
        with.flash.saturating_sub(without.flash)
    }

    /// A row by its name.
    pub(super) fn row(&self, name: &str) -> Result<&Row, String> {
        let mut rows = self.ours.iter().chain(&self.others);
        rows.find(|row| row.name == name).ok_or_else(|| format!("no figure for `{name}`"))
    }
}

fn row(cells: &[String]) -> Result<Row, String> {
    let [name, numbers @ ..] = cells else { return Err("an empty row".into()) };
    let mut numbers = numbers.iter().map(|cell| cell.trim().parse::<u32>().ok());
    let mut next = || numbers.next().flatten();
    let (Some(instructions), Some(stack)) = (next(), next()) else {
        return Err(format!("not NAME | INSTRUCTIONS | STACK: {}", cells.join(" | ")));
    };
    Ok(Row { name: name.clone(), instructions, stack, heap: next().unwrap_or(0) })
}
