//! Compiles the public contract `proto/meterline/v1`, writes down its fields for
//! the test that refuses breaking changes, and stamps the build date.

use std::error::Error;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=proto/meterline");
    println!("cargo:rerun-if-env-changed=SOURCE_DATE_EPOCH");
    println!("cargo:rustc-env=METERLINE_BUILD_UNIX_SECONDS={}", build_unix_seconds()?);

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

/// The build's date, for the check that the machine's clock is set at all.
/// `SOURCE_DATE_EPOCH` fixes it for repeatable builds.
#[expect(clippy::disallowed_methods, reason = "a build script has no Clock")]
fn build_unix_seconds() -> Result<u64, Box<dyn Error>> {
    match std::env::var("SOURCE_DATE_EPOCH") {
        Ok(seconds) => Ok(seconds.parse()?),
        Err(_) => Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs()),
    }
}
