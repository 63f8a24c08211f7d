//! Behaviour of the cloud that is not published, or that differs between descriptions.

use std::time::Duration;

/// How the cloud behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Switches {
    /// Names in camelCase, as the description says; PascalCase, as the wire was seen, without.
    pub camel_case: bool,
    /// What does not apply is null; absent without.
    pub nulls: bool,
    /// The list of registrations shows their passwords.
    pub lists_passwords: bool,
    /// An address may be registered twice; 409 without.
    pub allows_duplicates: bool,
    /// How long a token lasts.
    pub token_lifetime: Duration,
    /// How logins of persons behave.
    pub login: LoginSwitches,
    /// Codes as they are printed; twelve hexadecimal digits without.
    pub dotted_codes: bool,
    /// Values of the past differ from the webhook's in their last bits.
    pub float_noise: bool,
    /// The end of a stretch of the past is given, too.
    pub past_ends_included: bool,
    /// The list of devices has M-Bus gateways, too.
    pub lists_gateways: bool,
    /// Answers say when they were given.
    pub dates: bool,
    /// What an account without a licence for the past is answered.
    pub past_refusal: u16,
}

impl Default for Switches {
    /// As it was seen where something was seen; passwords are not shown and
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

/// How logins of persons behave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoginSwitches {
    /// What becomes of a refresh token that is used.
    pub rotation: Rotation,
    /// A device is told to ask so often whether its code is confirmed.
    pub told_interval: Duration,
    /// And may; sooner it is told to slow down.
    pub device_interval: Duration,
    /// So long a code can be confirmed.
    pub code_lasts: Duration,
}

/// What becomes of a refresh token that is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotation {
    /// It stays, and no other is given.
    Never,
    /// Another is given, and it ends at once.
    AtOnce,
    /// Another is given, and it ends when that is used.
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
