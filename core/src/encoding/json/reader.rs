//! The reader: one pass over a body, from value to value.

use heapless::Vec;

use super::plain::plain;
use super::{Form, JsonError, JsonErrorKind, MAX_INTEGER, Member};
use crate::limits::{JSON_DEPTH, JSON_KEYS};

/// An object or array that is not closed yet.
#[derive(Clone, Copy)]
struct Open {
    close: u8,
    /// None of its values was read yet, so no comma comes first.
    empty: bool,
    /// Offset of its first byte.
    at: usize,
    /// The number of keys that were open when it began. The later keys are its own.
    keys: usize,
}

/// A pull reader. It reads a body once, checks the profile, and returns the members.
///
/// The caller makes a [`Member`] for each key that it knows. Then it takes one key after the other, and reads each
/// value as the type that it must have. A mismatch does not end the reading: a value of another type is noted in its
/// [`Member`], an unknown key in the reader. [`Reader::finish`] and [`Member::required`] report a mismatch, so only if
/// the whole body is in the profile.
///
/// ```
/// use minipki_core::encoding::json::{Form, JsonError, Reader};
///
/// # fn main() -> Result<(), JsonError> {
/// let mut reader = Reader::new(br#"{"count":3,"text":"hello"}"#, Form::Canonical)?;
/// let (mut count, mut text) = (reader.member("count"), reader.member("text"));
/// while let Some(key) = reader.next_key()? {
///     match key {
///         "count" => reader.integer(&mut count)?,
///         "text" => reader.string(&mut text)?,
///         _ => reader.unknown()?,
///     }
/// }
/// reader.finish()?;
/// assert_eq!((count.required()?, text.required()?), (3, "hello"));
/// # Ok(())
/// # }
/// ```
pub struct Reader<'a> {
    body: &'a [u8],
    /// Offset of the next byte.
    at: usize,
    form: Form,
    open: Vec<Open, JSON_DEPTH>,
    /// The keys of all open objects, each object's after those of the object around it.
    keys: Vec<&'a [u8], JSON_KEYS>,
    /// Offset of the last key.
    key_at: usize,
    /// Offset of the first unknown key.
    unknown: Option<usize>,
}

impl<'a> Reader<'a> {
    /// Begins to read `body`, and enters its object.
    ///
    /// # Errors
    /// [`JsonErrorKind::Syntax`] if `body` does not begin with an object, [`JsonErrorKind::Truncated`]
    /// if it is empty, [`JsonErrorKind::Whitespace`].
    pub fn new(body: &'a [u8], form: Form) -> Result<Self, JsonError> {
        Self::within(b'{', body, form)
    }

    /// Begins to read `text`, and enters its array. [`Reader::next_item`] moves through it.
    ///
    /// # Errors
    /// As [`Reader::new`].
    pub fn of_array(text: &'a [u8], form: Form) -> Result<Self, JsonError> {
        Self::within(b'[', text, form)
    }

    fn within(bracket: u8, body: &'a [u8], form: Form) -> Result<Self, JsonError> {
        let mut reader =
            Self { body, at: 0, form, open: Vec::new(), keys: Vec::new(), key_at: 0, unknown: None };
        if reader.peek()? != bracket {
            return Err(reader.error(JsonErrorKind::Syntax));
        }
        reader.enter(bracket)?;
        Ok(reader)
    }

    /// A member that the innermost open object may have.
    pub fn member<T>(&self, name: &'static str) -> Member<T> {
        Member::missing(name, self.open.last().map_or(0, |object| object.at))
    }

