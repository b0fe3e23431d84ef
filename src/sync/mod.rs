//! Joins the server, the reader and the archive.
