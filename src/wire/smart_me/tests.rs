//! What a body means, row by row; the property tests against prost are in `oracle`.

use super::*;
use crate::wire::PayloadFormat;

mod bytes;
mod errors;
mod odd;
mod oracle;
mod samples;
