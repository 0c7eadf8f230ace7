//! The JSON profile: the corpus, RFC 8785 as oracle, and properties of all inputs.

use minipki_core::encoding::json::{Reader, check, encode};
use minipki_core::encoding::{Form, JsonError, JsonErrorKind};
use minipki_fixtures::vectors;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// The kind of error in the name of a file, `KIND-…`.
fn expected(name: &str) -> JsonErrorKind {
    match name.split('-').next().unwrap() {
        "syntax" => JsonErrorKind::Syntax,
        "truncated" => JsonErrorKind::Truncated,
        "trailing" => JsonErrorKind::Trailing,
        "whitespace" => JsonErrorKind::Whitespace,
        "key_order" => JsonErrorKind::KeyOrder,
        "duplicate_key" => JsonErrorKind::DuplicateKey,
        "number" => JsonErrorKind::Number,
        "text" => JsonErrorKind::Text,
        "depth" => JsonErrorKind::Depth,
        "keys" => JsonErrorKind::Keys,
        other => panic!("no error is called {other}: {name}"),
    }
}

#[test]
fn the_corpus_is_accepted() {
    for (name, body) in vectors("json/accept") {
        let canonical = check(&body, Form::Canonical);
        assert_eq!(check(&body, Form::Relaxed), Ok(()), "{name}");
        assert_eq!(canonical.is_ok(), name.starts_with("canonical-"), "{name}: {canonical:?}");
    }
}

#[test]
fn the_corpus_is_refused_as_named() {
    for (name, body) in vectors("json/refuse") {
        let kind = expected(&name);
        assert_eq!(check(&body, Form::Canonical).map_err(|error| error.kind), Err(kind), "{name}");
        let relaxed = match kind {
            JsonErrorKind::Whitespace | JsonErrorKind::KeyOrder => Ok(()),
            kind => Err(kind),
        };
        assert_eq!(check(&body, Form::Relaxed).map_err(|error| error.kind), relaxed, "{name}");
    }
}

#[test]
fn each_byte_has_the_same_result_at_each_place_of_a_text() {
    for (byte, at, len) in (0..=u8::MAX).flat_map(|byte| (0..20).map(move |at| (byte, at, at + 9))) {
        for around in [b' ', b'~'] {
            let mut text = vec![around; len];
            text[at] = byte;
            let found = check(&[b"{\"a\":\"", &*text, b"\"}"].concat(), Form::Canonical);
            // A quote ends the text, and the next byte is not a comma.
            let expected = match byte {
                b'"' => Err(if around == b' ' { JsonErrorKind::Whitespace } else { JsonErrorKind::Syntax }),
                b'\\' => Err(JsonErrorKind::Text),
                b' '..=b'~' => Ok(()),
                _ => Err(JsonErrorKind::Text),
            };
            let place = 6 + at + usize::from(byte == b'"');
            assert_eq!(found, expected.map_err(|kind| JsonError { kind, at: place }), "{byte:#04x} at {at}");
        }
    }
}

#[derive(Debug, PartialEq, serde::Serialize)]
struct Message<'a> {
    count: u64,
    inner: Inner<'a>,
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
}

#[derive(Debug, PartialEq, serde::Serialize)]
struct Inner<'a> {
    a: &'a str,
    b: &'a str,
}

impl<'a> Message<'a> {
    fn read(body: &'a [u8], form: Form) -> Result<Self, JsonError> {
        let mut reader = Reader::new(body, form)?;
        let (mut count, mut inner) = (reader.member("count"), reader.member("inner"));
        let (mut ok, mut text) = (reader.member("ok"), reader.member("text"));
        while let Some(key) = reader.next_key()? {
            match key {
                "count" => reader.integer(&mut count)?,
                "inner" => reader.object(&mut inner, |inner| inner.strings(["a", "b"]))?,
                "ok" => reader.boolean(&mut ok)?,
                "text" => reader.string(&mut text)?,
                _ => reader.unknown()?,
            }
        }
        reader.finish()?;
        let [a, b] = inner.required()?;
        Ok(Self {
            count: count.required()?,
            inner: Inner { a: a.required()?, b: b.required()? },
            ok: ok.required()?,
            text: text.optional()?,
        })
    }
}

#[test]
fn a_message_is_read_in_one_pass() {
    let body = br#"{"count":3,"inner":{"a":"","b":"c"},"ok":true,"text":"hello"}"#;
    let message = Message { count: 3, inner: Inner { a: "", b: "c" }, ok: true, text: Some("hello") };
    assert_eq!(Message::read(body, Form::Canonical), Ok(message));
    let relaxed = b" { \"inner\" : { \"b\":\"c\",\"a\" :\"\"},\n\"ok\":false ,\"count\":3 } ";
    let message = Message { count: 3, inner: Inner { a: "", b: "c" }, ok: false, text: None };
    assert_eq!(Message::read(relaxed, Form::Relaxed), Ok(message));
}

