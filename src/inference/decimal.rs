//! Converts the engine's f32 for clients, so that 0.6 is shown as 0.6 and not as 0.6000000238418579.

/// The f64 nearest to the shortest decimal representation of `value`. Converting it back to f32 yields `value` again.
#[must_use]
pub fn widen(value: f32) -> f64 {
    // Every formatted f32 can be parsed.
    value.to_string().parse().unwrap_or_else(|_| value.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::float_cmp, clippy::cast_possible_truncation, reason = "exactness is what is tested")]
    fn a_number_reads_as_it_was_written_and_loses_nothing() {
        assert_eq!(widen(0.6), 0.6);
        for value in [1.0_f32 / 3.0, -0.0, f32::MIN_POSITIVE, f32::MAX, -12345.678] {
            assert_eq!(widen(value) as f32, value);
        }
    }
}
