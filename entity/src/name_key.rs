//! Keys by which names are compared.

use icu_normalizer::ComposingNormalizerBorrowed;
use sea_orm::DeriveValueType;

/// The lookup key of a name. The same text in different Unicode forms, such as `é` written as one character or as two,
/// has the same normalized key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, DeriveValueType)]
pub struct NameKey(String);

impl NameKey {
    /// The name in Unicode normalization form C.
    #[must_use]
    pub fn normal(name: &str) -> Self {
        const NFC: ComposingNormalizerBorrowed<'static> = ComposingNormalizerBorrowed::new_nfc();
        Self(NFC.normalize(name).into_owned())
    }

    /// The name as it was sent. If it differs from the normalized key, it is not the normalized key of any name.
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
        // Compatibility forms are not equal: the ligature is a different name.
        assert_ne!(NameKey::normal("ﬁ"), NameKey::normal("fi"));
    }
}
