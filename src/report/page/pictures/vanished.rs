//! Vanished runs: a table without a picture.

use crate::report::page::Present;
use crate::report::reports::Vanished;

impl Present for Vanished {}
