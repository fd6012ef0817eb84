//! Values of several columns, laid out query by query: what one draw adds to all columns lies side by side.

/// A value for each query and column.
pub(super) struct Rows {
    values: Vec<f64>,
    columns: usize,
    queries: usize,
}

impl Rows {
    /// # Panics
    /// Where columns have different numbers of queries.
    pub(super) fn of(columns: &[&[f64]]) -> Self {
        let queries = columns.first().map_or(0, |column| column.len());
        assert!(columns.iter().all(|column| column.len() == queries), "columns are of the same queries");
        let values = (0..queries).flat_map(|query| columns.iter().map(move |column| column[query])).collect();
        Self { values, columns: columns.len(), queries }
    }

    pub(super) fn queries(&self) -> usize {
        self.queries
    }

    /// Adds `factor` times the values of one query to the sums of the columns.
    pub(super) fn add(&self, query: usize, factor: f64, sums: &mut [f64]) {
        let row = &self.values[query * self.columns..(query + 1) * self.columns];
        for (sum, value) in sums.iter_mut().zip(row) {
            *sum += factor * value;
        }
    }
}
