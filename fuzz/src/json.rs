//! The JSON profile against a whole JSON library.

use minipki_core::encoding::json::{Form, check, member};
use serde_json::Value;

/// Any body.
///
/// - What the profile accepts is JSON, and an object.
/// - What it accepts as canonical is accepted in the relaxed form too, and is what another library writes.
/// - Each member is found with the value that another library reads there, and no other member is found.
pub fn json(body: &[u8]) {
    let canonical = check(body, Form::Canonical);
    let relaxed = check(body, Form::Relaxed);
    if let Err(error) = relaxed {
        assert!(error.at <= body.len(), "a fault lies within the body");
        assert!(canonical.is_err(), "the canonical form is the stricter one");
        return assert_eq!(member(body, "type"), Err(error), "a bad body has no members");
    }
    let Ok(Value::Object(object)) = serde_json::from_slice(body) else {
        panic!("the profile is part of JSON")
    };
    for (key, value) in &object {
        let text = member(body, key).expect("checked").expect("present");
        assert_eq!(serde_json::from_slice::<Value>(text).expect("a value"), *value);
    }
    if !object.contains_key("absent") {
        assert_eq!(member(body, "absent"), Ok(None));
    }
    // serde_json keeps an object's keys in ascending order.
    let rewritten = serde_json::to_vec(&object).expect("no key but texts");
    assert_eq!(check(&rewritten, Form::Canonical), Ok(()), "rewriting makes it canonical");
    assert_eq!(canonical.is_ok(), rewritten == body, "canonical is what rewriting leaves alone");
}
