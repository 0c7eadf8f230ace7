//! The Ethernet controller's registers (LM3S6965 data sheet, chapter 15).
#![allow(unsafe_code, reason = "registers are addresses")]

use core::ptr;

use minipki_cortex_m::chip::Mac;

/// The chip's only controller.
pub(crate) struct Controller;

/// The registers that we use, by their offset.
#[derive(Clone, Copy)]
enum Register {
    /// MACRIS and MACIACK: the events; a written 1 clears an event.
    Status = 0x00,
    /// MACIM: the events that interrupt.
    Mask = 0x04,
    ReceiveControl = 0x08,
    TransmitControl = 0x0c,
    /// The FIFOs, a word at a time.
    Data = 0x10,
    /// MACIA0 and MACIA1: the board's address.
    Address = 0x14,
    AddressEnd = 0x18,
    /// The number of waiting frames.
    Frames = 0x34,
    /// A written 1 sends the frame in the FIFO; it reads as 1 until the frame is sent.
    Transmit = 0x38,
}

const BASE: usize = 0x4004_8000;
/// Data sheet, table 2-9.
const INTERRUPT: u16 = 42;
const RECEIVED: u32 = 1;
const RESET_FIFO: u32 = 0x10;
/// Receive, and drop frames with a wrong check sum.
const RECEIVE: u32 = 0x09;
/// Transmit, pad short frames, and add the check sum.
const TRANSMIT: u32 = 0x07;
/// Bytes of the length word and of the check sum, which are in the length of the receiving FIFO.
const AROUND: usize = 6;
/// Bytes of addresses and type, which are not in the length of the transmitting FIFO.
const HEADER: usize = 14;

fn read(register: Register) -> u32 {
    // SAFETY: an aligned register of a controller that always exists; no Rust object is at its address.
    unsafe { ptr::read_volatile((BASE + register as usize) as *const u32) }
}

fn write(register: Register, value: u32) {
    // SAFETY: as in `read`; the controller has no DMA, so it writes to no memory of the program.
    unsafe { ptr::write_volatile((BASE + register as usize) as *mut u32, value) }
}

impl Mac for Controller {
    fn interrupt(&self) -> u16 {
        INTERRUPT
    }

    fn start(&self) -> [u8; 6] {
        write(Register::Mask, 0);
        write(Register::ReceiveControl, RESET_FIFO);
        write(Register::ReceiveControl, RECEIVE);
        write(Register::TransmitControl, TRANSMIT);
        self.acknowledge();
        write(Register::Mask, RECEIVED);
        let [a, b, c, d] = read(Register::Address).to_le_bytes();
        let [e, f, ..] = read(Register::AddressEnd).to_le_bytes();
        [a, b, c, d, e, f]
    }

    fn acknowledge(&self) {
        write(Register::Status, RECEIVED);
    }

    fn frames_wait(&self) -> bool {
        read(Register::Frames) != 0
    }

    fn receive(&self, buffer: &mut [u8]) -> Option<usize> {
        if !self.frames_wait() {
            return None;
        }
        let [low, high, first, second] = read(Register::Data).to_le_bytes();
        let in_fifo = usize::from(u16::from_le_bytes([low, high]));
        let length = in_fifo.saturating_sub(AROUND);
        let mut to = buffer.iter_mut().take(length);
        let mut take = |bytes: &[u8]| to.by_ref().zip(bytes).for_each(|(to, from)| *to = *from);
        take(&[first, second]);
        // The FIFO moves to the next frame only after the last word of this frame is read.
        for _ in 1..in_fifo.div_ceil(4) {
            take(&read(Register::Data).to_le_bytes());
        }
        (length <= buffer.len()).then_some(length)
    }

    /// Whether the last frame has left the FIFO, which holds one frame.
    fn can_transmit(&self) -> bool {
        read(Register::Transmit) & 1 == 0
    }

    fn transmit(&self, frame: &[u8]) {
        let Some((first, rest)) = frame.split_first_chunk::<2>().filter(|_| frame.len() >= HEADER) else {
            return;
        };
        write(Register::Data, (frame.len() - HEADER) as u32 | u32::from(u16::from_le_bytes(*first)) << 16);
        let (words, tail) = rest.as_chunks::<4>();
        for word in words {
            write(Register::Data, u32::from_le_bytes(*word));
        }
        if !tail.is_empty() {
            let mut word = [0; 4];
            word.iter_mut().zip(tail).for_each(|(to, from)| *to = *from);
            write(Register::Data, u32::from_le_bytes(word));
        }
        write(Register::Transmit, 1);
    }
}
