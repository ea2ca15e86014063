//! How long a mail waits after the relay put it off.
//!
//! Mail about an emergency is tried soon and often: each kind of mail has its own end, long before
//! the four days of RFC 5321 section 4.5.4.1, so the pauses stop growing at a quarter of an hour.

use chrono::TimeDelta;

/// Seconds after the first attempt, the second, and so on; the last holds from there.
const PAUSES_SECONDS: [i64; 7] = [10, 30, 60, 120, 300, 600, 900];

/// The pause after `attempts` attempts. `chance`, any number, moves it by a fifth either way, so
/// that what failed together does not come back together.
pub fn pause_after(attempts: i64, chance: u32) -> TimeDelta {
    let at = usize::try_from(attempts.saturating_sub(1)).unwrap_or(0);
    let seconds = PAUSES_SECONDS.get(at).or(PAUSES_SECONDS.last()).copied().unwrap_or(900);
    let moved_millis = (seconds * 400 * i64::from(chance)) >> u32::BITS;
    TimeDelta::milliseconds(seconds * 800 + moved_millis)
}

/// The chance of a pause; the middle when the machine has none to give.
pub fn chance() -> u32 {
    getrandom::u32().unwrap_or(u32::MAX / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_quarter_of_an_hour_and_no_further() {
        let middle = |attempts| pause_after(attempts, 1 << 31).num_seconds();
        assert_eq!([0, 1, 2, 3, 7, 8, i64::MAX].map(middle), [10, 10, 30, 60, 900, 900, 900]);
    }

    #[test]
    fn chance_moves_a_pause_by_a_fifth_at_most() {
        assert_eq!(pause_after(3, 0), TimeDelta::seconds(48));
        assert_eq!(pause_after(3, u32::MAX), TimeDelta::milliseconds(71_999));
    }
}
