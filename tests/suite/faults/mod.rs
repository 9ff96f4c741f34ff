//! The fault table: credential A fails in one way, B works, twelve requests in a row. What does the caller notice, and how
//! often was A asked?

mod measure;
mod rows;

pub(crate) use rows::{MODEL, content, finish, role, streamed_answer, table, whole_answer};
