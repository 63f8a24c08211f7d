//! Compiles the vendors' messages: the simulated fleet encodes with them, and they are the oracle
//! of the service's own decoders.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=../proto/smart_me");
    let files = protox::compile(["smart_me.proto"], ["../proto/smart_me"])?;
    prost_build::Config::new().bytes(["."]).compile_fds(files)?;
    println!("cargo:rerun-if-changed=../proto/ksem");
    let files = protox::compile(["gdr.proto"], ["../proto/ksem"])?;
    // Its time stamp is built here too, so that no crate of well-known types is needed.
    prost_build::Config::new().btree_map(["."]).compile_well_known_types().compile_fds(files)?;
    Ok(())
}
