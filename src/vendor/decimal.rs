//! Decimal numbers as meters print them: digits and a power of ten, without rounding.
//!
//! Pure. Invariant: a number is converted to `f64` once, at the end, with one rounding.

use std::ops::Add;

/// `digits` × 10^`exponent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Decimal {
    digits: i64,
    exponent: i8,
}

/// The powers of ten of nearly every reading; all are exact.
const TENS: [f64; 10] = [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];

/// More digits are no meter's reading; 18 always fit.
const DIGITS_MAX: usize = 18;

impl Decimal {
    /// `digits` × 10^`exponent`.
    pub(crate) const fn new(digits: i64, exponent: i8) -> Self {
        Self { digits, exponent }
    }

    /// Parses `[+|-]digits[.digits]`. `None` for anything else, also for an exponent.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        let (negative, text) = match text {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            _ => (false, text),
        };
        let (mut digits, mut count, mut exponent, mut point) = (0_i64, 0_usize, 0_i8, false);
        for byte in text {
            match byte {
                b'0'..=b'9' if count < DIGITS_MAX => {
                    digits = digits * 10 + i64::from(byte - b'0');
                    // Leading zeros are no digits: meters fill their fields with them.
                    count += usize::from(digits != 0);
                    exponent = exponent.checked_sub(i8::from(point))?;
                }
                b'.' if !point => point = true,
                _ => return None,
            }
        }
        let is_number = text.iter().any(u8::is_ascii_digit) && text.last().is_some_and(u8::is_ascii_digit);
        is_number.then_some(Self { digits: if negative { -digits } else { digits }, exponent })
    }

    /// The number × 10^`power`.
    #[must_use]
    pub(crate) fn shifted(self, power: i8) -> Self {
        Self { digits: self.digits, exponent: self.exponent.saturating_add(power) }
    }

    /// Whether it was written with a decimal point or shifted.
    pub(crate) fn is_whole(self) -> bool {
        self.exponent >= 0
    }

    /// The number × 10^`power` as a whole number; the rest of a fraction is cut off. `None` if it needs
    /// more than 64 bits.
    pub(crate) fn whole(self, power: i8) -> Option<i64> {
        let exponent = i16::from(self.exponent) + i16::from(power);
        let ten = 10_i64.checked_pow(u32::from(exponent.unsigned_abs()));
        match ten {
            _ if self.digits == 0 => Some(0),
            Some(ten) if exponent >= 0 => self.digits.checked_mul(ten),
            Some(ten) => Some(self.digits / ten),
            None if exponent >= 0 => None,
            None => Some(0),
        }
    }

    /// The nearest `f64`.
    pub(crate) fn to_f64(self) -> f64 {
        self.divided_by(1)
    }

    /// The number ÷ `divisor`, as the nearest `f64` of an exactly scaled dividend.
    #[expect(clippy::cast_precision_loss, reason = "18 digits round once, as in any parser of numbers")]
    pub(crate) fn divided_by(self, divisor: u32) -> f64 {
        let power = self.exponent.unsigned_abs();
        let ten = TENS.get(usize::from(power)).copied().unwrap_or_else(|| 10_f64.powi(i32::from(power)));
        let digits = self.digits as f64;
        if self.exponent >= 0 { digits * ten / f64::from(divisor) } else { digits / (ten * f64::from(divisor)) }
    }
}

impl Add for Decimal {
    type Output = Option<Self>;

    /// The exact sum; `None` if it needs too many digits.
    fn add(self, other: Self) -> Option<Self> {
        let exponent = self.exponent.min(other.exponent);
        let aligned = |number: Self| {
            let power = u32::try_from(i16::from(number.exponent) - i16::from(exponent)).ok()?;
            number.digits.checked_mul(10_i64.checked_pow(power)?)
        };
        Some(Self { digits: aligned(self)?.checked_add(aligned(other)?)?, exponent })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn value(text: &str) -> Option<f64> {
        Decimal::parse(text.as_bytes()).map(Decimal::to_f64)
    }

    #[test]
    fn what_meters_print_is_a_number_and_nothing_else_is() {
        assert_eq!(value("004491.266"), Some(4491.266));
        assert_eq!(value("-063"), Some(-63.0));
        assert_eq!(value("+0.5"), Some(0.5));
        assert_eq!(value(".5"), Some(0.5));
        assert_eq!(value("000000000000000000000000001"), Some(1.0));
        for text in ["", "-", ".", "1.", "1.2.3", "1e3", "NaN", "inf", "1 2", "0x10", "1234567890123456789"] {
            assert_eq!(value(text), None, "{text}");
        }
    }

    #[test]
    fn a_whole_number_has_no_fraction_and_fits() {
        let whole = |text: &str, power| Decimal::parse(text.as_bytes()).unwrap().whole(power);
        assert_eq!(whole("1729699542.5838757", 9), Some(1_729_699_542_583_875_700));
        assert_eq!(whole("1.9", 0), Some(1));
        assert_eq!(whole("-0.5", 3), Some(-500));
        assert_eq!(whole("0", 100), Some(0));
        assert_eq!(whole("99999999999", 9), None);
        assert_eq!(whole("1", 127), None);
        assert_eq!(whole("1", -128), Some(0));
    }

    #[test]
    fn a_sum_is_exact() {
        let sum =
            |a: &str, b: &str| (Decimal::parse(a.as_bytes()).unwrap() + Decimal::parse(b.as_bytes()).unwrap()).unwrap();
        assert_eq!(sum("0.1", "0.2").to_f64(), 0.3);
        assert_eq!(sum("12345.678", "-0.0001").to_f64(), 12345.6779);
    }

    proptest! {
        #[test]
        fn a_number_is_the_one_that_the_standard_library_parses(text in r"-?[0-9]{1,9}(\.[0-9]{1,6})?") {
            prop_assert_eq!(value(&text), text.parse().ok());
        }

        #[test]
        fn a_shifted_number_is_the_one_with_its_point_moved(digits in 0_u32..1_000_000_000) {
            let kilo = Decimal::parse(format!("{digits:012}").as_bytes()).unwrap().shifted(-3).shifted(6);
            prop_assert_eq!(kilo.to_f64(), f64::from(digits) * 1000.0);
        }
    }
}
