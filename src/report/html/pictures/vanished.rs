//! Vanished runs: a table without a picture.

use crate::report::html::Present;
use crate::report::reports::Vanished;

impl Present for Vanished {}
