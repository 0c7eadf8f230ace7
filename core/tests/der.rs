//! The DER reader: a round trip through any tree of values, and each error at its byte.

use minipki_core::encoding::der::{
    BitString, Decode, DerError, DerErrorKind, Element, Oid, Reader, SequenceOf, Tag,
};
use minipki_core::time::UnixTime;
use minipki_fixtures::x509::{integer, octets, oid, sequence, tlv};
use proptest::prelude::*;

/// A value: a tag, and contents or more values.
#[derive(Clone, Debug)]
enum Tree {
    Leaf(u8, Vec<u8>),
    Node(u8, Vec<Tree>),
}

impl Tree {
    fn encode(&self) -> Vec<u8> {
        match self {
            Self::Leaf(tag, contents) => tlv(*tag, contents),
            Self::Node(tag, trees) => tlv(*tag, &trees.iter().flat_map(Self::encode).collect::<Vec<_>>()),
        }
    }

    /// Reads the tree again. `start` is the offset of `reader`'s document that its own bytes begin at.
    fn check(&self, reader: &mut Reader<'_>, document: &[u8]) {
        let at = reader.at();
        let Element { tag, der, contents } = reader.any().expect("a value");
        assert_eq!(&document[at..at + der.len()], der);
        assert_eq!(&document[contents.at()..][..contents.rest().len()], contents.rest());
        match self {
            Self::Leaf(expected, bytes) => {
                assert_eq!((tag.0, contents.rest()), (*expected, bytes.as_slice()))
            }
            Self::Node(expected, trees) => {
                assert_eq!(tag.0, *expected);
                let mut contents = contents;
                trees.iter().for_each(|tree| tree.check(&mut contents, document));
                assert_eq!(contents.finish(), Ok(()));
            }
        }
    }
}

fn tree() -> impl Strategy<Value = Tree> {
    let tag = || (0..=0xff_u8).prop_filter("a low number", |tag| tag & 0x1f != 0x1f);
    let bytes = proptest::collection::vec(any::<u8>(), 0..300);
    let leaf = (tag(), bytes).prop_map(|(tag, bytes)| Tree::Leaf(tag, bytes));
    leaf.prop_recursive(4, 40, 6, move |inner| {
        (tag(), proptest::collection::vec(inner, 0..6)).prop_map(|(tag, trees)| Tree::Node(tag, trees))
    })
}

proptest! {
    #[test]
    fn a_tree_is_read_as_it_was_written(tree in tree()) {
        let der = tree.encode();
        let mut reader = Reader::new(&der);
        tree.check(&mut reader, &der);
        prop_assert_eq!(reader.finish(), Ok(()));
    }

    #[test]
    fn a_value_that_is_cut_is_refused(tree in tree(), cut in any::<proptest::sample::Index>()) {
        let der = tree.encode();
        let cut = &der[..cut.index(der.len())];
        prop_assert_eq!(Reader::new(cut).any().map(drop), Err(DerError { kind: DerErrorKind::Truncated, at: 0 }));
    }

    #[test]
    fn an_integer_has_one_encoding(value in any::<u32>()) {
        let mut bytes = value.to_be_bytes().to_vec();
        while bytes.len() > 1 && bytes[0] == 0 && bytes[1] < 0x80 {
            bytes.remove(0);
        }
        if bytes[0] >= 0x80 {
            bytes.insert(0, 0);
        }
        let der = integer(&bytes);
        // Values from 2^31 on need five bytes.
        let expected = if bytes.len() > 4 { u32::MAX } else { value };
        prop_assert_eq!(Reader::new(&der).unsigned(Tag::INTEGER), Ok(expected));
        let padded = integer(&[&[0], bytes.as_slice()].concat());
        prop_assert_eq!(kind(Reader::new(&padded).integer(Tag::INTEGER)), DerErrorKind::Integer);
    }

    #[test]
    fn an_identifier_is_written_as_openssl_writes_it(arcs in proptest::collection::vec(any::<u32>(), 0..6), root in 0..120_u8) {
        let mut contents = vec![root];
        let mut text = format!("{}.{}", (root / 40).min(2), root - (root / 40).min(2) * 40);
        for arc in arcs {
            let groups: Vec<u8> = (0..5).rev().map(|group| (arc >> (7 * group) & 0x7f) as u8).collect();
            let groups = &groups[groups.iter().position(|group| *group != 0).unwrap_or(4)..];
            contents.extend(groups[..groups.len() - 1].iter().map(|group| group | 0x80));
            contents.push(groups[groups.len() - 1]);
            text += &format!(".{arc}");
        }
        let der = oid(&contents);
        prop_assert_eq!(Oid::decode(&mut Reader::new(&der)).expect("an identifier").to_string(), text);
    }

    #[test]
    fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        let mut reader = Reader::new(&bytes);
        while let Ok(element) = reader.any() {
            let mut one = Reader::new(element.der);
            let _ = (BitString::decode(&mut one.clone()), Oid::decode(&mut one.clone()), UnixTime::decode(&mut one));
            let _ = SequenceOf::<Oid<'_>>::decode(&mut Reader::new(element.der)).map(|list| list.count());
        }
    }
}

