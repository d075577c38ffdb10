//! The text form of a key: `fql_`, 256 random bits and a CRC-32, both in lower-case hexadecimal. The checksum detects
//! mistyped keys without a database query and lets secret scanners recognize a leaked key.

use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

/// The prefix of every key.
const PREFIX: &str = "fql_";
const RANDOM_BYTES: usize = 32;
const CHECKSUM_BYTES: usize = 4;

/// Generates a new key.
///
/// # Errors
/// When the system's random number generator fails.
pub(super) fn generate() -> Result<Zeroizing<String>, ring::error::Unspecified> {
    let mut random = Zeroizing::new([0; RANDOM_BYTES]);
    SystemRandom::new().fill(random.as_mut())?;
    let checksum = crc32fast::hash(random.as_ref()).to_be_bytes();
    let text = Zeroizing::new(hex::encode(random.as_ref()));
    Ok(Zeroizing::new(format!("{PREFIX}{}{}", *text, hex::encode(checksum))))
}

/// Whether the text has the prefix, the length and the checksum of a key.
pub(super) fn is_well_formed(text: &str) -> bool {
    let mut bytes = Zeroizing::new([0; RANDOM_BYTES + CHECKSUM_BYTES]);
    let read = text.strip_prefix(PREFIX).map(|rest| hex::decode_to_slice(rest, bytes.as_mut()));
    if read.is_none_or(|read| read.is_err()) {
        return false;
    }
    let (random, checksum) = bytes.split_at(RANDOM_BYTES);
    crc32fast::hash(random).to_be_bytes() == checksum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_key_is_told_without_asking_anybody() {
        let key = generate().unwrap();
        assert_eq!(key.len(), 76);
        assert!(is_well_formed(&key));
        assert_ne!(*key, *generate().unwrap());
        for place in 4..key.len() {
            let mut wrong = key.as_bytes().to_vec();
            wrong[place] = if wrong[place] == b'0' { b'1' } else { b'0' };
            assert!(!is_well_formed(std::str::from_utf8(&wrong).unwrap()), "{place}");
        }
        for wrong in ["", "fql_", "fql_é", &key[1..], &key[..75], "sk_0123456789abcdef"] {
            assert!(!is_well_formed(wrong));
        }
    }
}
