//! Paths with random faults.

use minipki_core::x509::extension::KeyUsage;
use minipki_fixtures::x509::refuse::{Change, changes, constraints, subtree};
use minipki_fixtures::x509::{
    Chain, Extension, Fields, alt_name, dns, integer, name, octets, oid, sequence, tlv,
};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};

use crate::validators::Question;

/// 2026-06-15T12:00:00+00:00, the time of the corpus.
const NOW: u64 = 1_781_524_800;

/// The ends of a validity, around [`NOW`] and as the standard does not allow.
const TIMES: [(u8, &str); 10] = [
    (0x17, "260615115959Z"),
    (0x17, "260615120000Z"),
    (0x17, "260615120001Z"),
    (0x17, "500101000000Z"),
    (0x17, "491231235959Z"),
    (0x18, "20260615120000Z"),
    (0x18, "20260615120001Z"),
    (0x18, "20500101000000Z"),
    (0x18, "99991231235959Z"),
    (0x17, "2606151200Z"),
];

/// The numbers of the extensions 2.5.29.x that the standard has, and of one that it does not have.
const EXTENSIONS: [u8; 16] = [9, 14, 15, 17, 18, 19, 30, 31, 32, 33, 35, 36, 37, 46, 54, 99];

/// A seeded generator of paths.
pub(crate) struct Mutator {
    random: ChaCha20Rng,
    /// The faults of the corpus `vectors/x509/refuse`.
    faults: Vec<(&'static str, Change)>,
    /// The changes of the path so far.
    log: Vec<String>,
}

impl Mutator {
    pub(crate) fn new(seed: u64) -> Self {
        Self { random: ChaCha20Rng::seed_from_u64(seed), faults: changes(), log: Vec::new() }
    }

    /// The next question, and what was done to a good path.
    pub(crate) fn next(&mut self) -> (Question, String) {
        self.log.clear();
        let mut chain = self.base();
        for _ in 0..self.below(3) {
            chain = self.change(chain);
        }
        let mut ders: Vec<Vec<u8>> = [&chain.leaf, &chain.ca]
            .into_iter()
            .chain(&chain.others)
            .chain([&chain.root])
            .map(|fields| self.encode(fields))
            .collect();
        if self.below(8) == 0 {
            let which = self.below(ders.len());
            self.flip("after the signature", &mut ders[which]);
        }
        let question = Question {
            roots: vec![ders.pop().expect("a root")],
            leaf: ders.remove(0),
            intermediates: ders,
            time: NOW,
            is_client: false,
            key_usage: KeyUsage::NONE,
            name: Some(self.pick(&["example.com", "example.com", "www.example.com", "192.0.2.7"]).to_owned()),
        };
        (question, self.log.join(", "))
    }

    fn below(&mut self, end: usize) -> usize {
        (self.random.next_u64() % end as u64) as usize
    }

