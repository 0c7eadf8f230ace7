//! Serial numbers of certificates.

use core::fmt;
use core::str::FromStr;

use rand_core::CryptoRng;

/// The reason why a number is not a serial number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum SerialError {
    /// The number is 0.
    Zero,
    /// The number is 2^159 or more, so that an INTEGER of DER takes more than 20 octets.
    TooLong,
    /// The text is neither a decimal number below 2^64 nor octets in hexadecimal with colons between them.
    Text,
}

impl fmt::Display for SerialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Zero => "a serial number is not 0",
            Self::TooLong => "a serial number has at most 20 octets",
            Self::Text => "a serial number is a decimal number, or octets as in 1f:80:0a",
        })
    }
}

impl core::error::Error for SerialError {}

/// The digits of the greatest decimal number below 2^64.
const DECIMAL_DIGITS: usize = 20;

/// The serial number of a certificate: a positive integer of at most 20 octets as an INTEGER of
/// DER, unique for each issuer ([RFC 5280 §4.1.2.2]). Serial numbers are ordered by their value.
///
/// As text, a number below 2^64 is decimal; a longer one is its octets in lower-case hexadecimal,
/// with colons between them, as `openssl x509 -text` shows it.
///
/// The JSON certificate holds numbers up to 2^53-1 only; its reader and its writer check that.
///
/// [RFC 5280 §4.1.2.2]: https://www.rfc-editor.org/rfc/rfc5280#section-4.1.2.2
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Serial([u8; Serial::OCTETS]);

impl Serial {
    /// Octets of the longest serial number.
    pub const OCTETS: usize = 20;

    /// Makes a serial number from an integer.
    ///
    /// # Errors
    /// [`SerialError::Zero`].
    pub const fn new(number: u64) -> Result<Self, SerialError> {
        let [a, b, c, d, e, f, g, h] = number.to_be_bytes();
        match number {
            0 => Err(SerialError::Zero),
            _ => Ok(Self([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, a, b, c, d, e, f, g, h])),
        }
    }

    /// Makes a serial number from its octets, the most significant first. Leading zeros are allowed.
    ///
    /// # Errors
    /// [`SerialError::Zero`]; [`SerialError::TooLong`] from 2^159 on.
    pub fn from_be_bytes(octets: &[u8]) -> Result<Self, SerialError> {
        let zeros = octets.iter().take_while(|&&octet| octet == 0).count();
        let octets = octets.get(zeros..).unwrap_or_default();
        let mut number = [0; Self::OCTETS];
        let start = Self::OCTETS.checked_sub(octets.len()).ok_or(SerialError::TooLong)?;
        number.get_mut(start..).ok_or(SerialError::TooLong)?.copy_from_slice(octets);
        match number.first() {
            _ if octets.is_empty() => Err(SerialError::Zero),
            // The sign bit of an INTEGER.
            Some(0x80..) => Err(SerialError::TooLong),
            _ => Ok(Self(number)),
        }
    }

    /// Draws a serial number for a JSON certificate: 53 random bits. The issuer checks that the
    /// number is new.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        // Zero, one draw in 2^53, becomes one.
        let [a, b, c, d, e, f, g, h] = (rng.next_u64() >> 11).max(1).to_be_bytes();
        Self([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, a, b, c, d, e, f, g, h])
    }

    /// The number in 20 octets, the most significant first.
    pub const fn to_be_bytes(self) -> [u8; Self::OCTETS] {
        self.0
    }

    /// The number as an integer; `None` if it is 2^64 or more.
    pub fn to_u64(self) -> Option<u64> {
        match self.0 {
            [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, low @ ..] => Some(u64::from_be_bytes(low)),
            _ => None,
        }
    }
}

/// Reads both forms that [`Serial`] is written in, and more than 20 hexadecimal digits without colons.
impl FromStr for Serial {
    type Err = SerialError;

    fn from_str(text: &str) -> Result<Self, SerialError> {
        let colons = text.contains(':');
        if !colons && text.len() <= DECIMAL_DIGITS {
            let digits = text.bytes().all(|byte| byte.is_ascii_digit());
            return match text.parse() {
                Ok(number) if digits => Self::new(number),
                _ => Err(SerialError::Text),
            };
        }
        let mut octets = [0; Self::OCTETS];
        let mut rest = text.as_bytes();
        let mut len = 0;
        loop {
            let [high, low, after @ ..] = rest else { return Err(SerialError::Text) };
            let digit = |byte: &u8| char::from(*byte).to_digit(16).ok_or(SerialError::Text);
            *octets.get_mut(len).ok_or(SerialError::TooLong)? = (digit(high)? << 4 | digit(low)?) as u8;
            len += 1;
            rest = match after {
                [] => break,
                [b':', after @ ..] if colons => after,
                _ if colons => return Err(SerialError::Text),
                after => after,
            };
        }
        Self::from_be_bytes(octets.get(..len).unwrap_or_default())
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(number) = self.to_u64() {
            return number.fmt(f);
        }
        let mut octets = self.0.iter().skip_while(|&&octet| octet == 0);
        octets.next().map_or(Ok(()), |octet| write!(f, "{octet:02x}"))?;
        octets.try_for_each(|octet| write!(f, ":{octet:02x}"))
    }
}
