//! The journal's promises, at its door.

mod cursors;
mod everyday;
mod faults;
mod model;
mod recovery;
mod retention;
mod support;
