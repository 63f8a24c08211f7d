//! The contents that a file may have that is replaced as a whole.

use std::fmt::Debug;

/// The contents that a file may have after a power cut: a start must find one of them.
#[derive(Debug)]
pub(super) struct Possible<T> {
    what: &'static str,
    /// The newest one that was reported durable, and those attempted since.
    contents: Vec<T>,
}

impl<T: Debug + PartialEq> Possible<T> {
    pub(super) fn only(what: &'static str, content: T) -> Self {
        Self { what, contents: vec![content] }
    }

    /// The content was written; with success it is the only one.
    pub(super) fn written(&mut self, content: T, is_durable: bool) {
        if is_durable {
            self.contents.clear();
        }
        self.contents.push(content);
    }

    /// A start found this. After a cut nothing else can come back.
    pub(super) fn found(&mut self, content: T, is_after_cut: bool) {
        assert!(self.contents.contains(&content), "{} is {content:?}, not one of {:?}", self.what, self.contents);
        if is_after_cut {
            self.contents = vec![content];
        }
    }
}
