//! Compiles the public contract `proto/meterline/v1`, writes down its fields for
//! the test that refuses breaking changes, and records commit, time and features of the build.

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=proto/meterline");
    println!("cargo:rerun-if-env-changed=SOURCE_DATE_EPOCH");
    println!("cargo:rustc-env=METERLINE_BUILD_UNIX_SECONDS={}", build_unix_seconds()?);
    println!("cargo:rustc-env=METERLINE_BUILD_COMMIT={}", commit());
    println!("cargo:rustc-env=METERLINE_BUILD_FEATURES={}", features());

    let files = protox::compile(["meterline/v1/reading.proto", "meterline/v1/meter.proto"], ["proto"])?;
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    let mut fields = String::new();
    for message in files.file.iter().flat_map(|file| &file.message_type) {
        for field in &message.field {
            let type_name = field.type_name.as_deref().unwrap_or_default();
            writeln!(
                fields,
                "{}.{} = {} {:?} {:?}{type_name}",
                message.name(),
                field.name(),
                field.number(),
                field.label(),
                field.r#type()
            )?;
        }
    }
    for choice in files.file.iter().flat_map(|file| &file.enum_type) {
        for value in &choice.value {
            writeln!(fields, "{}.{} = {}", choice.name(), value.name(), value.number())?;
        }
    }
    std::fs::write(out.join("reading.fields"), fields)?;
    prost_build::Config::new().compile_fds(files)?;
    Ok(())
}

/// The commit of this tree: named by a variable, by the archive that the tree came in
/// (`git archive` replaces the text), or by git.
fn commit() -> String {
    println!("cargo:rerun-if-env-changed=METERLINE_BUILD_COMMIT");
    let archived = "$Format:%h$";
    if let Ok(given) = std::env::var("METERLINE_BUILD_COMMIT") {
        return given;
    }
    if !archived.starts_with("$Format") {
        return archived.to_owned();
    }
    // A development build would be repeated with each commit.
    if std::env::var("PROFILE").as_deref() != Ok("release") {
        return "not recorded (development build)".to_owned();
    }
    // Not the repository of another tree around this one.
    if !Path::new(".git").exists() {
        return "unknown (no git repository)".to_owned();
    }
    for path in ["src", ".git/HEAD", ".git/logs/HEAD"].iter().filter(|path| Path::new(path).exists()) {
        println!("cargo:rerun-if-changed={path}");
    }
    let described =
        Command::new("git").args(["describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]).output();
    let described = described.ok().filter(|output| output.status.success());
    let name = described.and_then(|output| String::from_utf8(output.stdout).ok());
    name.map_or_else(|| "unknown (git failed)".to_owned(), |name| name.trim().to_owned())
}

/// The features of the package that this build has.
fn features() -> String {
    let is_on = |name: &&str| std::env::var_os(format!("CARGO_FEATURE_{}", name.to_uppercase())).is_some();
    ["sqlite", "questdb", "kafka", "parquet", "demo"].into_iter().filter(is_on).collect::<Vec<_>>().join(", ")
}

/// The build's date, for the check that the machine's clock is set at all.
/// `SOURCE_DATE_EPOCH` fixes it for repeatable builds.
#[expect(clippy::disallowed_methods, reason = "a build script has no Clock")]
fn build_unix_seconds() -> Result<u64, Box<dyn Error>> {
    match std::env::var("SOURCE_DATE_EPOCH") {
        Ok(seconds) => Ok(seconds.parse()?),
        Err(_) => Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs()),
    }
}
