//! Behaviour of the cloud that is not published, or that differs between descriptions.

use std::time::Duration;

/// Switches of the cloud's behaviour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Switches {
    /// Names in camelCase, as in the description; otherwise PascalCase, as seen on the wire.
    pub camel_case: bool,
    /// Fields that do not apply are null; otherwise absent.
    pub nulls: bool,
    /// The list of registrations shows their passwords.
    pub lists_passwords: bool,
    /// A URL may be registered twice; otherwise 409.
    pub allows_duplicates: bool,
    /// Lifetime of a token.
    pub token_lifetime: Duration,
    /// Logins of persons.
    pub login: LoginSwitches,
    /// Codes as they are printed; otherwise twelve hexadecimal digits.
    pub dotted_codes: bool,
    /// Values of the past differ from the webhook's in their last bits.
    pub float_noise: bool,
    /// Answers for a time range include its end.
    pub past_ends_included: bool,
    /// The list of devices has M-Bus gateways, too.
    pub lists_gateways: bool,
    /// Answers have a Date header.
    pub dates: bool,
    /// The status for an account without a licence for past values.
    pub past_refusal: u16,
    /// The status for the registers of one device; 200 to answer them.
    pub registers_status: u16,
    /// Each `ValuesData` has one more value, whose number is a text.
    pub text_values: bool,
}

impl Default for Switches {
    /// Behaviour as seen in the real API, where known; passwords are not shown and
    /// duplicates are allowed.
    fn default() -> Self {
        Self {
            camel_case: false,
            nulls: false,
            lists_passwords: false,
            allows_duplicates: true,
            token_lifetime: Duration::from_hours(1),
            login: LoginSwitches::default(),
            dotted_codes: false,
            float_noise: true,
            past_ends_included: true,
            lists_gateways: true,
            dates: true,
            past_refusal: 403,
            registers_status: 200,
            text_values: false,
        }
    }
}

impl Switches {
    /// A field's name, given in PascalCase.
    pub(super) fn name(&self, pascal: &str) -> String {
        let mut name = pascal.to_owned();
        if let (true, Some(first)) = (self.camel_case, name.get_mut(..1)) {
            first.make_ascii_lowercase();
        }
        name
    }
}

/// Logins of persons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoginSwitches {
    /// Handling of a used refresh token.
    pub rotation: Rotation,
    /// The poll interval that the cloud announces for a device code.
    pub told_interval: Duration,
    /// The shortest accepted poll interval; faster polls are answered `slow_down`.
    pub device_interval: Duration,
    /// Time in which a code can be confirmed.
    pub code_lasts: Duration,
}

/// Handling of a used refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotation {
    /// It stays valid, and no other is issued.
    Never,
    /// Another is issued, and the used one ends at once.
    AtOnce,
    /// Another is issued, and the used one ends when the new one is used.
    WhenUsed,
}

impl Default for LoginSwitches {
    fn default() -> Self {
        Self {
            rotation: Rotation::AtOnce,
            told_interval: Duration::from_secs(5),
            device_interval: Duration::from_secs(5),
            code_lasts: Duration::from_mins(10),
        }
    }
}
