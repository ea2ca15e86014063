//! Waiting for a condition, never for time.

use std::time::{Duration, Instant};

/// Between two looks at a condition that nobody signals.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What `look` finds, as soon as it finds something.
///
/// # Panics
///
/// When it finds nothing within `within`; `what` completes "waited … for".
pub fn until<T>(what: &str, within: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + within;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "waited {within:?} in vain for {what}");
        std::thread::sleep(LOOK_EVERY);
    }
}
