//! Serial numbers as storage keeps them: 20 octets, whose order is that of the numbers (RFC 5280 §4.1.2.2).

use minipki_core::cert::Serial;

/// Octets of the longest serial number.
pub const OCTETS: usize = 20;

/// The number in 20 octets, the most significant first.
pub fn to_octets(serial: Serial) -> [u8; OCTETS] {
    let mut octets = [0; OCTETS];
    if let Some(last) = octets.last_chunk_mut() {
        *last = serial.get().to_be_bytes();
    }
    octets
}

/// The serial number in `octets`, the most significant first; `None` if they are no serial number.
pub fn from_octets(octets: [u8; OCTETS]) -> Option<Serial> {
    let (zeros, last) = octets.split_last_chunk()?;
    let number = u64::from_be_bytes(*last);
    if zeros.iter().all(|octet| *octet == 0) { Serial::new(number).ok() } else { None }
}

/// The 20 octets that `text` spells in hexadecimal digits.
pub(super) fn from_hex(text: &str) -> Option<[u8; OCTETS]> {
    let (digits, []) = text.as_bytes().as_chunks::<2>() else { return None };
    let octet = |pair: &[u8; 2]| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok();
    digits.iter().map(octet).collect::<Option<Vec<_>>>()?.try_into().ok()
}