#[test]
fn a_mismatch_names_the_member_and_the_place() {
    use JsonErrorKind::{DuplicateKey, MemberType, MissingMember, Syntax, UnknownMember};
    let inner = r#""inner":{"a":"","b":""}"#;
    for (body, kind, at) in [
        ("{}".to_owned(), MissingMember("inner"), 0),
        (format!(r#"{{"count":3,{inner}}}"#), MissingMember("ok"), 0),
        (r#"{"count":3,"inner":{"a":""},"ok":true}"#.into(), MissingMember("b"), 19),
        (format!(r#"{{"count":3,"extra":[1],{inner},"ok":true}}"#), UnknownMember, 11),
        (r#"{"count":3,"inner":{"a":"","b":"","c":{}},"ok":true}"#.into(), UnknownMember, 34),
        (format!(r#"{{"count":"3",{inner},"ok":true}}"#), MemberType("count"), 9),
        (format!(r#"{{"count":true,{inner},"ok":true}}"#), MemberType("count"), 9),
        (r#"{"count":3,"inner":"a","ok":true}"#.into(), MemberType("inner"), 19),
        (r#"{"count":3,"inner":[{}],"ok":true}"#.into(), MemberType("inner"), 19),
        (r#"{"count":3,"inner":{"a":1,"b":""},"ok":true}"#.into(), MemberType("a"), 24),
        (format!(r#"{{"count":3,{inner},"ok":1}}"#), MemberType("ok"), 40),
        (format!(r#"{{"count":3,{inner},"ok":true,"text":{{}}}}"#), MemberType("text"), 52),
        // The first unknown key is reported, and an unknown key before a value of another type.
        (r#"{"count":"3","d":1,"e":2}"#.into(), UnknownMember, 13),
        // An error of the profile is reported first, even if it comes last.
        (r#"{"count":"3","d":1,"e":null}"#.into(), Syntax, 23),
        (format!(r#"{{"count":3,"extra":1,{inner},{inner}}}"#), DuplicateKey, 45),
    ] {
        assert_eq!(Message::read(body.as_bytes(), Form::Canonical), Err(JsonError { kind, at }), "{body}");
        assert_eq!(kind.is_mismatch(), check(body.as_bytes(), Form::Canonical).is_ok());
    }
    let text = |body: &[u8]| Message::read(body, Form::Relaxed).unwrap_err().to_string();
    assert_eq!(text(br#"{"count":1,"inner":{"a":""}}"#), "the JSON object lacks the key `b` (at byte 19)");
    assert_eq!(text(br#"{"x":1}"#), "the JSON object has an unknown key (at byte 1)");
    let typed = "the JSON value of the key `a` is of a wrong type (at byte 24)";
    assert_eq!(text(br#"{"count":1,"inner":{"a":7}}"#), typed);
}

#[test]
fn a_member_of_another_message_is_unknown() {
    let absent = |body: &[u8]| {
        let mut reader = Reader::new(body, Form::Relaxed).unwrap();
        let [member] = reader.strings(["a"]).unwrap();
        member.absent()
    };
    assert_eq!(absent(b"{}"), Ok(()));
    let unknown = JsonError { kind: JsonErrorKind::UnknownMember, at: 6 };
    assert_eq!(absent(br#"{ "a":"" }"#), Err(unknown));
    assert_eq!(absent(br#"{ "a":3 }"#), Err(unknown));
}

/// The text of the value of `key`.
fn value<'a>(body: &'a [u8], key: &str) -> Result<Option<&'a [u8]>, JsonError> {
    let mut reader = Reader::new(body, Form::Relaxed)?;
    let mut found = reader.member("the key");
    while let Some(next) = reader.next_key()? {
        if next == key { reader.raw(&mut found)? } else { reader.skip()? }
    }
    reader.finish()?;
    found.optional()
}

#[test]
fn a_value_keeps_its_bytes() {
    let body = b"{ \"a\" : {\"b\":[1,2], \"c\":{}} ,\"c\":\"x\",\"d\":7}";
    assert_eq!(value(body, "a"), Ok(Some(&b"{\"b\":[1,2], \"c\":{}}"[..])));
    assert_eq!(value(body, "b"), Ok(None));
    assert_eq!(value(body, "c"), Ok(Some(&b"\"x\""[..])));
    assert_eq!(value(body, "d"), Ok(Some(&b"7"[..])));
    assert_eq!(value(b"{}", "a"), Ok(None));
    assert_eq!(value(b"[]", "a"), Err(JsonError { kind: JsonErrorKind::Syntax, at: 0 }));
    let mut reader = Reader::new(b"{ \"a\" : \"text\" }", Form::Relaxed).unwrap();
    let [member] = reader.strings(["a"]).unwrap();
    assert_eq!(member.range(), Ok(9..13));
}

#[test]
fn an_object_that_was_not_read_to_its_end_is_not_finished() {
    for body in [&br#"{"a":1}"#[..], b"{}"] {
        let error = Reader::new(body, Form::Canonical).unwrap().finish().unwrap_err();
        assert_eq!(error, JsonError { kind: JsonErrorKind::Trailing, at: 1 });
    }
}

#[test]
fn errors_name_the_place() {
    let error = check(b"{\"a\":1, \"b\":2}", Form::Canonical).unwrap_err();
    assert_eq!(error, JsonError { kind: JsonErrorKind::Whitespace, at: 7 });
    assert_eq!(error.to_string(), "whitespace in JSON that must be canonical (at byte 7)");
}

/// An object of the profile, with arrays and objects inside.
fn object() -> impl Strategy<Value = Value> {
    let text = "[ !#-\\[\\]-~]{0,12}";
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        (0u64..1 << 53).prop_map(Value::from),
        text.prop_map(Value::from),
    ];
    let inner = leaf.prop_recursive(2, 16, 4, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(text, inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    });
    proptest::collection::btree_map(text, inner, 0..6)
        .prop_map(|map| Value::Object(map.into_iter().collect::<Map<_, _>>()))
}

proptest! {
    #[test]
    fn the_output_of_rfc_8785_is_canonical(value in object()) {
        let canonical = serde_json_canonicalizer::to_vec(&value).unwrap();
        prop_assert_eq!(check(&canonical, Form::Canonical), Ok(()));
        let pretty = serde_json::to_vec_pretty(&value).unwrap();
        prop_assert_eq!(check(&pretty, Form::Relaxed), Ok(()));
        let empty = value == json!({});
        prop_assert_eq!(check(&pretty, Form::Canonical).is_ok(), empty);
        for (key, expected) in value.as_object().unwrap() {
            let found = self::value(&pretty, key).unwrap().unwrap();
            prop_assert_eq!(&serde_json::from_slice::<Value>(found).unwrap(), expected);
        }
    }

    #[test]
    fn canonical_text_is_the_output_of_rfc_8785(value in object(), at in any::<proptest::sample::Index>(), byte in " -~") {
        let mut body = serde_json_canonicalizer::to_vec(&value).unwrap();
        let at = at.index(body.len());
        body[at] = byte.as_bytes()[0];
        if check(&body, Form::Canonical).is_ok() {
            let read: Value = serde_json::from_slice(&body).unwrap();
            prop_assert_eq!(serde_json_canonicalizer::to_vec(&read).unwrap(), body);
        }
    }

    #[test]
    fn no_proper_prefix_is_accepted(value in object()) {
        let body = serde_json_canonicalizer::to_vec(&value).unwrap();
        for len in 0..body.len() {
            prop_assert!(check(&body[..len], Form::Relaxed).is_err());
        }
    }

    #[test]
    fn random_bytes_never_panic(body in proptest::collection::vec(any::<u8>(), 0..64)) {
        let _ = (check(&body, Form::Relaxed), Message::read(&body, Form::Relaxed));
    }

    #[test]
    fn random_punctuation_is_accepted_only_if_serde_json_accepts_it(body in "\\{[\\[\\]{}:,\"a01 tf-]{0,24}\\}") {
        if check(body.as_bytes(), Form::Relaxed).is_ok() {
            prop_assert!(serde_json::from_str::<Value>(&body).is_ok());
        }
    }

    #[test]
    fn every_reader_finds_the_same_error(value in object(), at in any::<proptest::sample::Index>(), byte in " -~") {
        let mut body = serde_json_canonicalizer::to_vec(&value).unwrap();
        let at = at.index(body.len());
        body[at] = byte.as_bytes()[0];
        for form in [Form::Canonical, Form::Relaxed] {
            let message = Message::read(&body, form).map(drop);
            match check(&body, form) {
                Ok(()) => prop_assert!(message.is_ok() || message.is_err_and(|error| error.kind.is_mismatch())),
                error => prop_assert_eq!(message, error),
            }
        }
    }

    #[test]
    fn encode_is_canonical_and_reading_undoes_it(
        count in 0u64..1 << 53,
        ok: bool,
        a in "[ !#-\\[\\]-~]{0,40}",
        text in proptest::option::of("[ !#-\\[\\]-~]{0,40}"),
    ) {
        let message = Message { count, inner: Inner { a: &a, b: "b" }, ok, text: text.as_deref() };
        let mut out = [0; 192];
        let len = encode(&message, &mut out).unwrap();
        let oracle = serde_json_canonicalizer::to_vec(&message).unwrap();
        prop_assert_eq!(&out[..len], &oracle[..]);
        prop_assert!(encode(&message, &mut vec![0; len - 1]).is_err());
        prop_assert_eq!(Message::read(&out[..len], Form::Canonical), Ok(message));
    }
}
