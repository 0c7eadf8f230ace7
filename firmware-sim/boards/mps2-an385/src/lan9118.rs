//! The Ethernet controller's registers (SMSC LAN9118 data sheet, chapter 5).
#![allow(unsafe_code, reason = "registers are addresses")]

use core::ptr;

use minipki_cortex_m::chip::Mac;
use minipki_cortex_m::ethernet::FRAME;

/// The board's only controller.
pub(crate) struct Controller;

/// The registers that we use, by their offset.
#[derive(Clone, Copy)]
enum Register {
    ReceiveData = 0x00,
    TransmitData = 0x20,
    /// One word for each received frame.
    ReceiveStatus = 0x40,
    InterruptConfiguration = 0x54,
    /// The events; a written 1 clears an event.
    InterruptStatus = 0x58,
    InterruptEnable = 0x5c,
    TransmitConfiguration = 0x70,
    HardwareConfiguration = 0x74,
    /// The number of waiting status words, in bits 16 to 23.
    ReceiveFifo = 0x7c,
    /// The free bytes for data, in bits 0 to 15.
    TransmitFifo = 0x80,
    MacCommand = 0xa4,
    MacData = 0xa8,
    EepromCommand = 0xb0,
}

/// The registers of the MAC behind [`Register::MacCommand`].
#[derive(Clone, Copy)]
enum MacRegister {
    Control = 1,
    AddressEnd = 2,
    Address = 3,
}

const BASE: usize = 0x4020_0000;
/// AN385, table 3-8.
const INTERRUPT: u16 = 13;
/// HW_CFG: a reset to the defaults, with which every received frame causes an interrupt.
const SOFT_RESET: u32 = 1;
/// HW_CFG: a bit that must be 1, and 5 KB for the transmitting FIFO, as after a reset.
const HARDWARE: u32 = 1 << 20 | 5 << 16;
/// IRQ_CFG: enabled, active high, driven both ways.
const INTERRUPT_PIN: u32 = 1 << 8 | 1 << 4 | 1;
/// INT_STS: the FIFO of received status is not empty.
const RECEIVED: u32 = 1 << 3;
/// TX_CFG: on, and discard the status of sent frames.
const TRANSMIT_ON: u32 = 1 << 15 | 1 << 1;
/// MAC_CR: full duplex, pad short frames, transmit and receive; frames for other addresses are dropped.
const MAC_CONTROL: u32 = 1 << 20 | 1 << 8 | 1 << 3 | 1 << 2;
/// MAC_CSR_CMD and E2P_CMD: a written 1 begins the command; it reads as 1 until the end.
const BUSY: u32 = 1 << 31;
const READ: u32 = 1 << 30;
/// Status of a received frame: damaged, or too long.
const ERROR: u32 = 1 << 15;
const CHECK_SUM: usize = 4;
/// First command word: the frame is one piece.
const WHOLE: u32 = 1 << 13 | 1 << 12;
/// The two command words in front of a frame.
const COMMANDS: usize = 8;

fn read(register: Register) -> u32 {
    // SAFETY: an aligned register of a controller that always exists; no Rust object is at its address.
    unsafe { ptr::read_volatile((BASE + register as usize) as *const u32) }
}

fn write(register: Register, value: u32) {
    // SAFETY: as in `read`; the controller has no DMA, so it writes to no memory of the program.
    unsafe { ptr::write_volatile((BASE + register as usize) as *mut u32, value) }
}

fn wait_while(register: Register, bit: u32) {
    while read(register) & bit != 0 {}
}

fn read_mac(register: MacRegister) -> u32 {
    write(Register::MacCommand, BUSY | READ | register as u32);
    wait_while(Register::MacCommand, BUSY);
    read(Register::MacData)
}

fn write_mac(register: MacRegister, value: u32) {
    write(Register::MacData, value);
    write(Register::MacCommand, BUSY | register as u32);
    wait_while(Register::MacCommand, BUSY);
}

impl Mac for Controller {
    fn interrupt(&self) -> u16 {
        INTERRUPT
    }

    /// The PHY negotiates by itself after the reset, and the address comes from the EEPROM.
    fn start(&self) -> [u8; 6] {
        write(Register::HardwareConfiguration, SOFT_RESET);
        wait_while(Register::HardwareConfiguration, SOFT_RESET);
        wait_while(Register::EepromCommand, BUSY);
        write(Register::HardwareConfiguration, HARDWARE);
        write(Register::InterruptConfiguration, INTERRUPT_PIN);
        write(Register::InterruptStatus, u32::MAX);
        write(Register::InterruptEnable, RECEIVED);
        write(Register::TransmitConfiguration, TRANSMIT_ON);
        write_mac(MacRegister::Control, MAC_CONTROL);
        let [a, b, c, d] = read_mac(MacRegister::Address).to_le_bytes();
        let [e, f, ..] = read_mac(MacRegister::AddressEnd).to_le_bytes();
        [a, b, c, d, e, f]
    }

    fn acknowledge(&self) {
        write(Register::InterruptStatus, RECEIVED);
    }

    fn frames_wait(&self) -> bool {
        read(Register::ReceiveFifo) >> 16 & 0xff != 0
    }

    fn receive(&self, buffer: &mut [u8]) -> Option<usize> {
        if !self.frames_wait() {
            return None;
        }
        let status = read(Register::ReceiveStatus);
        let in_fifo = (status >> 16 & 0x3fff) as usize;
        let length = in_fifo.saturating_sub(CHECK_SUM);
        let mut to = buffer.iter_mut().take(length);
        // Bytes that do not fit are read too, since only then the FIFO moves to the next frame.
        for _ in 0..in_fifo.div_ceil(4) {
            let word = read(Register::ReceiveData).to_le_bytes();
            to.by_ref().zip(word).for_each(|(to, from)| *to = from);
        }
        (status & ERROR == 0 && length <= buffer.len()).then_some(length)
    }

    fn can_transmit(&self) -> bool {
        (read(Register::TransmitFifo) & 0xffff) as usize >= COMMANDS + FRAME.next_multiple_of(4)
    }

    fn transmit(&self, frame: &[u8]) {
        // Discards the status of earlier frames, which is not read.
        write(Register::TransmitConfiguration, TRANSMIT_ON);
        let length = frame.len() as u32;
        write(Register::TransmitData, WHOLE | length);
        write(Register::TransmitData, length);
        for bytes in frame.chunks(4) {
            let mut word = [0; 4];
            word.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
            write(Register::TransmitData, u32::from_le_bytes(word));
        }
    }
}
