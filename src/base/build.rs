//! Facts about this build: version, commit, time and features, as `build.rs` wrote them down.

/// The version of the package.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The commit; with `-dirty` if files were changed. A development build does not record it.
pub const COMMIT: &str = env!("METERLINE_BUILD_COMMIT");
/// The optional parts of this build, separated by commas.
pub const FEATURES: &str = env!("METERLINE_BUILD_FEATURES");
/// The time of the build in seconds since 1970.
pub const UNIX_SECONDS: &str = env!("METERLINE_BUILD_UNIX_SECONDS");

/// The time of the build as RFC 3339.
pub fn time() -> String {
    let seconds = UNIX_SECONDS.parse().ok();
    let time = seconds.and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    time.map_or_else(|| UNIX_SECONDS.to_owned(), |time| time.to_string())
}
