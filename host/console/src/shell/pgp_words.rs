//! A fingerprint as words to read aloud: the PGP word list (Juola and Zimmermann, 1995).
//!
//! A byte in an even place, from 0, is a word of two syllables, one in an odd place a word of
//! three: a word that is left out, said twice or swapped with the next is heard.

/// The two words of each byte, in the order of the bytes.
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
    fn the_list_is_whole_and_tells_all_bytes_apart() {
        let all: std::collections::BTreeSet<&str> = LIST.split_whitespace().collect();
        assert_eq!((LIST.split_whitespace().count(), all.len()), (512, 512));
        for place in 0..2 {
            // Alphabetical in each column, but for a few: the list is older than its sorting.
            let column: Vec<_> =
                LIST.split_whitespace().skip(place).step_by(2).map(str::to_lowercase).collect();
            let sorted = column.windows(2).filter(|pair| pair[0] < pair[1]).count();
            assert!(sorted >= 250, "{sorted} in column {place}");
        }
    }

    #[test]
    fn the_published_example() {
        // The fingerprint that the list is usually shown with.
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
