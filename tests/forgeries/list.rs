pub(crate) struct Row {
    pub(crate) name: &'static str,
}
pub(crate) const FORGERIES: &[Row] = &[];
