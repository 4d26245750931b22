//! The least generation that a request wants to be answered by: who has seen a switch can ask any
//! gateway, and is answered by that switch's version or a later one, or told to try again.

use contract::Generation;
use http::{HeaderMap, HeaderName};
use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};

use super::refuse::Why;

/// The field that names it: one whole number from 1 on, in digits. Versions do not get it.
pub(super) const MIN_GENERATION: HeaderName = HeaderName::from_static("x-min-generation");

/// Reads the field.
///
/// # Errors
///
/// If it is there and is no generation.
pub(super) fn wanted(fields: &HeaderMap) -> Result<Option<Generation>, Why> {
    let mut values = fields.get_all(MIN_GENERATION).iter();
    let value = match (values.next(), values.next()) {
        (None, _) => return Ok(None),
        (Some(value), None) => value.as_bytes(),
        (Some(_), Some(_)) => return Err(Why::BadMinGeneration),
    };
    Some(value)
        .filter(|value| value.iter().all(u8::is_ascii_digit))
        .and_then(|digits| std::str::from_utf8(digits).ok())
        .and_then(|digits| digits.parse::<u64>().ok())
        .and_then(|number| Generation::try_from(number).ok())
        .map(Some)
        .ok_or(Why::BadMinGeneration)
}

/// Waits for the next route of whatever application.
///
/// # Errors
///
/// If none has come by the deadline.
pub(super) async fn next_route(
    moved: &mut watch::Receiver<()>,
    deadline: Instant,
) -> Result<(), Why> {
    match timeout_at(deadline, moved.changed()).await {
        Ok(Ok(())) => Ok(()),
        // The data plane outlives its requests.
        Ok(Err(_)) | Err(_) => Err(Why::GenerationNotReached),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[&str]) -> Result<Option<u64>, Why> {
        let fields = values
            .iter()
            .map(|value| (MIN_GENERATION, value.parse().unwrap()));
        wanted(&fields.collect()).map(|it| it.map(Generation::get))
    }

    #[test]
    fn a_generation_is_a_number_from_1_on_and_nothing_else() {
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&["1"]), Ok(Some(1)));
        assert_eq!(read(&["0042"]), Ok(Some(42)));
        let most = i64::MAX as u64;
        assert_eq!(read(&[&most.to_string()]), Ok(Some(most)));
        for odd in [
            "",
            "0",
            "-1",
            "+1",
            " 1 2",
            "1.0",
            "0x1",
            "one",
            "1,2",
            "9223372036854775808",
            "18446744073709551616",
            "99999999999999999999999",
        ] {
            assert_eq!(read(&[odd]), Err(Why::BadMinGeneration), "{odd:?}");
        }
        assert_eq!(read(&["1", "1"]), Err(Why::BadMinGeneration));
    }
}
