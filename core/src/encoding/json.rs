//! The JSON profile (protocol §2): few ways to write a thing, and in canonical form one.
//!
//! A body is an object. Texts are printable ASCII without `"` and `\`, so there
//! are no escapes; numbers are integers in 0..=2^53-1; there is no `null`, a key
//! is left out instead. Within it, the canonical form is that of RFC 8785.
//! Text that people type (a chat line) is the application's and not held to this.

use core::fmt;
use core::ops::Range;

use heapless::Vec;
use serde::{Deserialize, Serialize};

use crate::bytes::BufferTooSmall;
use crate::limits::{JSON_DEPTH, JSON_KEYS};

/// Largest integer: 2^53-1, up to which a double holds every integer (RFC 8259 §6).
pub const MAX_INTEGER: u64 = (1 << 53) - 1;

/// How exact the text must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Byte for byte canonical, as everything signed is: no whitespace, keys in ascending order.
    Canonical,
    /// Whitespace and any order of keys are allowed, as in an unsigned request.
    Relaxed,
}

/// What is wrong with a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum JsonErrorKind {
    /// Not JSON, or JSON that the profile does not have (`null`).
    Syntax,
    /// The text ends too early.
    Truncated,
    /// Something follows the object.
    Trailing,
    /// Whitespace in canonical form.
    Whitespace,
    /// Keys not in ascending order in canonical form.
    KeyOrder,
    /// The same key twice in one object.
    DuplicateKey,
    /// Not an integer in 0..=2^53-1 in its shortest form.
    Number,
    /// A text with a byte that is not printable ASCII, or with `\`.
    Text,
    /// More objects and arrays in one another than any message has.
    Depth,
    /// More keys at once than any message has.
    Keys,
    /// Sound JSON, but not of the expected shape: a key is missing or unknown, or a value is of another type.
    Shape,
}

/// What is wrong with a body, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct JsonError {
    /// What is wrong.
    pub kind: JsonErrorKind,
    /// Offset of the byte at fault; 0 for [`JsonErrorKind::Shape`], which is of the object as a whole.
    pub at: usize,
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            JsonErrorKind::Syntax => "not the JSON that was expected",
            JsonErrorKind::Truncated => "the JSON ends too early",
            JsonErrorKind::Trailing => "something follows the JSON object",
            JsonErrorKind::Whitespace => "whitespace in JSON that must be canonical",
            JsonErrorKind::KeyOrder => "a key out of ascending order in JSON that must be canonical",
            JsonErrorKind::DuplicateKey => "a JSON key occurs twice",
            JsonErrorKind::Number => {
                "a JSON number that is not an integer in 0..=2^53-1 in its shortest form"
            }
            JsonErrorKind::Text => "a JSON text holds a byte that is not printable ASCII, or a backslash",
            JsonErrorKind::Depth => "JSON objects are nested too deeply",
            JsonErrorKind::Keys => "JSON objects have too many keys",
            JsonErrorKind::Shape => {
                return f.write_str(
                    "the JSON object lacks a key, has an unknown one, or a value of a wrong type",
                );
            }
        })?;
        write!(f, " (at byte {})", self.at)
    }
}

impl core::error::Error for JsonError {}

/// Reads an object of the profile into `T`, whose texts borrow from `body`.
///
/// `T` must deny unknown fields.
///
/// # Errors
/// What [`check`] finds, then [`JsonErrorKind::Shape`].
pub fn decode<'a, T: Deserialize<'a>>(body: &'a [u8], form: Form) -> Result<T, JsonError> {
    check(body, form)?;
    match serde_json_core::from_slice(body) {
        Ok((value, _)) => Ok(value),
        Err(_) => Err(JsonError { kind: JsonErrorKind::Shape, at: 0 }),
    }
}

