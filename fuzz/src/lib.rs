//! The claims that fuzzing tries to refute, each a function of any bytes.
//!
//! The fuzz targets call them, and so does a test of the stable compiler with the seeds (`tests/fuzz_seeds`).

pub mod batch;
pub mod decode;
pub mod files;
pub mod recover;
pub mod request;
pub mod scratch;
pub mod small;
pub mod telegram;
