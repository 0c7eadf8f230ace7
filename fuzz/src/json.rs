//! The JSON profile, against serde_json.

use minipki_core::encoding::json::{Form, JsonError, JsonErrorKind, Reader, check};
use serde_json::{Map, Value};

/// Checks any body.
///
/// - A body of the profile is a JSON object.
/// - A canonical body is accepted in the relaxed form too, and is the same text that serde_json writes.
/// - The reader returns the same members and values as serde_json.
/// - A bad body is refused with the same error for any types of the values. In a good body, a value that is read as
///   another type is a mismatch.
pub fn json(body: &[u8]) {
    let canonical = check(body, Form::Canonical);
    let relaxed = check(body, Form::Relaxed);
    let integers = integers(body);
    if let Err(error) = relaxed {
        assert!(error.at <= body.len(), "an error is within the body");
        assert!(!error.kind.is_mismatch(), "no member was read");
        assert!(canonical.is_err(), "the canonical form is the stricter one");
        return assert_eq!(integers, Err(error), "the first error is the same");
    }
    let Ok(Value::Object(object)) = serde_json::from_slice(body) else {
        panic!("the profile is part of JSON")
    };
    assert_eq!(integers, Ok(object.values().filter(|value| value.is_u64()).count()));
    let mut reader = Reader::new(body, Form::Relaxed).expect("checked");
    compare(&mut reader, &object).expect("checked");
    assert_eq!(reader.finish(), Ok(()));
    // serde_json keeps an object's keys in ascending order.
    let rewritten = serde_json::to_vec(&object).expect("no key but strings");
    match check(&rewritten, Form::Canonical) {
        // In another order, more keys may be open at once than the profile allows.
        Err(JsonError { kind: JsonErrorKind::Keys, .. }) => assert!(canonical.is_err()),
        rewriting => assert_eq!(rewriting, Ok(()), "rewriting makes it canonical"),
    }
    assert_eq!(canonical.is_ok(), rewritten == body, "rewriting changes only a body that is not canonical");
}

/// The number of members that are integers. Each value is read as an integer.
fn integers(body: &[u8]) -> Result<usize, JsonError> {
    let mut reader = Reader::new(body, Form::Relaxed)?;
    let mut count = 0;
    while reader.next_key()?.is_some() {
        let mut member = reader.member("integer");
        reader.integer(&mut member)?;
        match member.required() {
            Ok(_) => count += 1,
            Err(error) => assert_eq!(error.kind, JsonErrorKind::MemberType("integer")),
        }
    }
    reader.finish().map(|()| count)
}

/// Reads the members of an object, each as the type that it has in `expected`, and compares.
fn compare(reader: &mut Reader<'_>, expected: &Map<String, Value>) -> Result<(), JsonError> {
    let mut members = 0;
    while let Some(key) = reader.next_key()? {
        match &expected[key] {
            Value::Bool(value) => {
                let mut member = reader.member("boolean");
                reader.boolean(&mut member)?;
                assert_eq!(member.required()?, *value);
            }
            Value::Number(value) => {
                let mut member = reader.member("integer");
                reader.integer(&mut member)?;
                assert_eq!(Some(member.required()?), value.as_u64());
            }
            Value::String(value) => {
                let mut member = reader.member("string");
                reader.string(&mut member)?;
                assert_eq!(member.required()?, value);
            }
            Value::Object(value) => {
                let mut member = reader.member("object");
                reader.object(&mut member, |inner| compare(inner, value))?;
                member.required()?;
            }
            value => {
                let mut member = reader.member("array");
                reader.raw(&mut member)?;
                assert_eq!(serde_json::from_slice::<Value>(member.required()?).expect("JSON"), *value);
            }
        }
        members += 1;
    }
    assert_eq!(members, expected.len());
    Ok(())
}
