//! How long a mail waits after the relay put it off.
//!
//! Mail about an emergency is tried soon and often: each kind of mail has its own end, long before
//! the four days of RFC 5321 section 4.5.4.1, so the pauses stop growing at a quarter of an hour.

use chrono::TimeDelta;

/// Seconds after the first attempt, the second, and so on; the last holds from there.
const PAUSES_SECONDS: [i64; 7] = [10, 30, 60, 120, 300, 600, 900];

/// The pause after `attempts` attempts. `chance`, below 1, moves it by a fifth either way, so
/// that what failed together does not come back together.
pub fn pause_after(attempts: i64, chance: f64) -> TimeDelta {
    let at = usize::try_from(attempts.saturating_sub(1)).unwrap_or(0);
    let seconds = PAUSES_SECONDS.get(at).or(PAUSES_SECONDS.last()).copied().unwrap_or(900);
    let spread_millis = seconds * 400;
    #[expect(clippy::cast_possible_truncation, reason = "at most 360,000")]
    let moved_millis = (chance.clamp(0.0, 1.0) * 360_000.0) as i64 * spread_millis / 360_000;
    TimeDelta::milliseconds(seconds * 800 + moved_millis)
}

/// A number from 0 to below 1; the middle when the machine has none to give.
pub fn chance() -> f64 {
    getrandom::u32().map_or(0.5, |number| f64::from(number) / (f64::from(u32::MAX) + 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_quarter_of_an_hour_and_no_further() {
        let middle = |attempts| pause_after(attempts, 0.5).num_seconds();
        assert_eq!([0, 1, 2, 3, 7, 8, i64::MAX].map(middle), [10, 10, 30, 60, 900, 900, 900]);
    }

    #[test]
    fn chance_moves_a_pause_by_a_fifth_at_most() {
        assert_eq!(pause_after(3, 0.0), TimeDelta::seconds(48));
        assert_eq!(pause_after(3, 1.0), TimeDelta::seconds(72));
        for _ in 0..1_000 {
            assert!((0.0..1.0).contains(&chance()));
        }
    }
}
