//! Topics, secrets, and messages of both generations, with numbers of our own in the published forms.

mod topics;