/// Writes `value` to the start of `out` and returns its length.
///
/// The text is canonical if the fields of each struct are declared in ascending
/// order, absent options are skipped, and the texts are of the profile.
///
/// # Errors
/// [`BufferTooSmall`] if `out` cannot hold it.
pub fn encode<T: Serialize>(value: &T, out: &mut [u8]) -> Result<usize, BufferTooSmall> {
    serde_json_core::to_slice(value, out).map_err(|_| BufferTooSmall)
}

/// The text of one value of the outermost object, exactly as it came; `None` if the key is absent.
///
/// # Errors
/// What [`check`] finds in the relaxed form.
pub fn member<'a>(body: &'a [u8], key: &str) -> Result<Option<&'a [u8]>, JsonError> {
    let mut found = None;
    walk(body, Form::Relaxed, &mut |name, value| {
        if name == key.as_bytes() {
            found = body.get(value);
        }
    })?;
    Ok(found)
}

/// Checks that `body` is an object of the profile, in one pass, without recursion.
///
/// # Errors
/// The first fault, as a [`JsonError`].
pub fn check(body: &[u8], form: Form) -> Result<(), JsonError> {
    walk(body, form, &mut |_, _| ())
}

/// An object or array that is not closed yet.
struct Open {
    close: u8,
    /// Nothing is in it so far, so no comma comes first.
    empty: bool,
    /// How many keys were open when it began; the later ones are its own.
    keys: usize,
}

/// [`check`], which tells `member` the key and the place of each value of the outermost object.
fn walk<'a>(
    body: &'a [u8],
    form: Form,
    member: &mut dyn FnMut(&'a [u8], Range<usize>),
) -> Result<(), JsonError> {
    let mut scan = Scan { body, at: 0, form };
    let mut open: Vec<Open, JSON_DEPTH> = Vec::new();
    let mut keys: Vec<&[u8], JSON_KEYS> = Vec::new();
    let mut outermost = None;
    if scan.peek()? != b'{' {
        return Err(scan.error(JsonErrorKind::Syntax));
    }
    loop {
        // A value starts here.
        match scan.peek()? {
            bracket @ (b'{' | b'[') => {
                // In ASCII a closing bracket is its opening one and two.
                let inner = Open { close: bracket + 2, empty: true, keys: keys.len() };
                open.push(inner).map_err(|_| scan.error(JsonErrorKind::Depth))?;
                scan.at += 1;
            }
            b'"' => {
                scan.text()?;
            }
            b'0'..=b'9' | b'-' => scan.number()?,
            _ => scan.word()?,
        }
        // Close what ends with it, up to where the next value starts.
        loop {
            let end = scan.at;
            let depth = open.len();
            let Some(inner) = open.last_mut() else { return scan.finish() };
            let next = scan.peek()?;
            if depth == 1
                && !inner.empty
                && let Some((key, start)) = outermost.take()
            {
                member(key, start..end);
            }
            if next == inner.close {
                scan.at += 1;
                keys.truncate(inner.keys);
                open.pop();
                continue;
            }
            if !inner.empty {
                scan.require(b',')?;
            }
            inner.empty = false;
            if inner.close == b'}' {
                let key = scan.key(keys.get(inner.keys..).unwrap_or_default())?;
                keys.push(key).map_err(|_| scan.error(JsonErrorKind::Keys))?;
                scan.require(b':')?;
                if depth == 1 {
                    scan.peek()?;
                    outermost = Some((key, scan.at));
                }
            }
            break;
        }
    }
}

/// A place in a body.
struct Scan<'a> {
    body: &'a [u8],
    at: usize,
    form: Form,
}

impl<'a> Scan<'a> {
    fn error(&self, kind: JsonErrorKind) -> JsonError {
        JsonError { kind, at: self.at }
    }

