//! The account of the simulated cloud.

/// The application's id and secret.
pub(super) const CLIENT: (&str, &str) = ("an-application", "hunter2-client");
/// The user's name and password.
pub(super) const USER: (&str, &str) = ("a user", "hunter2&password");
/// The UUID of its location, which is a password.
pub(super) const UUID: &str = "7d0e4a52-93b1-4f6c-8a15-2c9b7f30e6d4";
