//! The JSON profile: the corpus, RFC 8785 as oracle, and what no input may do.

use minipki_core::encoding::json::{check, decode, encode, member};
use minipki_core::encoding::{Form, JsonError, JsonErrorKind};
use minipki_fixtures::vectors;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// What a file's name promises: `kind-what` is refused as `kind`, in both forms
/// unless the kind is one that only the canonical form knows.
fn promised(name: &str) -> JsonErrorKind {
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
        let kind = promised(&name);
        assert_eq!(check(&body, Form::Canonical).map_err(|error| error.kind), Err(kind), "{name}");
        let relaxed = match kind {
            JsonErrorKind::Whitespace | JsonErrorKind::KeyOrder => Ok(()),
            kind => Err(kind),
        };
        assert_eq!(check(&body, Form::Relaxed).map_err(|error| error.kind), relaxed, "{name}");
    }
}

#[test]
fn each_byte_is_judged_the_same_at_each_place_of_a_text() {
    for (byte, at, len) in (0..=u8::MAX).flat_map(|byte| (0..20).map(move |at| (byte, at, at + 9))) {
        for around in [b' ', b'~'] {
            let mut text = vec![around; len];
            text[at] = byte;
            let found = check(&[b"{\"a\":\"", &*text, b"\"}"].concat(), Form::Canonical);
            // A quote ends the text, and something else than a comma follows it.
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

#[derive(Debug, PartialEq, serde::Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields)]
struct Message<'a> {
    count: u64,
    ok: bool,
    text: &'a str,
}

#[test]
fn typed_decoding_holds_to_the_shape() {
    let body = br#"{"count":3,"ok":true,"text":"hello"}"#;
    let message = Message { count: 3, ok: true, text: "hello" };
    assert_eq!(decode(body, Form::Canonical), Ok(message));
    let relaxed = b" { \"text\" : \"hello\",\n\"ok\":true ,\"count\":3 } ";
    assert_eq!(decode::<Message<'_>>(relaxed, Form::Relaxed).unwrap().text, "hello");

    let shape = JsonError { kind: JsonErrorKind::Shape, at: 0 };
    for body in [
        &br#"{"count":3,"ok":true}"#[..],
        br#"{"count":3,"extra":1,"ok":true,"text":"hello"}"#,
        br#"{"count":"3","ok":true,"text":"hello"}"#,
        br#"{"count":3,"ok":1,"text":"hello"}"#,
        br#"{"count":3,"ok":true,"text":{}}"#,
        b"{}",
    ] {
        assert_eq!(decode::<Message<'_>>(body, Form::Canonical), Err(shape));
    }
    let twice = br#"{"count":3,"ok":true,"text":"a","text":"b"}"#;
    let error = JsonError { kind: JsonErrorKind::DuplicateKey, at: 32 };
    assert_eq!(decode::<Message<'_>>(twice, Form::Relaxed), Err(error));
}

#[test]
fn a_member_keeps_its_bytes() {
    let body = b"{ \"a\" : {\"b\":[1,2], \"c\":{}} ,\"c\":\"x\",\"d\":7}";
    assert_eq!(member(body, "a"), Ok(Some(&b"{\"b\":[1,2], \"c\":{}}"[..])));
    assert_eq!(member(body, "b"), Ok(None));
    assert_eq!(member(body, "c"), Ok(Some(&b"\"x\""[..])));
    assert_eq!(member(body, "d"), Ok(Some(&b"7"[..])));
    assert_eq!(member(b"{}", "a"), Ok(None));
    assert_eq!(member(b"[]", "a"), Err(JsonError { kind: JsonErrorKind::Syntax, at: 0 }));
}

#[test]
fn errors_say_where() {
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
    fn what_rfc_8785_writes_is_canonical(value in object()) {
        let canonical = serde_json_canonicalizer::to_vec(&value).unwrap();
        prop_assert_eq!(check(&canonical, Form::Canonical), Ok(()));
        let pretty = serde_json::to_vec_pretty(&value).unwrap();
        prop_assert_eq!(check(&pretty, Form::Relaxed), Ok(()));
        let empty = value == json!({});
        prop_assert_eq!(check(&pretty, Form::Canonical).is_ok(), empty);
        for (key, value) in value.as_object().unwrap() {
            let found = member(&pretty, key).unwrap().unwrap();
            prop_assert_eq!(&serde_json::from_slice::<Value>(found).unwrap(), value);
        }
    }

    #[test]
    fn what_is_canonical_is_what_rfc_8785_writes(value in object(), at in any::<proptest::sample::Index>(), byte in " -~") {
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
        let _ = (check(&body, Form::Relaxed), member(&body, "a"), decode::<Message<'_>>(&body, Form::Relaxed));
    }

    #[test]
    fn random_punctuation_is_judged_as_serde_json_does(body in "\\{[\\[\\]{}:,\"a01 tf-]{0,24}\\}") {
        if check(body.as_bytes(), Form::Relaxed).is_ok() {
            prop_assert!(serde_json::from_str::<Value>(&body).is_ok());
        }
    }

    #[test]
    fn encode_is_canonical_and_decode_undoes_it(count in 0u64..1 << 53, ok: bool, text in "[ !#-\\[\\]-~]{0,40}") {
        let message = Message { count, ok, text: &text };
        let mut out = [0; 128];
        let len = encode(&message, &mut out).unwrap();
        let oracle = serde_json_canonicalizer::to_vec(&message).unwrap();
        prop_assert_eq!(&out[..len], &oracle[..]);
        prop_assert!(encode(&message, &mut vec![0; len - 1]).is_err());
        prop_assert_eq!(decode(&out[..len], Form::Canonical), Ok(message));
    }
}
