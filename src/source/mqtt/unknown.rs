//! Messages that no decoder knows: counted by pattern, and some kept.
//!
//! Invariants: at most [`PATTERNS_MAX`] patterns are distinguished; a pattern holds no id and no
//! secret, because every segment that is not a plain word is replaced.

use crate::metrics;
use ::metrics::Counter;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Patterns that are distinguished; further ones are counted together.
pub(super) const PATTERNS_MAX: usize = 32;
/// Segments and characters of a pattern.
const SEGMENTS_MAX: usize = 8;
const WORD_MAX: usize = 32;
/// The pattern of all further messages.
const OTHER: &str = "other";
/// One message of each pattern is kept in this time.
const KEPT_EVERY: Duration = Duration::from_mins(10);

/// The patterns seen.
#[derive(Debug)]
pub(super) struct Unknown {
    source: String,
    patterns: HashMap<String, Seen>,
}

#[derive(Debug)]
struct Seen {
    messages: Counter,
    kept: Option<Instant>,
}

impl Unknown {
    pub(super) fn new(source: &str) -> Self {
        Self { source: source.to_owned(), patterns: HashMap::new() }
    }

    /// Counts a message. Returns whether it is one to keep, if messages are kept.
    pub(super) fn count(&mut self, topic: &str, now: Instant) -> bool {
        let mut pattern = pattern(topic);
        if !self.patterns.contains_key(&pattern) && self.patterns.len() >= PATTERNS_MAX {
            OTHER.clone_into(&mut pattern);
        }
        let source = &self.source;
        let seen = self.patterns.entry(pattern).or_insert_with_key(|pattern| Seen {
            messages: metrics::counter(
                "meterline_mqtt_unknown_messages_total",
                &[("source", source.clone()), ("pattern", pattern.clone())],
            ),
            kept: None,
        });
        seen.messages.increment(1);
        let is_due = seen.kept.is_none_or(|kept| now.saturating_duration_since(kept) >= KEPT_EVERY);
        if is_due {
            seen.kept = Some(now);
        }
        is_due
    }

    /// The number of patterns seen.
    pub(super) fn patterns(&self) -> usize {
        self.patterns.len()
    }
}

/// A topic or a filter without ids and secrets: plain words stay, every other segment becomes `+`.
pub(super) fn pattern(topic: &str) -> String {
    let mut pattern = String::new();
    for (number, segment) in topic.split('/').enumerate() {
        if number > 0 {
            pattern.push('/');
        }
        if number == SEGMENTS_MAX {
            pattern.push('#');
            break;
        }
        pattern.push_str(if is_word(segment) { segment } else { "+" });
    }
    pattern
}

fn is_word(segment: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'-' | b'#');
    segment.len() <= WORD_MAX && segment.bytes().all(is_letter)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use proptest::prelude::*;

    #[test]
    fn a_pattern_keeps_words_and_hides_ids() {
        let id = "5f0c6b1e-9a3d-4a0e-8d1b-0b7a3f5f6f11";
        assert_eq!(pattern(&format!("servicelocation/{id}/nilm")), "servicelocation/+/nilm");
        assert_eq!(pattern("a/1728053249/T1"), "a/+/+");
        assert_eq!(pattern("a/b/c/d/e/f/g/h/i/j"), "a/b/c/d/e/f/g/h/#");
        assert_eq!(pattern(""), "");
    }

    #[test]
    fn the_patterns_are_bounded_and_one_message_of_each_is_kept_in_ten_minutes() {
        let (mut unknown, now) = (Unknown::new("bounds"), Clock::system().monotonic());
        assert!(unknown.count("a/b", now));
        assert!(!unknown.count("a/b", now));
        assert!(unknown.count("a/b", now + KEPT_EVERY));
        for number in 0..100_u8 {
            let word: String = number.to_string().bytes().map(|digit| char::from(digit - b'0' + b'a')).collect();
            unknown.count(&format!("x/{word}"), now);
        }
        assert_eq!(unknown.patterns(), PATTERNS_MAX + 1);
    }

    proptest! {
        #[test]
        fn a_pattern_is_short_and_has_no_digit(topic in ".{0,400}") {
            let pattern = pattern(&topic);
            prop_assert!(pattern.len() <= (SEGMENTS_MAX + 1) * (WORD_MAX + 1), "{}", pattern);
            prop_assert!(!pattern.bytes().any(|byte| byte.is_ascii_digit()), "{}", pattern);
        }
    }
}