    fn rest(&self) -> &'a [u8] {
        self.body.get(self.at..).unwrap_or_default()
    }

    /// The next byte that counts, not taken yet.
    fn peek(&mut self) -> Result<u8, JsonError> {
        self.skip_whitespace()?;
        self.rest().first().copied().ok_or(self.error(JsonErrorKind::Truncated))
    }

    fn skip_whitespace(&mut self) -> Result<(), JsonError> {
        let run = self.rest().iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count();
        if run > 0 && self.form == Form::Canonical {
            return Err(self.error(JsonErrorKind::Whitespace));
        }
        self.at += run;
        Ok(())
    }

    fn require(&mut self, byte: u8) -> Result<(), JsonError> {
        if self.peek()? != byte {
            return Err(self.error(JsonErrorKind::Syntax));
        }
        self.at += 1;
        Ok(())
    }

    fn finish(mut self) -> Result<(), JsonError> {
        self.skip_whitespace()?;
        if self.rest().is_empty() { Ok(()) } else { Err(self.error(JsonErrorKind::Trailing)) }
    }

    /// A text, without its quotes.
    fn text(&mut self) -> Result<&'a [u8], JsonError> {
        self.require(b'"')?;
        let rest = self.rest();
        let len = plain(rest);
        self.at += len;
        match rest.get(len) {
            Some(b'"') => self.at += 1,
            Some(_) => return Err(self.error(JsonErrorKind::Text)),
            None => return Err(self.error(JsonErrorKind::Truncated)),
        }
        Ok(rest.get(..len).unwrap_or_default())
    }

    /// A key that may follow `earlier`, the ones before it in its object.
    fn key(&mut self, earlier: &[&[u8]]) -> Result<&'a [u8], JsonError> {
        self.peek()?;
        let start = self.at;
        let key = self.text()?;
        if earlier.contains(&key) {
            return Err(JsonError { kind: JsonErrorKind::DuplicateKey, at: start });
        }
        if self.form == Form::Canonical && earlier.last().is_some_and(|last| *last > key) {
            return Err(JsonError { kind: JsonErrorKind::KeyOrder, at: start });
        }
        Ok(key)
    }

    fn number(&mut self) -> Result<(), JsonError> {
        let digits = self.rest().iter().take_while(|byte| byte.is_ascii_digit()).count();
        let text = self.rest().get(..digits).unwrap_or_default();
        let value = core::str::from_utf8(text).ok().and_then(|text| text.parse::<u64>().ok());
        let goes_on = matches!(self.rest().get(digits), Some(b'.' | b'e' | b'E'));
        let leading_zero = digits > 1 && text.first() == Some(&b'0');
        if goes_on || leading_zero || value.is_none_or(|value| value > MAX_INTEGER) {
            return Err(self.error(JsonErrorKind::Number));
        }
        self.at += digits;
        Ok(())
    }

    /// `true` or `false`.
    fn word(&mut self) -> Result<(), JsonError> {
        let known = [&b"true"[..], b"false"].into_iter().find(|word| self.rest().starts_with(word));
        self.at += known.ok_or(self.error(JsonErrorKind::Syntax))?.len();
        Ok(())
    }
}

/// How many bytes at the start of `text` may stand in a text.
fn plain(text: &[u8]) -> usize {
    const WORD: usize = size_of::<usize>();
    let (words, _) = text.as_chunks::<WORD>();
    let whole = WORD * words.iter().take_while(|word| all_plain(usize::from_le_bytes(**word))).count();
    let rest = text.get(whole..).unwrap_or_default();
    whole
        + rest.iter().take_while(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\')).count()
}

/// Whether all bytes of a word are printable ASCII but `"` and `\`, all at once: what one fails sets its highest bit.
const fn all_plain(word: usize) -> bool {
    const EACH: usize = usize::MAX / 0xff;
    const fn zero(word: usize) -> usize {
        word.wrapping_sub(EACH) & !word
    }
    let beyond = word | word.wrapping_add(EACH); // above `~`
    let below = word.wrapping_sub(EACH * b' ' as usize) & !word;
    let quoted = zero(word ^ (EACH * b'"' as usize)) | zero(word ^ (EACH * b'\\' as usize));
    (beyond | below | quoted) & (EACH << 7) == 0
}
