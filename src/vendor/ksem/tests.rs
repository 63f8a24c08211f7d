//! Documents and frames of the maker's interfaces as public sources show them, and our own.

mod documents;
mod gdr;
mod oracle;

use crate::vendor::lines::line;
use crate::vendor::{MessageError, Part};

/// The parts that a decoder gives, as lines.
fn lines<E>(read: impl FnOnce(&mut dyn FnMut(Part<'_>)) -> Result<(), E>) -> Result<Vec<String>, E> {
    let mut lines = Vec::new();
    read(&mut |part| lines.push(line(&part)))?;
    Ok(lines)
}
