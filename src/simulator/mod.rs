//! A CCS look-alike.
