//! The capture: observers that write each frame into a pcap file, with TCP/IP headers that are made up.
//!
//! Wireshark reads the file. The addresses are of loopback, each connection has another port, and the frames are as on the
//! network: what is encrypted stays encrypted.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use minipki_core::link::{Direction, Observer};

use super::{Tap, TapSource};

/// The start of a capture, which has no frame yet. The version is 2.4, all numbers are little-endian, a packet has at most
/// 65535 bytes, and begins with an IP header (LINKTYPE_RAW, 101).
pub const CAPTURE_HEADER: [u8; 24] =
    [0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 101, 0, 0, 0];
/// 127.0.0.1, for both sides.
const LOOPBACK: [u8; 4] = [127, 0, 0, 1];
/// The port of the side that listens. The dissector knows it.
const LISTENER: u16 = 9101;
/// The port of the first connection at the other side.
const FIRST: u16 = 49_152;
/// The length of an IPv4 header and of a TCP header, without options (RFC 791 §3.1, RFC 9293 §3.1).
const HEADER: usize = 20;

const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const PSH: u8 = 0x08;
const ACK: u8 = 0x10;

/// A pcap file that is being written.
pub struct Capture<W> {
    file: Arc<Mutex<File<W>>>,
}

struct File<W> {
    out: W,
    connections: u16,
    /// Is told of the first write that fails, which ends the capture.
    failed: Option<OnFailure>,
}

/// A function that is told why a capture ends.
pub type OnFailure = Box<dyn FnOnce(io::Error) + Send>;

impl<W: Write> Capture<W> {
    /// Writes the header of the file to `out`. The first later write that fails ends the capture, and `failed` is told.
    ///
    /// # Errors
    /// The error of `out`.
    pub fn new(mut out: W, failed: OnFailure) -> io::Result<Self> {
        out.write_all(&CAPTURE_HEADER)?;
        out.flush()?;
        Ok(Self { file: Arc::new(Mutex::new(File { out, connections: 0, failed: Some(failed) })) })
    }
}

impl<W: Write + Send + 'static> TapSource for Capture<W> {
    fn connection(&self, listens: bool) -> Arc<dyn Tap> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let port = FIRST + file.connections % (u16::MAX - FIRST);
        file.connections = file.connections.wrapping_add(1);
        let state = Mutex::new(Sequence { opened: false, next: [1, 1] });
        Arc::new(Conversation { file: Arc::clone(&self.file), port, listens, state })
    }
}

/// The observer of one connection.
struct Conversation<W: Write> {
    file: Arc<Mutex<File<W>>>,
    port: u16,
    listens: bool,
    state: Mutex<Sequence>,
}

/// The numbers of the next bytes: of the side that connects, and of the side that listens.
struct Sequence {
    opened: bool,
    next: [u32; 2],
}

impl<W: Write> Conversation<W> {
    /// Writes one packet of the side `from`: 0 connects, 1 listens. A failed write must not end the connection.
    fn packet(&self, from: usize, flags: u8, sequence: [u32; 2], payload: &[u8]) {
        let ports = if from == 0 { [self.port, LISTENER] } else { [LISTENER, self.port] };
        let packet = ip(&tcp(ports, sequence[from], sequence[1 - from], flags, payload));
        let time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let mut record = Vec::with_capacity(16 + packet.len());
        record.extend((time.as_secs() as u32).to_le_bytes());
        record.extend(time.subsec_micros().to_le_bytes());
        record.extend((packet.len() as u32).to_le_bytes());
        record.extend((packet.len() as u32).to_le_bytes());
        record.extend(packet);
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(failed) = file.failed.take() else { return };
        match file.out.write_all(&record).and_then(|()| file.out.flush()) {
            Ok(()) => file.failed = Some(failed),
            Err(error) => failed(error),
        }
    }
}

impl<W: Write + Send> Observer for Conversation<W> {
    fn frame(&self, direction: Direction, body: &[u8]) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !state.opened {
            state.opened = true;
            self.packet(0, SYN, [0, 0], &[]);
            self.packet(1, SYN | ACK, [1, 0], &[]);
            self.packet(0, ACK, [1, 1], &[]);
        }
        let from = usize::from(self.listens == (direction == Direction::Sent));
        let frame = [&(body.len() as u32).to_be_bytes()[..], body].concat();
        self.packet(from, PSH | ACK, state.next, &frame);
        state.next[from] = state.next[from].wrapping_add(frame.len() as u32);
    }

    fn plaintext(&self, _: Direction, _: &[u8]) {}
}

impl<W: Write> Drop for Conversation<W> {
    /// Writes the end of the connection.
    fn drop(&mut self) {
        let (opened, [near, far]) = {
            let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
            (state.opened, state.next)
        };
        if opened {
            self.packet(0, FIN | ACK, [near, far], &[]);
            self.packet(1, FIN | ACK, [near.wrapping_add(1), far], &[]);
            self.packet(0, ACK, [near.wrapping_add(1), far.wrapping_add(1)], &[]);
        }
    }
}

/// A TCP segment (RFC 9293 §3.1).
fn tcp([from, to]: [u16; 2], sequence: u32, acknowledged: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
    let mut segment = Vec::with_capacity(HEADER + payload.len());
    segment.extend(from.to_be_bytes());
    segment.extend(to.to_be_bytes());
    segment.extend(sequence.to_be_bytes());
    segment.extend(if flags & ACK == 0 { 0 } else { acknowledged }.to_be_bytes());
    // Five words of header, the flags, and a window of 65535 bytes.
    segment.extend([5 << 4, flags, 0xff, 0xff, 0, 0, 0, 0]);
    segment.extend(payload);
    let mut pseudo = [&LOOPBACK[..], &LOOPBACK, &[0, 6]].concat();
    pseudo.extend((segment.len() as u16).to_be_bytes());
    let sum = checksum(&[&pseudo, &segment]);
    segment[16..18].copy_from_slice(&sum);
    segment
}

/// An IPv4 packet with a TCP segment (RFC 791 §3.1).
fn ip(segment: &[u8]) -> Vec<u8> {
    let len = ((HEADER + segment.len()) as u16).to_be_bytes();
    let mut packet = vec![0x45, 0, len[0], len[1], 0, 0, 0x40, 0, 64, 6, 0, 0];
    packet.extend(LOOPBACK);
    packet.extend(LOOPBACK);
    let sum = checksum(&[&packet]);
    packet[10..12].copy_from_slice(&sum);
    packet.extend(segment);
    packet
}

/// The checksum of the internet (RFC 1071). Each part but the last has an even length.
fn checksum(parts: &[&[u8]]) -> [u8; 2] {
    let words = parts.iter().flat_map(|part| part.chunks(2));
    let sum: u32 =
        words.map(|word| u32::from(word[0]) << 8 | u32::from(word.get(1).copied().unwrap_or(0))).sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    let folded = (folded & 0xffff) + (folded >> 16);
    (!(folded as u16)).to_be_bytes()
}
