pub(crate) const FORGERIES: &[&str] = &[];
