//! What names are compared by.

use icu_normalizer::ComposingNormalizerBorrowed;
use sea_orm::DeriveValueType;

/// What a name that a caller gave is found by. The same text in another Unicode form, such as `é` written as one
/// character or as two, has the same normal key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, DeriveValueType)]
pub struct NameKey(String);

impl NameKey {
    /// The name in Unicode's normal form C.
    #[must_use]
    pub fn normal(name: &str) -> Self {
        const NFC: ComposingNormalizerBorrowed<'static> = ComposingNormalizerBorrowed::new_nfc();
        Self(NFC.normalize(name).into_owned())
    }

    /// The name as it was sent. Where it differs from the normal key it is no name's normal key.
    #[must_use]
    pub fn as_sent(name: &str) -> Self {
        Self(name.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_text_in_two_unicode_forms_has_one_normal_key() {
        for (composed, other) in [
            ("José", "Jose\u{301}"),
            ("한", "\u{1112}\u{1161}\u{11ab}"),
            ("Å", "\u{212b}"),
            ("ệ", "e\u{302}\u{323}"),
        ] {
            assert_eq!(NameKey::normal(other), NameKey::normal(composed));
            assert_eq!(NameKey::normal(composed), NameKey::as_sent(composed), "{composed}");
            assert_ne!(NameKey::normal(other), NameKey::as_sent(other), "{other}");
        }
        // Compatibility is no equality: the ligature is another name.
        assert_ne!(NameKey::normal("ﬁ"), NameKey::normal("fi"));
    }
}
