//! Compiles the vendor's messages: the simulated fleet encodes with them.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=../proto/smart_me");
    let files = protox::compile(["smart_me.proto"], ["../proto/smart_me"])?;
    prost_build::Config::new().bytes(["."]).compile_fds(files)?;
    Ok(())
}