    /// Moves to the next member of the innermost open object and returns its key. The caller must read its value next.
    /// `None` is the end of the object, which the reader leaves.
    ///
    /// # Errors
    /// The first error up to the value.
    pub fn next_key(&mut self) -> Result<Option<&'a str>, JsonError> {
        self.advance()?.map(|key| self.ascii(key)).transpose()
    }

    /// Moves to the next item of the innermost open array. The caller must read the item next. `false` is the end of the
    /// array, which the reader leaves.
    ///
    /// # Errors
    /// The first error up to the item.
    pub fn next_item(&mut self) -> Result<bool, JsonError> {
        Ok(self.advance()?.is_some())
    }

    /// Reads the value as a string.
    ///
    /// # Errors
    /// The first error in the value. Another type of the value is noted in `member`.
    pub fn string(&mut self, member: &mut Member<&'a str>) -> Result<(), JsonError> {
        if self.peek()? != b'"' {
            return self.other_type(member);
        }
        let at = self.at;
        let text = self.text()?;
        member.set(at, Some(self.ascii(text)?));
        Ok(())
    }

    /// Reads the value as an integer.
    ///
    /// # Errors
    /// As [`Reader::string`].
    pub fn integer(&mut self, member: &mut Member<u64>) -> Result<(), JsonError> {
        if !matches!(self.peek()?, b'0'..=b'9' | b'-') {
            return self.other_type(member);
        }
        let at = self.at;
        member.set(at, Some(self.number()?));
        Ok(())
    }

    /// Reads the value as `true` or `false`.
    ///
    /// # Errors
    /// As [`Reader::string`].
    pub fn boolean(&mut self, member: &mut Member<bool>) -> Result<(), JsonError> {
        if !matches!(self.peek()?, b't' | b'f') {
            return self.other_type(member);
        }
        let at = self.at;
        member.set(at, Some(self.word()?));
        Ok(())
    }

    /// Reads the value as an object. `read` must read its members to their end.
    ///
    /// # Errors
    /// As [`Reader::string`].
    pub fn object<T>(
        &mut self,
        member: &mut Member<T>,
        read: impl FnOnce(&mut Self) -> Result<T, JsonError>,
    ) -> Result<(), JsonError> {
        self.container(b'{', member, read)
    }

    /// Reads the value as an array. `read` must read its items to their end.
    ///
    /// # Errors
    /// As [`Reader::string`].
    pub fn array<T>(
        &mut self,
        member: &mut Member<T>,
        read: impl FnOnce(&mut Self) -> Result<T, JsonError>,
    ) -> Result<(), JsonError> {
        self.container(b'[', member, read)
    }

    fn container<T>(
        &mut self,
        bracket: u8,
        member: &mut Member<T>,
        read: impl FnOnce(&mut Self) -> Result<T, JsonError>,
    ) -> Result<(), JsonError> {
        if self.peek()? != bracket {
            return self.other_type(member);
        }
        let at = self.at;
        self.enter(bracket)?;
        member.set(at, Some(read(self)?));
        Ok(())
    }

    /// Reads the members of the innermost open object up to its end. All are strings, with these `names`.
    ///
    /// # Errors
    /// The first error up to the end of the object.
    pub fn strings<const N: usize>(
        &mut self,
        names: [&'static str; N],
    ) -> Result<[Member<&'a str>; N], JsonError> {
        let mut members = names.map(|name| self.member(name));
        while let Some(key) = self.next_key()? {
            match members.iter_mut().find(|member| member.name() == key) {
                Some(member) => self.string(member)?,
                None => self.unknown()?,
            }
        }
        Ok(members)
    }

    /// Reads the text of a value of any type, without the whitespace around it.
    ///
    /// # Errors
    /// The first error in the value.
    pub fn raw(&mut self, member: &mut Member<&'a [u8]>) -> Result<(), JsonError> {
        self.peek()?;
        let at = self.at;
        self.skip()?;
        member.set(at, self.body.get(at..self.at));
        Ok(())
    }

    /// Skips the value of an unknown key, and notes the key.
    ///
    /// # Errors
    /// The first error in the value.
    pub fn unknown(&mut self) -> Result<(), JsonError> {
        self.unknown = self.unknown.or(Some(self.key_at));
        self.skip()
    }

    /// Skips a value of any type, without recursion.
    ///
    /// # Errors
    /// The first error in the value.
    pub fn skip(&mut self) -> Result<(), JsonError> {
        let outside = self.open.len();
        loop {
            match self.peek()? {
                bracket @ (b'{' | b'[') => self.enter(bracket)?,
                b'"' => drop(self.text()?),
                b'0'..=b'9' | b'-' => drop(self.number()?),
                _ => drop(self.word()?),
            }
            // Closes the objects and arrays that end with this value, up to the next value.
            loop {
                if self.open.len() == outside {
                    return Ok(());
                }
                if self.advance()?.is_some() {
                    break;
                }
            }
        }
    }

    /// Checks that the body ends with its object, which must have been read to its end.
    ///
    /// # Errors
    /// [`JsonErrorKind::Trailing`], [`JsonErrorKind::Whitespace`]; else [`JsonErrorKind::UnknownMember`].
    pub fn finish(mut self) -> Result<(), JsonError> {
        self.skip_whitespace()?;
        if !self.open.is_empty() || !self.rest().is_empty() {
            return Err(self.error(JsonErrorKind::Trailing));
        }
        match self.unknown {
            None => Ok(()),
            Some(at) => Err(JsonError { kind: JsonErrorKind::UnknownMember, at }),
        }
    }

    fn error(&self, kind: JsonErrorKind) -> JsonError {
        JsonError { kind, at: self.at }
    }

    fn rest(&self) -> &'a [u8] {
        self.body.get(self.at..).unwrap_or_default()
    }

    /// Returns the next byte that is not whitespace, and does not consume it.
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

    /// Notes that the next value is not of the type of `member`, and skips it.
    fn other_type<T>(&mut self, member: &mut Member<T>) -> Result<(), JsonError> {
        member.set(self.at, None);
        self.skip()
    }

    /// Opens the object or array whose first byte, `bracket`, comes next.
    fn enter(&mut self, bracket: u8) -> Result<(), JsonError> {
        // In ASCII a closing bracket is its opening bracket plus 2.
        let inner = Open { close: bracket + 2, empty: true, at: self.at, keys: self.keys.len() };
        self.open.push(inner).map_err(|_| self.error(JsonErrorKind::Depth))?;
        self.at += 1;
        Ok(())
    }

    /// Moves to the next value of the innermost open object or array, and returns its key, which is empty in an array.
    /// `None` is the end, which closes the object or array.
    fn advance(&mut self) -> Result<Option<&'a [u8]>, JsonError> {
        let Some(inner) = self.open.last().copied() else { return Ok(None) };
        if self.peek()? == inner.close {
            self.at += 1;
            self.keys.truncate(inner.keys);
            self.open.pop();
            return Ok(None);
        }
        if !inner.empty {
            self.require(b',')?;
        } else if let Some(inner) = self.open.last_mut() {
            inner.empty = false;
        }
        if inner.close != b'}' {
            return Ok(Some(b""));
        }
        let key = self.key(inner.keys)?;
        self.require(b':')?;
        Ok(Some(key))
    }

    /// Reads a key of the innermost object, whose keys begin at index `first`.
    fn key(&mut self, first: usize) -> Result<&'a [u8], JsonError> {
        self.peek()?;
        self.key_at = self.at;
        let key = self.text()?;
        let earlier = self.keys.get(first..).unwrap_or_default();
        let ascends = earlier.last().is_none_or(|last| *last < key);
        // All keys of a canonical object ascend up to here. So a key that ascends is new.
        if !(ascends && self.form == Form::Canonical) && earlier.contains(&key) {
            return Err(JsonError { kind: JsonErrorKind::DuplicateKey, at: self.key_at });
        }
        if !ascends && self.form == Form::Canonical {
            return Err(JsonError { kind: JsonErrorKind::KeyOrder, at: self.key_at });
        }
        self.keys.push(key).map_err(|_| self.error(JsonErrorKind::Keys))?;
        Ok(key)
    }

    /// A string, without its quotes.
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

    /// Converts a `text` that was read, which is ASCII.
    fn ascii(&self, text: &'a [u8]) -> Result<&'a str, JsonError> {
        core::str::from_utf8(text).map_err(|_| self.error(JsonErrorKind::Text))
    }

    fn number(&mut self) -> Result<u64, JsonError> {
        let rest = self.rest();
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let text = rest.get(..digits).unwrap_or_default();
        let value = core::str::from_utf8(text).ok().and_then(|text| text.parse::<u64>().ok());
        let goes_on = matches!(rest.get(digits), Some(b'.' | b'e' | b'E'));
        let leading_zero = digits > 1 && text.first() == Some(&b'0');
        match value {
            Some(value) if !goes_on && !leading_zero && value <= MAX_INTEGER => {
                self.at += digits;
                Ok(value)
            }
            _ => Err(self.error(JsonErrorKind::Number)),
        }
    }

    /// `true` or `false`.
    fn word(&mut self) -> Result<bool, JsonError> {
        let known = [(&b"true"[..], true), (b"false", false)];
        let found = known.into_iter().find(|(word, _)| self.rest().starts_with(word));
        let (word, value) = found.ok_or(self.error(JsonErrorKind::Syntax))?;
        self.at += word.len();
        Ok(value)
    }
}