fn kind<T: core::fmt::Debug>(result: Result<T, DerError>) -> DerErrorKind {
    result.expect_err("an error").kind
}

#[test]
fn each_length_has_one_form() {
    for (length, der) in [
        (0x7f, vec![4, 0x7f]),
        (0x80, vec![4, 0x81, 0x80]),
        (0xff, vec![4, 0x81, 0xff]),
        (0x100, vec![4, 0x82, 1, 0]),
        (0x1_0000, vec![4, 0x83, 1, 0, 0]),
    ] {
        let der = [der, vec![7; length]].concat();
        assert_eq!(Reader::new(&der).nested(Tag::OCTET_STRING).expect("a string").rest().len(), length);
    }
    for header in
        [&[4, 0x80][..], &[4, 0x81, 0x7f], &[4, 0x82, 0, 0x80], &[4, 0x85, 0, 0, 0, 0, 1], &[4, 0xff]]
    {
        let der = [header, &[0; 200]].concat();
        assert_eq!(kind(Reader::new(&der).any()), DerErrorKind::Length, "{header:?}");
    }
    assert_eq!(kind(Reader::new(&[4, 0x84, 0xff, 0xff, 0xff, 0xff]).any()), DerErrorKind::Truncated);
}

#[test]
fn an_error_has_the_offset_in_the_outermost_encoding() {
    let der = sequence(&[octets(b"abc"), sequence(&[integer(&[1]), integer(&[0, 1])])]);
    let mut document = Reader::new(&der);
    let mut outer = document.nested(Tag::SEQUENCE).expect("a sequence");
    outer.nested(Tag::OCTET_STRING).expect("a string");
    let mut inner = outer.nested(Tag::SEQUENCE).expect("a sequence");
    assert_eq!(inner.integer(Tag::INTEGER), Ok(&[1][..]));
    // The contents of the second INTEGER are the last two bytes.
    let error = inner.integer(Tag::INTEGER).expect_err("a zero before the value");
    assert_eq!(error, DerError { kind: DerErrorKind::Integer, at: der.len() - 2 });
    assert_eq!(error.to_string(), "a DER INTEGER is out of range or not in its shortest form (at byte 14)");
}

#[test]
fn times_are_those_of_rfc_5280() {
    let time = |tag, text: &str| {
        let der = tlv(tag, text.as_bytes());
        UnixTime::decode(&mut Reader::new(&der)).map(|time| time.to_string())
    };
    for (tag, text, expected) in [
        (0x17, "491231235959Z", "2049-12-31T23:59:59+00:00"),
        (0x17, "500101000000Z", "1970-01-01T00:00:00+00:00"),
        (0x17, "700101000001Z", "1970-01-01T00:00:01+00:00"),
        (0x18, "20500101000000Z", "2050-01-01T00:00:00+00:00"),
        (0x18, "99991231235959Z", "9999-12-31T23:59:59+00:00"),
        (0x18, "00000229000000Z", "1970-01-01T00:00:00+00:00"),
        (0x18, "20240229000000Z", "2024-02-29T00:00:00+00:00"),
    ] {
        assert_eq!(time(tag, text).as_deref(), Ok(expected), "{text}");
    }
    for (tag, text) in [
        (0x17, "260101000060Z"),
        (0x17, "260101240000Z"),
        (0x17, "260100000000Z"),
        (0x17, "260431000000Z"),
        (0x17, "26010100000Z"),
        (0x17, "2601010000000Z"),
        (0x17, "260101000000z"),
        (0x17, "+60101000000Z"),
        (0x18, "19000229000000Z"),
        (0x18, "20260101000000"),
        (0x18, "20260101000000.0Z"),
        (0x18, ""),
    ] {
        assert_eq!(time(tag, text).map_err(|error| error.kind), Err(DerErrorKind::Time), "{text}");
    }
}

#[test]
fn named_bits_end_with_a_one() {
    let named = |contents: &[u8]| BitString::named(&mut Reader::new(&tlv(3, contents)), Tag::BIT_STRING);
    assert_eq!(named(&[7, 0x80]), Ok(0x8000));
    assert_eq!(named(&[7, 0, 0x80]), Ok(0x0080));
    assert_eq!(named(&[0]), Ok(0));
    assert_eq!(kind(named(&[1, 0x04])), DerErrorKind::BitString, "a zero at the end");
    assert_eq!(kind(named(&[0, 0])), DerErrorKind::BitString);
    assert_eq!(kind(named(&[7])), DerErrorKind::BitString, "unused bits of no byte");
    assert_eq!(kind(named(&[8, 0])), DerErrorKind::BitString);
    assert_eq!(kind(named(&[])), DerErrorKind::BitString);
    assert_eq!(kind(named(&[4, 0x88])), DerErrorKind::BitString, "an unused bit is set");
}
