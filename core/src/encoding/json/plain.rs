//! The characters of a string, a word at a time.

/// The number of bytes at the start of `text` that a string may contain.
#[inline] // Into the reader, for each string.
pub(super) fn plain(text: &[u8]) -> usize {
    const WORD: usize = size_of::<usize>();
    let (words, _) = text.as_chunks::<WORD>();
    let whole = WORD * words.iter().take_while(|word| all_plain(usize::from_le_bytes(**word))).count();
    let rest = text.get(whole..).unwrap_or_default();
    whole
        + rest.iter().take_while(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\')).count()
}

/// Whether all bytes of a word are printable ASCII except `"` and `\`. A byte that fails gets its highest bit set.
const fn all_plain(word: usize) -> bool {
    const EACH: usize = usize::MAX / 0xff;
    const fn zero(word: usize) -> usize {
        word.wrapping_sub(EACH) & !word
    }
    let beyond = word | word.wrapping_add(EACH); // above `~`
    let below = word.wrapping_sub(EACH * b' ' as usize) & !word;
    let quoted = zero(word ^ (EACH * b'"' as usize)) | zero(word ^ (EACH * b'\\' as usize));
    (beyond | below | quoted) & (EACH << 7) == 0
}
