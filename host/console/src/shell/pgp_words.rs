//! A fingerprint as words to read aloud: the PGP word list (Juola and Zimmermann, 1995).
//!
//! A byte at an even index is a word of two syllables, a byte at an odd index a word of three. So the listener notices
//! a word that is missing, repeated or swapped with the next.

/// The two words of each byte value, in the order of the values.
const LIST: &str = include_str!("pgp_words.txt");

/// The words of `bytes`.
pub(crate) fn pgp_words(bytes: &[u8]) -> Vec<&'static str> {
    let list: Vec<&str> = LIST.split_whitespace().collect();
    let word = |(place, byte): (usize, &u8)| list.get(2 * usize::from(*byte) + place % 2).copied();
    bytes.iter().enumerate().filter_map(word).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_has_two_different_words_for_each_byte() {
        let all: std::collections::BTreeSet<&str> = LIST.split_whitespace().collect();
        assert_eq!((LIST.split_whitespace().count(), all.len()), (512, 512));
        for place in 0..2 {
            // Each column is in alphabetical order, except for a few words.
            let column: Vec<_> =
                LIST.split_whitespace().skip(place).step_by(2).map(str::to_lowercase).collect();
            let sorted = column.windows(2).filter(|pair| pair[0] < pair[1]).count();
            assert!(sorted >= 250, "{sorted} in column {place}");
        }
    }

    #[test]
    fn the_published_example() {
        // The usual example of the word list.
        let bytes = [
            0xe5, 0x82, 0x94, 0xf2, 0xe9, 0xa2, 0x27, 0x48, 0x6e, 0x8b, 0x06, 0x1b, 0x31, 0xcc, 0x52, 0x8f,
            0xd7, 0xfa, 0x3f, 0x19,
        ];
        assert_eq!(
            pgp_words(&bytes).join(" "),
            "topmost Istanbul Pluto vagabond treadmill Pacific brackish dictator goldfish Medusa afflict bravado \
             chatter revolver Dupont midsummer stopwatch whimsical cowbell bottomless"
        );
    }
}
