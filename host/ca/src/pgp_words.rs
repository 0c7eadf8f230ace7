//! A fingerprint as words to read aloud: the PGP word list (Juola and Zimmermann, 1995).
//!
//! A byte at an even index is a word of two syllables, a byte at an odd index a word of three. So the listener notices
//! a word that is missing, repeated or swapped with the next.

/// The two words of each byte value, in the order of the values.
const LIST: &str = include_str!("pgp_words.txt");

/// The reason why words are not bytes. It names the place of a word, and not the word, which may be a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WordError {
    /// The list has no such word.
    #[error("word {0} is not in the word list of fingerprints")]
    Unknown(usize),
    /// The word belongs to the other column of the list.
    #[error("word {0} cannot be at this place: a word is missing, repeated or swapped")]
    Place(usize),
}

/// The words of `bytes`.
pub fn words(bytes: &[u8]) -> Vec<&'static str> {
    let list: Vec<&str> = LIST.split_whitespace().collect();
    let word = |(place, byte): (usize, &u8)| list.get(2 * usize::from(*byte) + place % 2).copied();
    bytes.iter().enumerate().filter_map(word).collect()
}

/// The bytes of `words`, in upper or lower case.
///
/// # Errors
/// [`WordError`] names the first wrong word. The first word has the number 1.
pub fn bytes(words: &[&str]) -> Result<Vec<u8>, WordError> {
    let byte = |(place, word): (usize, &&str)| {
        let found = LIST.split_whitespace().position(|known| known.eq_ignore_ascii_case(word));
        let found = found.ok_or(WordError::Unknown(place + 1))?;
        let value = u8::try_from(found / 2).map_err(|_| WordError::Unknown(place + 1))?;
        if found % 2 == place % 2 { Ok(value) } else { Err(WordError::Place(place + 1)) }
    };
    words.iter().enumerate().map(byte).collect()
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
        let example_bytes = [
            0xe5, 0x82, 0x94, 0xf2, 0xe9, 0xa2, 0x27, 0x48, 0x6e, 0x8b, 0x06, 0x1b, 0x31, 0xcc, 0x52, 0x8f,
            0xd7, 0xfa, 0x3f, 0x19,
        ];
        let example = "topmost Istanbul Pluto vagabond treadmill Pacific brackish dictator goldfish Medusa afflict bravado \
             chatter revolver Dupont midsummer stopwatch whimsical cowbell bottomless";
        assert_eq!(words(&example_bytes).join(" "), example);
        let typed = example.to_uppercase();
        let typed: Vec<_> = typed.split(' ').collect();
        assert_eq!(bytes(&typed), Ok(example_bytes.to_vec()));
    }

    #[test]
    fn a_wrong_word_is_named_by_its_place() {
        assert_eq!(bytes(&["topmost", "nonsense"]), Err(WordError::Unknown(2)));
        assert_eq!(bytes(&["Istanbul", "topmost"]), Err(WordError::Place(1)));
        assert_eq!(bytes(&["topmost", "Istanbul", "vagabond"]), Err(WordError::Place(3)));
    }
}