    fn pick<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.below(values.len())]
    }

    /// A good path of one of the shapes that the validators know.
    fn base(&mut self) -> Chain {
        let chain = Chain::good();
        match self.below(4) {
            0 => chain,
            1 => chain.leaf(|mut leaf| {
                (leaf.issuer, leaf.signer) = (name("Root"), 1);
                leaf.with(35, false, sequence(&[tlv(0x80, &[1; 20])]))
            }),
            2 => {
                let ca = Fields::ca("Issuing CA", 2, "Policy CA", 4);
                chain.other(Fields::ca("Policy CA", 4, "Root", 1)).ca(|_| ca)
            }
            _ => {
                let names = [dns("example.com"), dns("*.example.com"), tlv(0x87, &[192, 0, 2, 7])];
                chain.leaf(|leaf| leaf.with(17, false, alt_name(&names)))
            }
        }
    }

    fn change(&mut self, chain: Chain) -> Chain {
        if self.below(2) == 0 {
            let (name, fault) = self.pick(&self.faults.clone());
            self.log.push(name.to_owned());
            return fault(chain);
        }
        let donor = chain.clone();
        match self.below(4) {
            0 => chain.leaf(|leaf| self.certificate("leaf", leaf, &donor.ca)),
            1 => chain.root(|root| self.certificate("root", root, &donor.ca)),
            _ => chain.ca(|ca| self.certificate("ca", ca, &donor.leaf)),
        }
    }

    /// Changes one field of a certificate.
    fn certificate(&mut self, place: &str, mut fields: Fields, donor: &Fields) -> Fields {
        let at = self.below(fields.extensions.len().max(1));
        let what = match self.below(18) {
            0 if !fields.extensions.is_empty() => {
                fields.extensions.remove(at);
                "an extension dropped"
            }
            1 if !fields.extensions.is_empty() => {
                fields.extensions.push(fields.extensions[at].clone());
                "an extension twice"
            }
            2 if !fields.extensions.is_empty() => {
                fields.extensions[at].critical ^= true;
                "criticality"
            }
            3 if fields.extensions.len() > 1 => {
                let other = self.below(fields.extensions.len());
                let value = fields.extensions[other].value.clone();
                fields.extensions[at].value = value;
                "the value of another extension"
            }
            4 => {
                let taken = self.below(donor.extensions.len().max(1));
                fields.extensions.extend(donor.extensions.get(taken).cloned());
                "an extension of another certificate"
            }
            5 => {
                fields.extensions.reverse();
                "the order of the extensions"
            }
            6 | 7 => {
                let [begin, end] =
                    [0; 2].map(|_| self.pick(&TIMES)).map(|(tag, text)| tlv(tag, text.as_bytes()));
                fields.validity = match self.below(3) {
                    0 => sequence(&[begin, tlv(0x17, b"270101000000Z")]),
                    1 => sequence(&[tlv(0x17, b"260101000000Z"), end]),
                    _ => sequence(&[begin, end]),
                };
                "the validity"
            }
            8 => {
                fields.issuer = self.name();
                "the issuer"
            }
            9 => {
                fields.subject = self.name();
                "the subject"
            }
            10 => {
                fields.version = match self.below(4) {
                    0 => Vec::new(),
                    version => tlv(0xa0, &integer(&[version as u8])),
                };
                "the version"
            }
            11 => {
                let length = self.pick(&[1, 16, 20, 21]);
                let first = self.pick(&[0x00, 0x01, 0x7f, 0x80, 0xff]);
                fields.serial = integer(&[vec![first], vec![0x55; length - 1]].concat());
                "the serial number"
            }
            12 => {
                fields.signer = self.pick(&[1, 2, 3, 4]);
                "the signer"
            }
            13 => {
                let seed = self.pick(&[1, 2, 3, 4]);
                fields.key = Fields::new("", seed, "", seed).key;
                "the key"
            }
            14 => {
                let null = sequence(&[oid(&[0x2b, 0x65, 0x70]), tlv(5, &[])]);
                if self.below(2) == 0 {
                    fields.algorithm = null;
                } else {
                    fields.outer_algorithm = Some(null);
                }
                "the algorithm"
            }
            _ => {
                let extension = self.extension();
                fields.extensions.retain(|other| other.id != extension.id);
                fields.extensions.push(extension);
                "an extension"
            }
        };
        self.log.push(format!("{place}: {what}"));
        fields
    }

    fn name(&mut self) -> Vec<u8> {
        let text = self.pick(&["Root", "Issuing CA", "ISSUING  CA", "example.com", "Another"]);
        match self.below(8) {
            0 => sequence(&[]),
            // The same text as a PrintableString.
            1 => {
                let value = tlv(0x13, text.as_bytes());
                sequence(&[tlv(0x31, &sequence(&[oid(&[0x55, 4, 3]), value]))])
            }
            _ => name(text),
        }
    }

    /// An extension with a value that some certificate could have.
    fn extension(&mut self) -> Extension {
        let number = self.pick(&EXTENSIONS);
        let value = match number {
            15 => tlv(
                3,
                self.pick(&[
                    &[7, 0x80][..],
                    &[1, 0x06],
                    &[2, 0x04],
                    &[0, 0x86],
                    &[5, 0xa0],
                    &[0],
                    &[6, 0x40],
                ]),
            ),
            17 | 18 => {
                let names: Vec<_> = (0..self.below(3)).map(|_| self.general_name()).collect();
                alt_name(&names)
            }
            19 => {
                let ca = self.pick(&[&[][..], &[1, 1, 0xff], &[1, 1, 0x00], &[1, 1, 0x01]]);
                let length = self.pick(&[&[][..], &[2, 1, 0], &[2, 1, 1], &[2, 1, 0xff]]);
                sequence(&[ca.to_vec(), length.to_vec()])
            }
            30 => {
                let lists = [0; 2]
                    .map(|_| (0..self.below(3)).map(|_| subtree(self.constraint())).collect::<Vec<_>>());
                constraints(&lists[0], &lists[1])
            }
            36 => sequence(&[tlv(0x80, &[self.below(3) as u8])]),
            37 => {
                let purposes = (0..self.below(3)).map(|_| {
                    oid(self.pick(&[
                        &[0x2b, 6, 1, 5, 5, 7, 3, 1][..],
                        &[0x2b, 6, 1, 5, 5, 7, 3, 2],
                        &[0x55, 0x1d, 37, 0],
                    ]))
                });
                sequence(&purposes.collect::<Vec<_>>())
            }
            54 => integer(&[self.below(2) as u8]),
            _ => octets(&[self.pick(&[1, 2, 3]); 20]),
        };
        Extension { id: vec![0x55, 0x1d, number], critical: self.below(2) == 0, value }
    }

    fn general_name(&mut self) -> Vec<u8> {
        match self.below(7) {
            0 => tlv(0x87, self.pick(&[&[192, 0, 2, 7][..], &[192, 0, 2], &[0x20; 16]])),
            1 => tlv(0x81, self.pick(&[b"a@example.com", b"example.com\0\0", b"a b@example."])),
            2 => tlv(0x86, self.pick(&[&b"https://example.com/"[..], b"urn:a", b"example.com"])),
            3 => tlv(0xa4, &self.name()),
            _ => dns(self.pick(&[
                "example.com",
                "EXAMPLE.com",
                "*.example.com",
                "*.com",
                "*",
                "w*.example.com",
                "example.com.",
                ".example.com",
                "",
                "a..b",
                "a_b.example.com",
            ])),
        }
    }

    /// The base of a name constraint.
    fn constraint(&mut self) -> Vec<u8> {
        match self.below(6) {
            0 => tlv(
                0x87,
                self.pick(&[
                    &[192, 0, 2, 0, 255, 255, 255, 0][..],
                    &[0; 8],
                    &[192, 0, 2, 7, 255, 0, 255, 0],
                    &[0; 32],
                    &[0; 4],
                ]),
            ),
            1 => tlv(0x81, self.pick(&[&b"example.com"[..], b".example.com", b"a@example.com"])),
            2 => tlv(0x86, self.pick(&[&b"example.com"[..], b".example.com"])),
            3 => tlv(0xa4, &self.name()),
            _ => dns(self.pick(&[
                "example.com",
                ".example.com",
                "com",
                "www.example.com",
                "example.org",
                "",
                "*.example.com",
            ])),
        }
    }

    /// Signs a certificate. Sometimes a byte is changed before.
    fn encode(&mut self, fields: &Fields) -> Vec<u8> {
        match self.below(16) {
            0 => fields.sign_changed(|tbs| self.flip("before the signature", tbs)),
            _ => fields.sign(),
        }
    }

    /// Changes a byte.
    fn flip(&mut self, when: &str, der: &mut [u8]) {
        let at = self.below(der.len());
        der[at] = match self.below(3) {
            0 => der[at] ^ 1 << self.below(8),
            1 => self.pick(&[0, 1, 0x7f, 0x80, 0xff]),
            _ => der[at].wrapping_add(1),
        };
        self.log.push(format!("byte {at} {when}"));
    }
}
