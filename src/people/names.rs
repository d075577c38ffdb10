//! Names of people and galleries: maximum length, and the form used for searching.

use icu_normalizer::DecomposingNormalizerBorrowed;

use super::PeopleError;

/// Maximum length of gallery names, external ids and display names, in characters.
pub const MAX_NAME_CHARACTERS: usize = 255;

/// Rejects a name that is empty, too long or contains a NUL character; `what` is the argument's name.
///
/// # Errors
/// [`PeopleError::BadInput`] with the reason.
pub fn check_name(what: &str, name: &str) -> Result<(), PeopleError> {
    if (1..=MAX_NAME_CHARACTERS).contains(&name.chars().count()) {
        return check_storable(what, name);
    }
    Err(PeopleError::BadInput(format!("{what} must have 1 to {MAX_NAME_CHARACTERS} characters")))
}

/// Rejects text that some databases cannot store.
pub(super) fn check_storable(what: &str, text: &str) -> Result<(), PeopleError> {
    if text.contains('\0') {
        return Err(PeopleError::BadInput(format!("{what} must not contain a NUL character (U+0000)")));
    }
    Ok(())
}

/// Decomposes a name and folds its case for searching. Works character by character, so that a prefix of a name folds
/// to a prefix of the folded name: a letter is a prefix of its accented form, and a Hangul syllable of the longer
/// syllables it begins. `str::to_lowercase` does not have this property: it lowercases a final Greek sigma differently.
pub(super) fn fold(name: &str) -> String {
    const NFD: DecomposingNormalizerBorrowed<'static> = DecomposingNormalizerBorrowed::new_nfd();
    let decomposed = NFD.normalize(name);
    let folded: String =
        decomposed.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect();
    NFD.normalize(&folded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_begins_a_name_begins_it_folded() {
        let decomposed = ["Jose\u{301}", "Nguye\u{302}\u{303}n", "\u{1100}\u{1175}\u{11b7}"];
        for name in ["ΟΔΟΣ", "Οδος", "STRASSE", "Straße", "İstanbul", "ǅ", "名前", "José", "ᾴ"]
            .iter()
            .chain(&decomposed)
        {
            for (end, letter) in name.char_indices() {
                let beginning = &name[..end + letter.len_utf8()];
                assert!(fold(name).starts_with(&fold(beginning)), "{beginning}");
            }
        }
        assert_eq!((fold("ΟΔΟΣ"), fold("STRASSE")), (fold("οδος"), fold("straße")));
    }

    #[test]
    fn one_text_in_two_unicode_forms_folds_to_the_same() {
        for (composed, other) in [
            ("JOSÉ", "jose\u{301}"),
            ("Nguyễn", "nguye\u{302}\u{303}n"),
            ("김", "\u{1100}\u{1175}\u{11b7}"),
            ("ᾴ", "α\u{345}\u{301}"),
            ("Å", "\u{212b}"),
        ] {
            assert_eq!(fold(composed), fold(other));
        }
    }

    #[test]
    fn what_somebody_types_letter_by_letter_begins_the_name() {
        for (name, typed) in [("José", "jose"), ("Nguyễn", "nguyê"), ("김", "기")] {
            assert!(fold(name).starts_with(&fold(typed)), "{typed}");
        }
    }
}
