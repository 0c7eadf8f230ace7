//! Times, in the forms of [RFC 5280 §4.1.2.5](https://www.rfc-editor.org/rfc/rfc5280#section-4.1.2.5).

use ::der::DateTime;

use super::{Decode, DerError, DerErrorKind, Reader, Tag};
use crate::time::UnixTime;

impl<'a> Decode<'a> for UnixTime {
    /// Reads a UTCTime `YYMMDDHHMMSSZ` (1950 to 2049) or a GeneralizedTime `YYYYMMDDHHMMSSZ`.
    ///
    /// A time before 1970 is read as [`UnixTime::MIN`]: no present time is before either of them.
    fn decode(reader: &mut Reader<'a>) -> Result<Self, DerError> {
        let element = reader.any()?;
        let text = element.contents.rest();
        let time = match element.tag {
            Tag::UTC_TIME => text.split_at_checked(2).and_then(|(year, rest)| {
                let year = number(year)?;
                unix(if year < 50 { 2000 + year } else { 1900 + year }, rest)
            }),
            Tag::GENERALIZED_TIME => {
                text.split_at_checked(4).and_then(|(year, rest)| unix(number(year)?, rest))
            }
            _ => return Err(DerError { kind: DerErrorKind::Tag, at: element.contents.at() }),
        };
        time.ok_or(element.contents.error(DerErrorKind::Time))
    }
}

/// The time in this year, from `MMDDHHMMSSZ`.
fn unix(year: u16, rest: &[u8]) -> Option<UnixTime> {
    let (digits, b"Z") = rest.split_at_checked(10)? else { return None };
    let mut pairs = digits.chunks_exact(2).map(|pair| number(pair).map(|pair| pair as u8));
    let mut pair = || pairs.next()?;
    let (month, day, hour, minute, second) = (pair()?, pair()?, pair()?, pair()?, pair()?);
    // The calendar repeats after 400 years, so a day of an earlier year exists if it exists 2000 years later.
    let early = year < 1970;
    let year = if early { year + 2000 } else { year };
    let time = DateTime::new(year, month, day, hour, minute, second).ok()?;
    if early { Some(UnixTime::MIN) } else { UnixTime::new(time.unix_duration().as_secs()).ok() }
}

/// The value of at most four decimal digits.
fn number(digits: &[u8]) -> Option<u16> {
    digits.iter().try_fold(0_u16, |value, digit| {
        digit.is_ascii_digit().then(|| value.wrapping_mul(10).wrapping_add(u16::from(digit - b'0')))
    })
}
