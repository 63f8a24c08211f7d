//! The first posts of an account, kept as they came, and what they tell.
//!
//! For an account that is new: what a vendor does not publish (scales, batches,
//! encodings, codes) is seen in its first posts. They are kept in one bounded file in
//! the data directory, without what could let anybody in: credentials, cookies and the
//! path are never written. A post is never held up, and never refused, for its capture:
//! what finds no room on the way to the writing thread, or no room on the disk, is
//! counted and not captured. Once the file is full, a post costs one look at a number.

mod file;
mod hide;
mod keeper;
mod post;
mod report;

pub use file::{CaptureError, Captured, POSTS_MAX, file_name, read};
pub use post::Post;
pub use report::{Bodies, Http, Meter, Question, Register, Report, ScaleUse, Spread, UnknownField};

pub(super) use keeper::{Capture, Pending, Writer, finish};
